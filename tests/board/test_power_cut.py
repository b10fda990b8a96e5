# SPDX-License-Identifier: MIT
"""Power that fails at any program or erase of the flash: the next start has all that was synced.

A workload runs once and the chip keeps a journal. The state at a cut is what was there before a
step, with some of its bits changed, as a cell array has it that lost its supply half way; a board
is switched on with it, and must come to its prompt with the files, settings and models of before
the operation or of after it.
"""

from __future__ import annotations

import json
import random
import sys
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from microkpu.board import RemoteBoard
from microkpu.virtual import Board
from microkpu.virtual.chips.nor import Change

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))
from fuzzing import Clock, cases

pytestmark = pytest.mark.virtual_only("cuts the power within a write of the flash")

SETTINGS, END = 0xCFC000, 0x1000000
MODEL, SECTOR = 0x300000, 4096
# All that a workload may write.
WRITTEN = ((MODEL, MODEL + 4 * SECTOR), (SETTINGS, END))
# Read from the flash rather than typed, which at 115200 baud would take longer than the rest.
SCRIPT = 0x400000
LOOK = f"""
import json, os
from binascii import crc32
found = {{}}
for name, kind, *_ in os.ilistdir('/flash'):
    if kind == 0x8000:
        with open(name, 'rb') as file:
            found[name] = crc32(file.read())
device = k210.Flash({MODEL}, {4 * SECTOR})
models = []
for i in range(4):
    device.readblocks(i, sector)
    models.append(crc32(sector))
print('state', json.dumps([found, k210.settings()[2], models, k210.safe_mode()]))
open('after', 'w').close()
"""
RUN = (
    f"import k210\nsector = bytearray({SECTOR})\n"
    f"k210.Flash({SCRIPT}, {SECTOR}).readblocks(0, sector)\n"
    "exec(sector[:sector.find(b'\\0')])"
)


@dataclass
class State:
    """What a board holds: checksums of files, kept settings, checksums of model sectors."""

    files: dict[str, bytes] = field(default_factory=dict)
    settings: dict[str, int] = field(default_factory=dict)
    models: list[bytes] = field(default_factory=lambda: [b"\xff" * SECTOR] * 4)

    def copy(self) -> State:
        return State(dict(self.files), dict(self.settings), list(self.models))


def operation(rng: random.Random, state: State) -> tuple[str, int | None]:
    """Changes the state; gives the code that does the same, and which model sector it writes."""
    kind = rng.choice(["write"] * 4 + ["append"] * 2 + ["rename", "remove", "set", "set", "model"])
    names = sorted(state.files)
    content = rng.randbytes(rng.choice((3, 200, 1000, 5000)))
    if kind == "set":
        key, value = rng.choice("abc"), rng.randrange(1000)
        state.settings[key] = value
        return f"config.set_value({key!r}, {value})", None
    if kind == "model":
        index = rng.randrange(4)
        times = SECTOR // len(content) + 1
        state.models[index] = (content * times)[:SECTOR]
        return f"device.writeblocks({index}, ({content!r} * {times})[:{SECTOR}])", index
    if kind == "write" or not names:
        name = f"f{rng.randrange(8)}"
        state.files[name] = content
        return f"with open({name!r}, 'wb') as f: f.write({content!r})", None
    name = rng.choice(names)
    if kind == "append":
        state.files[name] += content
        return f"with open({name!r}, 'ab') as f: f.write({content!r})", None
    old = state.files.pop(name)
    if kind == "remove":
        return f"os.remove({name!r})", None
    other = f"g{rng.randrange(4)}"
    state.files[other] = old
    return f"os.rename({name!r}, {other!r})", None


@dataclass
class Workload:
    """States before and after each operation, and where in the journal each one ends."""

    first: bytes
    journal: list[Change]
    states: list[State]
    ends: list[int]
    sectors: list[int | None]


def workload(board: RemoteBoard, virtual: Board, count: int) -> Workload:
    """Starts on a board as new: what other tests left is no part of the first state."""
    rng = random.Random(9)
    for start, end in WRITTEN:
        virtual.write_flash(start, b"\xff" * (end - start))
    board.reset()
    board.exec("import os, k210\nfrom Maix import config")
    board.exec(f"device = k210.Flash({MODEL}, {4 * SECTOR})")
    work = Workload(bytes(virtual.flash.data), [], [State()], [0], [None])
    virtual.flash.journal = work.journal
    for _ in range(count):
        state = work.states[-1].copy()
        code, sector = operation(rng, state)
        board.exec(code)
        work.states.append(state)
        work.ends.append(len(work.journal))
        work.sectors.append(sector)
    virtual.flash.journal = None
    return work


def half_done(change: Change, rng: random.Random) -> bytes:
    """Any of the bits that change have changed; a page or block is seldom even."""
    before, after = (int.from_bytes(part, "little") for part in (change.before, change.after))
    some = rng.getrandbits(8 * len(change.before))
    if rng.random() < 0.5:
        some &= (1 << 8 * rng.randrange(len(change.before) + 1)) - 1
    return (before ^ (before ^ after) & some).to_bytes(len(change.before), "little")


class Replay:
    """The flash as it was before each step of a workload; steps are asked for in their order."""

    def __init__(self, work: Workload) -> None:
        self._work = work
        self._flash = bytearray(work.first)
        self._done = 0

    def cut(self, virtual: Board, step: int, rng: random.Random) -> None:
        """Puts into the board's flash what a cut in this step leaves."""
        for change in self._work.journal[self._done : step]:
            self._put(change.address, change.after)
        self._done = step
        for start, end in WRITTEN:
            virtual.write_flash(start, bytes(self._flash[start:end]))
        change = self._work.journal[step]
        virtual.write_flash(change.address, half_done(change, rng))

    def _put(self, address: int, content: bytes) -> None:
        assert any(start <= address < end for start, end in WRITTEN), hex(address)
        self._flash[address : address + len(content)] = content


def checksums(state: State) -> tuple[dict[str, int], dict[str, int], list[int]]:
    files = {name: zlib.crc32(content) for name, content in state.files.items()}
    return files, state.settings, [zlib.crc32(model) for model in state.models]


def check(board: RemoteBoard, virtual: Board, work: Workload, replay: Replay, step: int) -> None:
    """Switches the board on as the cut left it: the prompt, and one of the two states."""
    replay.cut(virtual, step, random.Random(step))
    board.reset()
    said = board.exec(RUN)
    files, text, models, safe = json.loads(said.removeprefix("state "))
    assert safe is None
    settings = json.loads(text) if text else {}
    done = max(index for index, end in enumerate(work.ends) if end <= step)
    before, after = (checksums(work.states[index]) for index in (done, done + 1))
    # open() makes a new file's entry; what is written into it comes with close().
    new = after[0].keys() - before[0].keys() if len(after[0]) > len(before[0]) else ()
    opened = before[0] | dict.fromkeys(new, 0)
    assert files in (before[0], opened, after[0]), step
    assert settings in (before[1], after[1]), step
    written = work.sectors[done + 1]
    for index, found in enumerate(models):
        assert index == written or found == before[2][index], step


def test_every_step_of_a_workload(
    board: RemoteBoard, virtual: Board, pytestconfig: pytest.Config
) -> None:
    clock = Clock()
    before = bytes(virtual.flash.data)
    try:
        work = workload(board, virtual, cases(pytestconfig, 60, 500))
        steps = len(work.journal)
        chosen = random.Random(5).sample(range(steps), cases(pytestconfig, 12, steps))
        virtual.write_flash(SCRIPT, LOOK.encode() + b"\0")
        replay = Replay(work)
        for step in sorted(chosen):
            check(board, virtual, work, replay, step)
        clock.keep("power_cut", operations=len(work.ends) - 1, steps=steps, cuts=len(chosen))
    finally:
        virtual.write_flash(0, before)
        board.reset()
