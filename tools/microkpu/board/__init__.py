# SPDX-License-Identifier: MIT
"""Control of a board, virtual or real, over its serial port."""

from microkpu.board.connection import open
from microkpu.board.remote import RemoteBoard, ScriptError
from microkpu.board.transport import BoardError
from microkpu.virtual.options import Image, VirtualOptions, image

__all__ = [
    "BoardError",
    "Image",
    "RemoteBoard",
    "ScriptError",
    "VirtualOptions",
    "image",
    "open",
]
