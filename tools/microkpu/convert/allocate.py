# SPDX-License-Identifier: MIT
"""Places in memory: nothing that is needed at the same time overlaps.

A tensor lives from the step that writes it to the last that reads it. Where AI RAM is short,
a map that nobody needs for a while waits in main memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from microkpu.convert.errors import NodeError
from microkpu.convert.program import CpuStep, KpuStep, Place, Program, Step, Tensor
from microkpu.kpu_words import AI_RAM_ROWS

MAIN_ALIGN = 64


@dataclass(frozen=True)
class Life:
    """A tensor with all that is part of it: from one step to another, both counted."""

    tensor: Tensor
    first: int
    last: int
    size: int

    def meets(self, other: Life) -> bool:
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class Layout:
    """Where roots lie: rows of AI RAM, bytes of main memory; and how much that takes at most."""

    rows: dict[Tensor, int]
    bytes: dict[Tensor, int]
    peak_rows: int
    main_bytes: int
    spills: int = 0

    def row(self, tensor: Tensor) -> int:
        return self.rows[tensor.root] + tensor.row_offset

    def address(self, tensor: Tensor) -> int:
        return self.bytes[tensor.root]


def lives(program: Program, places: Sequence[Place], size: Callable[[Tensor], int]) -> list[Life]:
    """The lives of all roots in some places."""
    spans: dict[Tensor, tuple[int, int]] = {}

    def touch(tensor: Tensor, step: int) -> None:
        root = tensor.root
        if root.place in places:
            first, last = spans.get(root, (step, step))
            spans[root] = (min(first, step), max(last, step))

    touch(program.input, -1)
    for place, step in enumerate(program.steps):
        for tensor in (*step.reads, *step.writes):
            touch(tensor, place)
    for output in program.outputs:
        touch(output, len(program.steps))
    return [Life(tensor, *span, size(tensor)) for tensor, span in spans.items()]


def placed(all_lives: Sequence[Life]) -> tuple[dict[Tensor, int], int]:
    """Offsets without overlap, and the end of the highest: the best of some orders."""
    orders: list[Callable[[Life], tuple[int, ...]]] = [
        lambda life: (-life.size, life.first),
        lambda life: (life.first, -life.size),
        lambda life: (life.first - life.last, -life.size),
    ]
    tries = [_first_fit(sorted(all_lives, key=order)) for order in orders]
    return min(tries, key=lambda found: found[1])


def _first_fit(ordered: Sequence[Life]) -> tuple[dict[Tensor, int], int]:
    done: list[tuple[Life, int]] = []
    end = 0
    for life in ordered:
        taken = sorted((at, at + other.size) for other, at in done if other.meets(life))
        offset = 0
        for start, stop in taken:
            if offset + life.size <= start:
                break
            offset = max(offset, stop)
        done.append((life, offset))
        end = max(end, offset + life.size)
    return {life.tensor: at for life, at in done}, end


def _main_size(tensor: Tensor) -> int:
    return -(-tensor.bytes // MAIN_ALIGN) * MAIN_ALIGN


def allocate(program: Program, *, streams: bool) -> Layout:
    """Places for everything; maps are moved out of AI RAM where it does not suffice.

    `streams`: a layer whose result goes to main memory leaves nothing certain in AI RAM (V3).
    """
    spills = 0
    while True:
        if streams:
            _load_back(program)
        maps = lives(program, (Place.MAP,), lambda tensor: tensor.rows)
        rows, peak = placed(maps)
        if peak <= AI_RAM_ROWS:
            break
        _spill(program, maps)
        spills += 1
    main = lives(program, (Place.BYTES, Place.FLOATS), _main_size)
    addresses, main_bytes = placed(main)
    return Layout(rows, addresses, peak, main_bytes, spills)


def _spill(program: Program, maps: Sequence[Life]) -> None:
    """Lets one map wait in main memory while others need its rows."""
    steps = range(len(program.steps))
    load = [sum(life.size for life in maps if life.first <= s <= life.last) for s in steps]
    for crowded in sorted(steps, key=lambda s: -load[s]):
        there = [life for life in maps if life.first <= crowded < life.last]
        for life in sorted(there, key=lambda life: (-life.size, life.first - life.last)):
            if _send_out(program, life.tensor, crowded):
                return
            if _send_part_out(program, life.tensor, crowded):
                return
    step = program.steps[max(steps, key=lambda s: load[s])]
    kib = max(load) * 64 // 1024
    raise NodeError(
        step.node,
        f"its maps and those kept for later take {kib} KiB of AI RAM, which has "
        f"{AI_RAM_ROWS * 64 // 1024}",
        "make the input or the number of channels smaller",
    )


def _load_back(program: Program) -> None:
    """What was streamed to main memory and is read as a map too is loaded into AI RAM again."""
    for step in list(program.steps):
        if not isinstance(step, KpuStep) or step.main is None:
            continue
        result = step.result
        if not any(result.root in _roots(other) for other in program.steps if other is not step):
            continue
        step.result = Tensor(result.name, Place.MAP, result.shape, result.quantization)
        upload = CpuStep(step.node, "upload", [step.main], result)
        program.steps.insert(program.steps.index(step) + 1, upload)


def _roots(step: Step) -> set[Tensor]:
    return {tensor.root for tensor in (*step.reads, *step.writes)}


def _send_out(program: Program, tensor: Tensor, crowded: int) -> bool:
    """The map goes to main memory when it is made, and comes back after the crowded step.

    False where that step needs it, or where it is no map of one writer.
    """
    steps = program.steps
    writers = [place for place, s in enumerate(steps) if any(t.root is tensor for t in s.writes)]
    if tensor is program.input or len(writers) != 1 or tensor not in steps[writers[0]].writes:
        return False
    if writers[0] >= crowded or tensor in _roots(steps[crowded]):
        return False
    waiting = _in_main_memory(steps[writers[0]])
    back = Tensor(tensor.name, Place.MAP, tensor.shape, tensor.quantization)
    back.channels = tensor.channels
    later = [step for step in steps[crowded + 1 :] if tensor in step.reads]
    _read_instead(later, tensor, back)
    steps.insert(steps.index(later[0]), CpuStep(later[0].node, "upload", [waiting], back))
    return True


def _send_part_out(program: Program, whole: Tensor, crowded: int) -> bool:
    """A part of a concatenation is made for itself, and joins the others after the crowded step.

    False where no part was made by then, or the concatenation itself is needed before.
    """
    steps = program.steps
    touching = [(p, t) for p, s in enumerate(steps) for t in (*s.reads, *s.writes)]
    touching = [(place, tensor) for place, tensor in touching if tensor.root is whole]
    if any(tensor is whole and place <= crowded for place, tensor in touching):
        return False
    for place, part in touching:
        if place > crowded or part not in steps[place].writes or part.parent is not whole:
            continue
        writer = steps[place]
        others = [p for p, tensor in touching if tensor is not part and p > crowded]
        if not isinstance(writer, KpuStep) or not others:
            continue
        waiting = _in_main_memory(writer)
        alone = Tensor(part.name, Place.MAP, part.shape, part.quantization)
        writer.result = alone
        _read_instead([step for step in steps if part in step.reads], part, alone)
        back = CpuStep(writer.node, "upload", [waiting], part)
        steps.insert(min(others), back)
        return True
    return False


def _in_main_memory(writer: Step) -> Tensor:
    """What a step writes into AI RAM, in main memory too."""
    if isinstance(writer, CpuStep):
        return writer.source
    if writer.main is None:
        result = writer.result
        writer.main = Tensor(result.name, Place.BYTES, result.shape, result.quantization)
    return writer.main


def _read_instead(steps: Sequence[Step], old: Tensor, new: Tensor) -> None:
    for step in steps:
        if isinstance(step, KpuStep):
            step.source = new if step.source is old else step.source
        else:
            step.reads = [new if each is old else each for each in step.reads]
