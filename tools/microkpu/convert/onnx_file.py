# SPDX-License-Identifier: MIT
"""Reads an ONNX model: checked, with one picture at a time, as a Graph with all shapes known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import TensorProto, helper, numpy_helper, version_converter

from microkpu.convert.errors import ConvertError, several_inputs
from microkpu.convert.graph import Array, Graph, Node, Shape

# Operators are read as they are since this version; older models are brought to it.
OPSET = 13
NEWEST = 26


def read_onnx(path: Path) -> onnx.ModelProto:
    """The model of a file; ConvertError where it is none."""
    try:
        return onnx.load(path)
    except OSError as error:
        raise ConvertError(f"cannot read {path}: {error.strerror or error}") from None
    except onnx.checker.ValidationError as error:
        raise ConvertError(
            f"{path} keeps weights in another file that cannot be read "
            f"({_first_line(error)}): put that file beside it, as it was exported"
        ) from None
    except (DecodeError, ValueError) as error:
        raise ConvertError(f"{path} is no ONNX model: {error}") from None


def to_graph(model: onnx.ModelProto, input_shape: Shape | None = None) -> Graph:
    """The checked model as a graph; `input_shape` is for models that leave sizes open."""
    _refuse_missing_parts(model)
    _refuse_unknown_operators(model)
    try:
        onnx.checker.check_model(model, full_check=False)
    except onnx.checker.ValidationError as error:
        raise ConvertError(f"the model is not valid ONNX: {_first_line(error)}") from None
    model = _at_known_opset(model)
    _refuse_odd_nodes(model)
    _refuse_odd_outputs(model)
    constants = {each.name: _array(each) for each in model.graph.initializer}
    inputs = _inputs(model, set(constants), input_shape)
    nodes = [_node(place, node) for place, node in enumerate(model.graph.node)]
    graph = Graph(
        nodes=nodes,
        constants=dict(constants),
        inputs=inputs,
        outputs=[output.name for output in model.graph.output],
        opset=_opset(model),
    )
    try:
        graph.tidy()
        graph.infer()
    except onnx.shape_inference.InferenceError as error:
        raise ConvertError(f"shapes do not fit together: {_first_line(error)}") from None
    return graph


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def _opset(model: onnx.ModelProto) -> int:
    for opset in model.opset_import:
        if opset.domain in ("", "ai.onnx"):
            return int(opset.version)
    raise ConvertError("the model names no version of ONNX's operators: export it again")


def _at_known_opset(model: onnx.ModelProto) -> onnx.ModelProto:
    opset = _opset(model)
    if opset > NEWEST:
        raise ConvertError(
            f"the model uses ONNX operators of version {opset}, {NEWEST} is the newest known: "
            f"export it with opset_version={NEWEST} or less"
        )
    if opset >= OPSET:
        return model
    try:
        return version_converter.convert_version(model, OPSET)
    except Exception as error:  # the converter raises RuntimeError and worse
        raise ConvertError(
            f"the model uses ONNX operators of version {opset}, which cannot be brought to "
            f"{OPSET} ({_first_line(error)}): export it with opset_version={OPSET} or more"
        ) from None


def _refuse_missing_parts(model: onnx.ModelProto) -> None:
    graph = model.graph
    if not graph.node:
        raise ConvertError("the model has no nodes: export it again")
    if not graph.output:
        raise ConvertError("the model has no outputs: name those wanted when exporting it")
    if graph.sparse_initializer:
        name = graph.sparse_initializer[0].values.name
        raise ConvertError(
            f"weights {name!r} are a sparse initialiser: export the model with dense weights"
        )
    for each in graph.initializer:
        if each.data_location == TensorProto.EXTERNAL:
            raise ConvertError(
                f"weights {each.name!r} lie in another file and are not loaded: load the model by "
                "onnx.load(path), or give the path"
            )


def _refuse_unknown_operators(model: onnx.ModelProto) -> None:
    """What an exporter left as it was, because ONNX has no such operator."""
    for node in model.graph.node:
        if node.domain in ("", "ai.onnx") and not onnx.defs.has(node.op_type):
            raise ConvertError(
                f"node {_called(node)!r} ({node.op_type}): ONNX has no such operator: replace "
                "it in the model, or export with a later opset"
            )


def _called(node: onnx.NodeProto) -> str:
    return str(node.name or (node.output[0] if node.output else "without a name"))


def _refuse_odd_outputs(model: onnx.ModelProto) -> None:
    """Outputs of a kmodel are floats, or the KPU's bytes."""
    for output in model.graph.output:
        kind = output.type.tensor_type.elem_type
        if not output.type.HasField("tensor_type"):
            raise ConvertError(f"output {output.name!r} is no tensor: end the model before it")
        if kind == TensorProto.FLOAT:
            continue
        made_by = [node for node in model.graph.node if output.name in node.output]
        where = f"output {output.name!r}"
        if made_by:
            where = f"node {made_by[0].name or output.name!r} ({made_by[0].op_type})"
        raise ConvertError(
            f"{where}: its result {output.name!r} is {TensorProto.DataType.Name(kind)}, kmodels "
            "give float32: end the model before it, and compute it in the script"
        )


def _array(each: TensorProto) -> Array:
    try:
        return numpy_helper.to_array(each)
    except (ValueError, TypeError) as error:
        raise ConvertError(
            f"weights {each.name!r} cannot be read ({_first_line(error)}): export the model again"
        ) from None


def _refuse_odd_nodes(model: onnx.ModelProto) -> None:
    for node in model.graph.node:
        if node.domain not in ("", "ai.onnx"):
            raise ConvertError(
                f"node {_called(node)!r} ({node.op_type}) is of {node.domain!r}, "
                "not of ONNX itself: export the model without custom operators"
            )
        if any(a.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS)
               for a in node.attribute):  # fmt: skip
            raise ConvertError(
                f"node {_called(node)!r} ({node.op_type}) has branches that are "
                "chosen at run time: a kmodel runs every layer: export the model without them"
            )


def _node(place: int, node: onnx.NodeProto) -> Node:
    attributes: dict[str, Any] = {}
    for attribute in node.attribute:
        value = helper.get_attribute_value(attribute)
        attributes[attribute.name] = value.decode() if isinstance(value, bytes) else value
    name = node.name or (node.output[0] if node.output else f"#{place}")
    outputs = list(node.output)
    while outputs and not outputs[-1]:
        outputs.pop()
    inputs = list(node.input)
    while inputs and not inputs[-1]:
        inputs.pop()
    return Node(node.op_type, inputs, outputs, attributes, name)


def _inputs(model: onnx.ModelProto, constants: set[str], given: Shape | None) -> dict[str, Shape]:
    moving = [each for each in model.graph.input if each.name not in constants]
    if len(moving) != 1:
        raise ConvertError(several_inputs([each.name for each in moving]))
    info = moving[0]
    tensor = info.type.tensor_type
    if tensor.elem_type != TensorProto.FLOAT:
        kind = TensorProto.DataType.Name(tensor.elem_type)
        raise ConvertError(f"input {info.name!r} is {kind}: export the model with a float32 input")
    sizes = [d.dim_value if d.HasField("dim_value") else 0 for d in tensor.shape.dim]
    if given is not None:
        if len(given) == len(sizes) - 1:
            given = (1, *given)
        fits = len(given) == len(sizes) and all(
            s in (0, g) for s, g in zip(sizes[1:], given[1:], strict=True)
        )
        if not fits:
            raise ConvertError(f"the input's shape is {sizes}, which {list(given)} does not fit")
        sizes = list(given)
    if len(sizes) == 1:
        raise ConvertError(
            f"input {info.name!r} has one axis of {sizes[0] or 'open'} numbers: export the model "
            "with a batch in front, as in 1x10"
        )
    if sizes:
        # One picture at a time, whatever the model was trained with.
        sizes[0] = 1
    if not sizes or min(sizes) < 1:
        raise ConvertError(
            f"input {info.name!r} leaves sizes open ({_dimensions(tensor)}): give them with "
            "--input-shape, as in --input-shape 3x224x224"
        )
    return {info.name: tuple(sizes)}


def _dimensions(tensor: Any) -> str:
    shown = [str(d.dim_value) if d.HasField("dim_value") else d.dim_param or "?"
             for d in tensor.shape.dim]  # fmt: skip
    return "x".join(shown)
