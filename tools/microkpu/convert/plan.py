# SPDX-License-Identifier: MIT
"""What is decided before steps are made: layers, maps side by side, and what bytes mean."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from microkpu.convert.graph import Graph, Node
from microkpu.convert.passes.activations import leads_to_outputs_only
from microkpu.convert.passes.joins import from_kpu
from microkpu.convert.passes.layers import layers_of
from microkpu.convert.passes.limits import MOST_CHANNELS, side_fits
from microkpu.convert.quantization import Floats, Quantization
from microkpu.kpu_words import map_group

# Operators that leave every element as it is, so that bytes keep their meaning.
MOVING = {
    "Reshape", "Transpose", "Slice", "Pad", "DepthToSpace", "SpaceToDepth", "Concat", "Identity",
    "Resize", "Gather", "Split", "MaxPool",
}  # fmt: skip
Range = tuple[float, float]


@dataclass
class InputScale:
    """What bytes of the input mean: (byte - mean) * scale for each channel."""

    quantization: Quantization
    # The input in real numbers is what the quantisation says, times factor, plus offset.
    factor: Floats
    offset: Floats

    @property
    def plain(self) -> bool:
        return bool(np.all(self.factor == 1) and np.all(self.offset == 0))


class Plan:
    """Of a rewritten graph; `known` are values whose ranges are the model's own, not measured."""

    def __init__(
        self,
        graph: Graph,
        ranges: Mapping[str, Range],
        input_scale: InputScale,
        known: Collection[str] = (),
    ) -> None:
        self.graph = graph
        self.ranges = dict(ranges)
        self.scale = input_scale
        self.known = known
        self.layers = {layer.conv.output: layer for layer in layers_of(graph)}
        for layer in self.layers.values():
            if layer.pool is not None and layer.pool.op == "AveragePool":
                # The mean is one of bytes that hold what comes before it.
                self.ranges[layer.result] = ranges[layer.activation.result]
        # The layer of each node that is part of one.
        self.inner = {id(node): layer for layer in self.layers.values() for node in layer.nodes}
        (self.input,) = graph.inputs
        self.beside = self._concatenations()
        self.parts = self._direct_parts()
        self.quantizations = self._shared_quantizations()

    def moves_bytes(self, node: Node) -> bool:
        """Whether elements of this node move as bytes: parts that end a model keep their own."""
        if node.op == "Transpose" and self.graph.target == "v3":
            return False
        return node.op != "Concat" or not leads_to_outputs_only(self.graph, node.output)

    # -- maps side by side

    def _concatenations(self) -> dict[str, Node]:
        """Concatenations of channels that the KPU reads: their parts lie side by side."""
        found = {}
        for node in self.graph.nodes:
            if node.op != "Concat" or node.cpu or node.output not in self.graph.shapes:
                continue
            shape = self.graph.shape(node.output)
            if len(shape) != 4 or node.attributes.get("axis", 0) % 4 != 1:
                continue
            if not side_fits(*shape[2:]) or self.width(node) > MOST_CHANNELS:
                continue
            if any(name in self.graph.constants for name in node.inputs):
                continue
            used = any(id(user) in self.inner for user in self.graph.users(node.output))
            on_kpu = any(from_kpu(self.graph, name) for name in node.inputs)
            if used or (on_kpu and not leads_to_outputs_only(self.graph, node.output)):
                found[node.output] = node
        return found

    def starts(self, node: Node) -> list[int]:
        """The channel where each part begins: parts share no rows of AI RAM."""
        group = map_group(self.graph.shape(node.output)[3])
        starts, at = [], 0
        for name in node.inputs:
            at += -at % group
            starts.append(at)
            at += self.graph.shape(name)[1]
        return starts

    def width(self, node: Node) -> int:
        """Channels of a concatenation with the gaps between its parts."""
        return self.starts(node)[-1] + self.graph.shape(node.inputs[-1])[1]

    def _direct_parts(self) -> dict[str, tuple[Node, int]]:
        """Values that their layer can write where a concatenation has them."""
        results = {layer.result for layer in self.layers.values()}
        parts: dict[str, tuple[Node, int]] = {}
        for node in self.beside.values():
            for name, start in zip(node.inputs, self.starts(node), strict=True):
                if name in results and name not in parts and node.inputs.count(name) == 1:
                    parts[name] = (node, start)
        return parts

    # -- what bytes mean

    def _shares(self, node: Node, name: str) -> bool:
        """Whether a part has the bytes of its concatenation: written or loaded right there."""
        if name in self.parts:
            return self.parts[name][0] is node
        alone = self.graph.only_user(name) is node
        return alone and name != self.input and name not in self.beside

    def _shared_quantizations(self) -> dict[str, Quantization]:
        """One quantisation for values that share their bytes."""
        group: dict[str, str] = {}

        def first(name: str) -> str:
            while group.get(name, name) != name:
                name = group[name]
            return name

        moved = {node.output for node in self.graph.nodes if node.op in MOVING}
        # Parts of a concatenation that have ranges of their own, known or measured.
        apart: set[str] = set()
        for node in self.graph.nodes:
            if id(node) in self.inner:
                continue
            together: list[str] = []
            if node.output in self.beside:
                together = [name for name in node.inputs if self._shares(node, name)]
                apart.update(name for name in together if name not in moved)
            elif node.op in MOVING and self.moves_bytes(node):
                moving = self.graph.moving_inputs(node)
                together = moving if node.op == "Concat" else moving[:1]
            for name in together:
                group[first(name)] = first(node.output)
        members: dict[str, list[Range]] = {}
        decided: dict[str, list[Range]] = {}
        for name, range_ in self.ranges.items():
            members.setdefault(first(name), []).append(range_)
            if name in self.known or (self.known and name in apart):
                decided.setdefault(first(name), []).append(range_)
        found = {}
        for name in self.ranges:
            own = decided.get(first(name)) or members[first(name)]
            low, high = min(r[0] for r in own), max(r[1] for r in own)
            if first(self.input) == first(name):
                found[name] = self.scale.quantization
            else:
                found[name] = Quantization.of_range(low, high)
        return found
