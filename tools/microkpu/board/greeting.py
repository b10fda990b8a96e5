# SPDX-License-Identifier: MIT
"""Asks a port whether a K210 is there, by its boot ROM's greeting; whatever its flash holds."""

from __future__ import annotations

import time
from collections.abc import Sequence

import serial

# DTR and RTS of each reset wiring: at rest, reset held, reset let go with the boot pin held.
Steps = tuple[tuple[bool, bool], tuple[bool, bool], tuple[bool, bool]]
SEQUENCES: dict[str, Steps] = {
    "dan": ((False, False), (False, True), (True, False)),
    "kd233": ((False, False), (True, False), (False, True)),
    "goD": ((True, True), (True, False), (True, False)),
}
STEP_SECONDS = 0.1
# kflash's names for boards, by the wiring that they share.
WIRING_OF = {
    "dan": "dan", "bit": "dan", "trainer": "dan",
    "kd233": "kd233", "bit_mic": "kd233", "goE": "kd233", "maixduino": "kd233",
    "goD": "goD",
}  # fmt: skip
GREETING = b"\xc0\xc2" + bytes(12) + b"\xc0"
ANSWER = b"\xc0\xc2\xe0\xc0"
ANSWER_SECONDS = 0.3
ROUNDS = 2


def answering(line: serial.Serial, first: str | None = None) -> str | None:
    """The wiring by which the ROM of a board on the open port answered; None where none did.

    `first` is the one to try first. A board that waits in its ROM answers whatever the wiring.
    """
    names: Sequence[str] = sorted(SEQUENCES, key=lambda name: name != first)
    line.timeout = ANSWER_SECONDS
    for _ in range(ROUNDS):
        for name in names:
            _move(line, SEQUENCES[name])
            line.reset_input_buffer()
            line.write(GREETING)
            if ANSWER in line.read_until(ANSWER):
                return name
    return None


def _move(line: serial.Serial, steps: Steps) -> None:
    """Into the ROM by the lines; a port without lines leaves that to the person at the board."""
    for dtr, rts in steps:
        try:
            line.dtr, line.rts = dtr, rts
        except OSError:
            return
        time.sleep(STEP_SECONDS)
