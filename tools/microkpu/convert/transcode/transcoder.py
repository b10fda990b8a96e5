# SPDX-License-Identifier: MIT
"""From a kmodel V5 of nncase 1.6 to 1.9 to a kmodel V4: the same layers, bytes and floats.

Memories of the V5 file become parts of V4's one main memory, in their order; AI RAM stays as it
is. Functions of the KPU's module are put where they are called.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace

from microkpu.convert.errors import ConvertError
from microkpu.convert.transcode.calls import CALLS
from microkpu.convert.transcode.memory import Memory
from microkpu.convert.transcode.shapes import four, refused
from microkpu.kmodel import v4, v5, v5_code
from microkpu.kmodel.v5 import Location
from microkpu.kmodel.v5_code import Address, Argument, Call
from microkpu.kpu_words import ROW_BYTES, LayerWords


def transcode(data: bytes) -> bytes:
    """The kmodel V4; ConvertError says what V4 has no operator for."""
    model = v5.parse(data)
    try:
        return _transcoded(model)
    except (struct.error, LookupError, ValueError, TypeError, ArithmeticError) as error:
        raise ConvertError(f"the kmodel V5 is damaged, or of another release: {error}") from None


def _transcoded(model: v5.Model) -> bytes:
    main = model.modules[model.entry_module]
    if main.kind != "stackvm":
        raise ConvertError(f"the kmodel V5 is for a {main.kind!r}, not for the K210")
    memory = Memory(model)
    for call in v5_code.calls(model.entry.text):
        if call.name == "CALL":
            _kpu_function(memory, model, call)
        elif call.name in CALLS:
            CALLS[call.name](memory, call)
        else:
            raise refused(call.name)
        memory.settle()
    return v4.pack(_straight_to_kpu(_model(memory, model.entry)))


def _model(memory: Memory, entry: v5.Function) -> v4.Model:
    inputs, outputs = (
        tuple(
            memory.main(Address(t.range.location, t.range.start), t.range.type, t.range.size)
            for t in tensors
        )
        for tensors in (entry.inputs, entry.outputs)
    )
    return v4.Model(
        inputs=inputs,
        input_shapes=tuple(four(tensor.shape) for tensor in entry.inputs),
        outputs=outputs,
        constants=bytes(memory.constants) + bytes(-len(memory.constants) % v4.BODY_ALIGN),
        main_memory=memory.size,
        nodes=tuple(memory.nodes),
    )


# -- functions of the KPU's module


def _kpu_function(memory: Memory, model: v5.Model, call: Call) -> None:
    if call.module >= len(model.modules) or model.modules[call.module].kind != "k210":
        raise refused("CALL", "of a module that is not the K210's")
    module = model.modules[call.module]
    if call.function >= len(module.functions):
        raise ConvertError("the kmodel V5 calls a function that it lacks: it is damaged")
    function = module.functions[call.function]
    places: dict[tuple[int, int], v4.MemoryRange] = {}
    for tensor, argument in zip(function.inputs, call.sources, strict=True):
        places[Location.INPUT, tensor.range.start] = memory.read(*_parts(argument))
    for tensor, argument in zip(function.outputs, call.results, strict=True):
        places[Location.OUTPUT, tensor.range.start] = memory.write(*_parts(argument))

    def at(place: v5.Range) -> v4.MemoryRange:
        if place.location == Location.AI_RAM:
            return v4.MemoryRange(v4.MemoryType.AI_RAM, v4.DataType.U8, place.start, place.size)
        if (place.location, place.start) in places:
            return places[place.location, place.start]
        return memory.place(call.module, place.location, place.start, place.type, place.size)

    def rdata(place: v5.Range) -> bytes:
        return v5.Reader(module.rdata, place.start).take(place.size)

    first = len(memory.nodes)
    for record in v5.records(function.text):
        if isinstance(record, v5.Upload):
            shape = four(record.shape)
            memory.nodes.append(
                v4.KpuUpload(in_=at(record.source), out=at(record.result), shape=shape)
            )
        elif isinstance(record, v5.Download):
            _download(memory, first, record.source.start, at(record.result))
        elif isinstance(record, v5.Conv):
            memory.nodes.append(
                v4.KpuConv2d(
                    main_out=at(record.main) if record.main.size else v4.NOWHERE,
                    batches=record.batches,
                    words=LayerWords.from_words(record.words),
                    batch_norm=rdata(record.batch_norm),
                    activation=rdata(record.activation),
                    weights=rdata(record.weights),
                )
            )
        else:
            raise refused("a copy", "on the KPU's side")


def _parts(argument: Argument) -> tuple[Address, int, Sequence[int], Sequence[int]]:
    return argument.at, argument.type, argument.shape, argument.strides


def _download(memory: Memory, first: int, start: int, result: v4.MemoryRange) -> None:
    """V4's layers give main memory themselves what they write to AI RAM."""
    for place in range(len(memory.nodes) - 1, first - 1, -1):
        node = memory.nodes[place]
        if isinstance(node, v4.KpuUpload) and node.out.start == start:
            memory.copy(node.in_._replace(size=result.size), result)
            return
        if isinstance(node, v4.KpuConv2d) and node.words.image_dst * ROW_BYTES == start:
            if node.main_out.size:
                memory.copy(node.main_out, result)
            else:
                memory.nodes[place] = replace(node, main_out=result)
            return
    raise ConvertError("the kmodel V5 downloads what no layer wrote: it is damaged")


# -- the input


def _straight_to_kpu(model: v4.Model) -> v4.Model:
    """An input that is only uploaded is given to AI RAM at once."""
    first = model.nodes[0] if model.nodes else None
    if not isinstance(first, v4.KpuUpload) or model.inputs != (first.in_,):
        return model
    if any(_meets(node, first.in_) for node in model.nodes[1:]):
        return model
    return replace(model, inputs=(first.out,), input_shapes=(first.shape,), nodes=model.nodes[1:])


def _meets(node: v4.Body, place: v4.MemoryRange) -> bool:
    """Whether a node reads or writes there."""
    ranges: list[v4.MemoryRange] = []
    for name, kind in node.layout():
        if kind == "MemoryRange":
            ranges.append(getattr(node, name))
        elif kind == "tuple[MemoryRange, ...]":
            ranges += getattr(node, name)
    return any(
        other.memory == place.memory
        and other.start < place.start + place.size
        and place.start < other.start + other.size
        for other in ranges
    )
