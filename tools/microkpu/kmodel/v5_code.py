# SPDX-License-Identifier: MIT
"""The code of a kmodel V5's main module: a stack machine that ends up calling tensor functions.

K210 models have straight code without jumps, so that running it with addresses in place of
memory gives the list of calls. Numbers of functions are those of nncase 1.6 to 1.9; earlier
releases write others into files that say the same version.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from microkpu.kmodel.v5 import Reader, V5Error

Shape = tuple[int, ...]


class Address(NamedTuple):
    """A place in a memory of the module, as LEA_BUFFER gives it."""

    location: int
    offset: int


Padding = tuple[int, int, int]
Value = int | float | Address
I4, R4 = struct.Struct("<i"), struct.Struct("<f")
BUFFER = struct.Struct("<BBI")
REGISTER = struct.Struct("<BB")

NOP, LDC_I4, LDC_I4_0, LDC_I4_1, LDC_R4, LEA_BUFFER = 0x00, 0x02, 0x03, 0x04, 0x05, 0x17
DUP, POP, STSHAPE, STPADDINGS, RET, TENSOR = 0x2F, 0x30, 0x31, 0x32, 0x59, 0x5E

# Tensor functions by number.
NAMES = (
    "BATCH_TO_SPACE", "BINARY", "BROADCAST", "CALL", "COMPARE", "CLAMP", "CONV2D",
    "CONV2D_TRANSPOSE", "CONVERT", "COPY", "CUMSUM", "DEQUANTIZE", "GATHER", "GATHER_ND",
    "HARDMAX", "LOGISTIC", "LUT1D", "MATMUL", "ONEHOT", "PAD", "QUANTIZE", "RANDOM_NORMAL",
    "RANDOM_UNIFORM", "REDUCE", "REDUCE_ARG", "REDUCE_PROD", "REDUCE_WINDOW2D", "RESIZE_IMAGE",
    "ROI_ALIGN", "SIGMOID", "SLICE", "SOFTMAX", "SPACE_TO_BATCH", "TAKE", "TERNARY", "TOPK",
    "TRANSPOSE", "TRILU", "UNARY", "GRU", "TFLITE_DETECTION_POSTPROCESS", "LAYER_NORMALIZATION",
    "COMPRESS", "GATHER_ELEMENTS",
)  # fmt: skip


class Layout(NamedTuple):
    """Fields after the function's number, and what it takes from the stack, last pushed last.

    A field is a name and a letter of struct, or S for a register of shapes, P for one of
    paddings; of the stack, "pad" names take a padding's three numbers and names with & a place.
    """

    fields: str
    stack: str


LAYOUTS = {
    "BINARY": Layout("type:B shape_a:S strides_a:S shape_b:S strides_b:S shape:S out_strides:S"
                     " op:B low:f high:f", "&a &b &out"),
    "CALL": Layout("function:I module:H sources:B results:B", ""),
    "CONV2D": Layout("type:B shape:S strides:S kernel:S kernel_strides:S bias_strides:S"
                     " out_strides:S groups:H stride_h:H stride_w:H dilation_h:H dilation_w:H"
                     " low:f high:f", "&a &weights &bias &out pad_h pad_w"),
    "COPY": Layout("type:B shape:S strides:S out_strides:S", "&a &out"),
    "DEQUANTIZE": Layout("type:B out_type:B shape:S strides:S out_strides:S",
                         "&a &out scale bias"),
    "LUT1D": Layout("type:B shape:S strides:S out_strides:S length:H", "&a &table &out low high"),
    "MATMUL": Layout("shape:S strides:S shape_b:S strides_b:S out_shape:S out_strides:S"
                     " low:f high:f", "&a &b &bias &out"),
    "PAD": Layout("type:B shape:S strides:S out_strides:S paddings:P mode:B", "&a &out value"),
    "QUANTIZE": Layout("type:B out_type:B shape:S strides:S out_strides:S", "&a &out scale bias"),
    "REDUCE": Layout("type:B shape:S strides:S out_strides:S op:B axes:S keep:?", "&a &out init"),
    "REDUCE_WINDOW2D": Layout("type:B op:B shape:S strides:S out_strides:S filter_h:H filter_w:H"
                              " stride_h:H stride_w:H dilation_h:H dilation_w:H low:f high:f",
                              "&a init &out pad_h pad_w"),
    "RESIZE_IMAGE": Layout("type:B shape:S strides:S out_strides:S corners:? centers:? mode:B",
                           "out_h out_w &a &out"),
    "SIGMOID": Layout("type:B shape:S strides:S out_strides:S", "&a &out"),
    "SLICE": Layout("type:B shape:S strides:S out_strides:S begins:S ends:S steps:S", "&a &out"),
    "SOFTMAX": Layout("type:B shape:S strides:S out_strides:S axis:i beta:f", "&a &out"),
    "TRANSPOSE": Layout("type:B shape:S strides:S out_strides:S perm:S", "&a &out"),
    "UNARY": Layout("type:B shape:S strides:S out_strides:S op:B", "&a &out"),
}  # fmt: skip


@dataclass(frozen=True)
class Argument:
    """A tensor that a function of another module is called with."""

    at: Address
    type: int
    shape: Shape
    strides: Shape


@dataclass(frozen=True)
class Call:
    """A tensor function with its fields and what it took from the stack, by name."""

    name: str
    values: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.values[name]
        except KeyError:
            raise AttributeError(name) from None


class Machine:
    """Runs the code; `calls` gives what it calls."""

    def __init__(self, text: bytes) -> None:
        self.reader = Reader(text)
        self.stack: list[Value] = []
        self.shapes: dict[int, Shape] = {}
        self.paddings: dict[int, tuple[Padding, ...]] = {}

    def calls(self) -> Iterator[Call]:
        try:
            yield from self._calls()
        except (struct.error, IndexError, KeyError, ValueError):
            raise V5Error(
                f"the code of the kmodel V5 makes no sense at {self.reader.at}: nncase 1.6 to 1.9"
                " are read here, convert the model again with nncase 1.9"
            ) from None

    def _calls(self) -> Iterator[Call]:
        while self.reader.at < len(self.reader.data):
            (opcode,) = self.reader.take(1)
            if opcode == RET:
                return
            if opcode == TENSOR:
                call = self._tensor()
                yield call
                if call.name not in LAYOUTS:
                    return
            elif opcode == LDC_I4:
                self.stack.append(self.reader.read(I4)[0])
            elif opcode in (LDC_I4_0, LDC_I4_1):
                self.stack.append(opcode - LDC_I4_0)
            elif opcode == LDC_R4:
                self.stack.append(self.reader.read(R4)[0])
            elif opcode == LEA_BUFFER:
                location, _, offset = self.reader.read(BUFFER)
                self.stack.append(Address(location, offset))
            elif opcode == STSHAPE:
                register, rank = self.reader.read(REGISTER)
                self.shapes[register] = self._integers(rank)
            elif opcode == STPADDINGS:
                register, rank = self.reader.read(REGISTER)
                flat = self._integers(3 * rank)
                triples = zip(flat[::3], flat[1::3], flat[2::3], strict=True)
                self.paddings[register] = tuple(triples)
            elif opcode == DUP:
                self.stack.append(self.stack[-1])
            elif opcode == POP:
                self.stack.pop()
            elif opcode != NOP:
                raise V5Error(
                    f"the code of the kmodel V5 has an instruction {opcode:#x} that models of the"
                    " K210 by nncase 1.6 to 1.9 do not have"
                )

    def _integers(self, count: int) -> Shape:
        """What was pushed last, in the order of pushing."""
        if count > len(self.stack):
            raise IndexError
        values = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        if not all(isinstance(value, int) for value in values):
            raise ValueError
        return tuple(value for value in values if isinstance(value, int))

    def _tensor(self) -> Call:
        number = int.from_bytes(self.reader.take(2), "little")
        if number >= len(NAMES):
            raise V5Error(f"the kmodel V5 calls a function {number}: only {len(NAMES)} are known")
        name = NAMES[number]
        if name not in LAYOUTS:
            return Call(name, {})
        layout = LAYOUTS[name]
        values: dict[str, Any] = {}
        for part in layout.fields.split():
            key, letter = part.split(":")
            if letter in "SP":
                register = self.reader.take(1)[0]
                values[key] = self.shapes[register] if letter == "S" else self.paddings[register]
            else:
                values[key] = self.reader.read(struct.Struct("<" + letter))[0]
        for key in reversed(layout.stack.split()):
            if key.startswith("pad_"):
                values[key] = self._integers(3)
            elif key.startswith("&"):
                values[key[1:]] = self._address()
            else:
                values[key] = self._number()
        if name == "CALL":
            results = [self._argument() for _ in range(values["results"])][::-1]
            sources = [self._argument() for _ in range(values["sources"])][::-1]
            values |= {"results": results, "sources": sources}
        return Call(name, values)

    def _argument(self) -> Argument:
        kind, shape, strides = self._integers(3)
        return Argument(self._address(), kind, self.shapes[shape], self.shapes[strides])

    def _address(self) -> Address:
        at = self.stack.pop()
        if not isinstance(at, Address):
            raise ValueError
        return at

    def _number(self) -> int | float:
        value = self.stack.pop()
        if isinstance(value, Address):
            raise ValueError
        return value


def calls(text: bytes) -> Iterator[Call]:
    """What the code calls, in order; it ends after a function whose fields are not known here."""
    return Machine(text).calls()
