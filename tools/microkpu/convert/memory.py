# SPDX-License-Identifier: MIT
"""What a board has for a kmodel, and what a model needs of it."""

from __future__ import annotations

from math import prod

from microkpu.convert.allocate import Layout
from microkpu.convert.errors import NodeError
from microkpu.convert.program import Place, Program, Step

# Free RAM beside a QVGA image with both buffers: measure M1 of docs/performance.md.
FREE_BYTES = 4939 * 1024


def refuse_too_large(program: Program, layout: Layout, file_bytes: int) -> None:
    """NodeError for a model whose values or file no board has room for."""
    need = layout.main_bytes + file_bytes
    if need <= FREE_BYTES:
        return
    step = max(program.steps, key=_bytes)
    sizes = "x".join(map(str, step.writes[-1].shape))
    raise NodeError(
        step.node,
        f"the model needs {layout.main_bytes // 1024:,} KiB of working memory and "
        f"{file_bytes // 1024:,} KiB for itself, a board has about {FREE_BYTES // 1024:,} KiB "
        f"(the most is the result of this node, {sizes})",
        "make the input smaller, let a stride or pooling come earlier, or use fewer weights",
    )


def _bytes(step: Step) -> int:
    return sum(
        prod(t.shape) * (4 if t.place is Place.FLOATS else 1)
        for t in (*step.reads, *step.writes)
        if t.place in (Place.FLOATS, Place.BYTES)
    )
