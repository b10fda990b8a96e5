# SPDX-License-Identifier: MIT
"""What lowerings of the CPU's operators share: steps, and the forms of what they read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from microkpu.convert.graph import Array, Node
from microkpu.convert.program import Place, Tensor

if TYPE_CHECKING:
    from microkpu.convert.lower import Lowering


MOST_FLOAT = 3.4028234663852886e38
Handler = Callable[["Lowering", Node], None]


def moving_place(low: Lowering, node: Node) -> Place:
    """Bytes stay bytes where elements only move; floats where there are only floats."""
    sources = low.graph.moving_inputs(node)
    if all(low.quantised(name) for name in sources) and low.plan.moves_bytes(node):
        return Place.BYTES
    return Place.FLOATS


def move(low: Lowering, node: Node, kind: str, **settings: object) -> None:
    """A step that puts the elements of the first input elsewhere."""
    place = moving_place(low, node)
    source = low.form(node.inputs[0], place)
    low.put(node.output, low.cpu(node, kind, [source], low.new(node.output, place), **settings))


def on_floats(low: Lowering, node: Node, kind: str, **settings: object) -> None:
    source = low.form(node.inputs[0], Place.FLOATS)
    result = low.new(node.output, Place.FLOATS)
    low.put(node.output, low.cpu(node, kind, [source], result, **settings))


def clamped(low: Lowering, node: Node, kind: str, reads: list[Tensor], **settings: object) -> None:
    """A step on floats that does the Relu or Clip after it too."""
    output, bounds = node.output, (-MOST_FLOAT, MOST_FLOAT)
    user = low.graph.only_user(output)
    if user is not None and user.op in ("Relu", "Clip"):
        ends = (0.0, MOST_FLOAT) if user.op == "Relu" else bounds_of(low, user)
        if low.graph.target == "v4" or ends in ((0.0, MOST_FLOAT), (0.0, 6.0)):
            output, bounds = user.output, ends
            low.done.add(id(user))
    result = low.new(output, Place.FLOATS)
    low.put(output, low.cpu(node, kind, reads, result, bounds=bounds, **settings))


def bounds_of(low: Lowering, clip: Node) -> tuple[float, float]:
    ends = [low.graph.constant(clip, place) for place in (1, 2)]
    defaults = (-MOST_FLOAT, MOST_FLOAT)
    first, second = (
        default if end is None else float(end.reshape(-1)[0])
        for end, default in zip(ends, defaults, strict=True)
    )
    return first, second


def constant_of(low: Lowering, name: str) -> Tensor:
    """A constant of floats."""
    array = np.ascontiguousarray(low.graph.constants[name], "<f4")
    return Tensor(name, Place.CONSTANT, array.shape, None, data=array.tobytes())


def as_floats(array: Array) -> Array:
    return np.ascontiguousarray(array, "<f4")
