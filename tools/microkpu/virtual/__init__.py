# SPDX-License-Identifier: MIT
"""The virtual Maix board: `Board` runs the very firmware image that a real board runs."""

from microkpu.virtual.board import Board
from microkpu.virtual.boot_rom import BootError
from microkpu.virtual.registers import RefusedError

__all__ = ["Board", "BootError", "RefusedError"]
