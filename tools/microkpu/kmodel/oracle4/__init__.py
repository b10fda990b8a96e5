# SPDX-License-Identifier: MIT
"""A kmodel V4 run in plain numpy, written from docs/kmodel.md: the second witness beside the C.

Whole arrays instead of loops, but sums in the order of the additions. Files are trusted here:
`microkpu.kmodel._runtime` is what checks them.
"""

from microkpu.kmodel.oracle4.model import run, trace
from microkpu.kmodel.oracle4.state import State

__all__ = [
    "State", "run", "trace",
]  # fmt: skip
