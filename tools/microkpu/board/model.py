# SPDX-License-Identifier: MIT
"""Runs a kmodel on a board: brings model and input there, and the outputs back, byte for byte."""

from __future__ import annotations

from hashlib import sha256

from microkpu.board.remote import RemoteBoard
from microkpu.virtual.board import Board

# On the virtual board model and input are laid into flash, in no time; a real one gets a file.
MODEL_ADDRESS = 0x300000
MODEL_PATH = "/flash/microkpu_run.kmodel"
SECTOR = 4096
FORWARD_SECONDS = 60.0


def run_model(board: RemoteBoard, model: bytes, given: bytes, outputs: int) -> list[bytes]:
    """The bytes of the first `outputs` outputs for the input's, planar as the model has it."""
    if board.virtual is not None:
        where = _lay(board, board.virtual, model, given)
    else:
        where = repr(MODEL_PATH)
        if board.digest(MODEL_PATH) != sha256(model).digest():
            board.put(MODEL_PATH, model)
        board.put_buffer("_given", given)
    board.exec(f"import KPU\n_net = KPU.load({where})", FORWARD_SECONDS)
    board.exec("KPU.forward(_net, _given)", FORWARD_SECONDS)
    found = [board.get_buffer(f"KPU.get_output(_net, {index})") for index in range(outputs)]
    board.exec("KPU.deinit(_net)\ndel _net, _given")
    return found


def _lay(board: RemoteBoard, virtual: Board, model: bytes, given: bytes) -> str:
    place = MODEL_ADDRESS + _sectors(len(model))
    virtual.write_flash(MODEL_ADDRESS, model)
    virtual.write_flash(place, given)
    room = _sectors(len(given))
    board.exec(
        f"import k210\n_given = bytearray({room})\n"
        f"k210.Flash({place}, {room}).readblocks(0, _given)\n"
        f"_given = memoryview(_given)[:{len(given)}]"
    )
    return str(MODEL_ADDRESS)


def _sectors(count: int) -> int:
    return -(-count // SECTOR) * SECTOR
