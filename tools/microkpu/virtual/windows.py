# SPDX-License-Identifier: MIT
"""A look at all of a board at once."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from microkpu.virtual.board import Board


def state_hash(board: Board) -> str:
    """A digest of memory, harts, registers, parts and agenda: equal runs have equal ones."""
    machine = board.machine
    digest = blake2b(digest_size=16)
    digest.update(machine.ram)
    digest.update(board.flash.data)
    for block in board.blocks.values():
        digest.update(block.words)
    for hart in (0, 1):
        state = [machine.pc(hart), machine.instret(hart)]
        state += [machine.x(hart, index) for index in range(32)]
        state += [machine.f(hart, index) for index in range(32)]
        digest.update(repr(state).encode())
        digest.update(machine.cache_bytes(hart))
    digest.update(board.lcd.panel.digest())
    if board.card_slot is not None:
        digest.update(board.card_slot.card.digest())
    seen = None if board.camera is None else board.camera.pictures.index
    digest.update(repr((board.cycles, board.events.digest(), seen)).encode())
    return digest.hexdigest()
