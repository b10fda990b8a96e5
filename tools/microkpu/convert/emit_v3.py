# SPDX-License-Identifier: MIT
"""Writes a program as a kmodel V3."""

from __future__ import annotations

from math import prod

from microkpu.convert.allocate import Layout, allocate
from microkpu.convert.emit_v3_cpu import BODIES
from microkpu.convert.errors import ConvertError, NodeError
from microkpu.convert.program import CpuStep, KpuStep, Place, Program, Step, Tensor
from microkpu.convert.words import activation_bytes, batch_norm_bytes, layer_words
from microkpu.kmodel import v3

CONV_HEAD_BYTES = 24  # flags and the five fields of v3.K210Conv
MOST_STREAMED_PLANE = 1 << 16
NOTHING_LEFT = (
    "nothing is left of the model, its output is its input in another shape: "
    "convert a model that computes something"
)
# Operators of the CPU whose one input can be the model's.
STARTS = {
    "dense", "dequantize", "quantize", "max_pool", "average_pool", "global_average", "softmax",
    "logistic", "resize_nearest", "transpose", "table",
}  # fmt: skip


def emit(program: Program) -> tuple[bytes, Layout]:
    """The file, and where everything lies; steps are added where maps move."""
    _begin_with_input(program)
    layout = allocate(program, streams=True)
    writer = Writer(program, layout)
    return writer.file(), layout


def _begin_with_input(program: Program) -> None:
    """A V3 file begins with a layer that reads its input."""
    if not program.steps:
        raise ConvertError(NOTHING_LEFT)
    readers = [s for s in program.steps if s.reads[0].root is program.input]
    first = next((s for s in readers if not isinstance(s, CpuStep) or s.kind in STARTS), None)
    if first is None:
        node = readers[0].node if readers else program.steps[0].node
        raise NodeError(
            node, "a kmodel V3 cannot begin with it", "put a convolution first, or --target v4"
        )
    program.steps.remove(first)
    program.steps.insert(0, first)


class Writer:
    """Puts bodies one after another; addresses come from the layout."""

    def __init__(self, program: Program, layout: Layout) -> None:
        self.program = program
        self.layout = layout

    def file(self) -> bytes:
        steps = self.program.steps
        rows = [self.layout.row(t) for s in steps for t in s.writes if t.place is Place.MAP]
        header = v3.Header(
            version=v3.VERSION,
            flags=v3.EIGHT_BIT_WEIGHTS,
            arch=0,
            layers=len(steps),
            max_start_address=min(rows, default=32768),
            main_mem_usage=self.layout.main_bytes,
            output_count=len(self.program.outputs),
        )
        tables = bytearray(header.pack())
        for output in self.program.outputs:
            tables += v3.OUTPUT.pack(self.layout.address(output), output.bytes)
        start = len(tables) + v3.LAYER_HEADER.size * len(steps)
        bodies = bytearray(start)  # from the file's start, as alignments count
        for step in steps:
            body = self._body(step, start)
            bodies += body.pack()
            bodies += bytes(-len(bodies) % v3.BODY_ALIGN)
            tables += v3.LAYER_HEADER.pack(body.TYPE, len(bodies) - start)
            start = len(bodies)
        return bytes(tables + bodies[len(tables) :])

    def at(self, tensor: Tensor) -> int:
        return self.layout.address(tensor)

    def _body(self, step: Step, start: int) -> v3.Body:
        if isinstance(step, KpuStep):
            return self._conv(step, start)
        if step.kind not in BODIES:
            raise NodeError(
                step.node, f"V3 has no operator for it ({step.kind})", "use --target v4"
            )
        if any(tensor.place is Place.CONSTANT for tensor in step.reads):
            raise NodeError(step.node, "V3 has no place for its constant", "use --target v4")
        return BODIES[step.kind](self, step)

    def _conv(self, step: KpuStep, start: int) -> v3.K210Conv:
        """The body for a place in the file: its parts are aligned from the file's start."""
        if step.main is not None and prod(step.result.shape[2:]) > MOST_STREAMED_PLANE:
            raise NodeError(
                step.node,
                f"its result has {prod(step.result.shape[2:])} pixels, the KPU streams planes of "
                f"{MOST_STREAMED_PLANE} at most to main memory",
                "make the input smaller, or let a pooling follow",
            )
        words = v3.LAYER_WORDS.pack(*layer_words(step, self.layout).to_words())
        tail = bytearray()
        offsets = []
        for alignment, part in (
            (v3.LAYER_ALIGN, words),
            (v3.WEIGHTS_ALIGN, step.conv.weights.tobytes()),
            (v3.BATCH_NORM_ALIGN, batch_norm_bytes(step)),
            (v3.ACTIVATION_ALIGN, activation_bytes(step)),
        ):
            tail += bytes(-(start + CONV_HEAD_BYTES + len(tail)) % alignment)
            offsets.append(start + CONV_HEAD_BYTES + len(tail))
            tail += part
        return v3.K210Conv(
            flags=0 if step.main is None else v3.MAIN_MEMORY_OUTPUT,
            main_out=0 if step.main is None else self.at(step.main),
            layer_offset=offsets[0],
            weights_offset=offsets[1],
            batch_norm_offset=offsets[2],
            activation_offset=offsets[3],
            tail=bytes(tail),
        )
