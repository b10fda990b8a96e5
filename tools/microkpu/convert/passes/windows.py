# SPDX-License-Identifier: MIT
"""What the attributes of convolutions and poolings mean: kernel, strides, padding in numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from microkpu.convert.graph import Graph, Node, each

Pair = tuple[int, int]
WINDOWED = ("Conv", "ConvTranspose", "MaxPool", "AveragePool")


@dataclass(frozen=True)
class Window:
    """A window over (height, width); padding before and after."""

    kernel: Pair
    strides: Pair = (1, 1)
    before: Pair = (0, 0)
    after: Pair = (0, 0)
    dilations: Pair = (1, 1)

    @property
    def reach(self) -> Pair:
        """Pixels from the first tap to the last, both counted."""
        (kh, kw), (dh, dw) = self.kernel, self.dilations
        return (kh - 1) * dh + 1, (kw - 1) * dw + 1

    def moved(self, **changes: Any) -> Window:
        return replace(self, **changes)

    def attributes(self) -> dict[str, Any]:
        return {
            "kernel_shape": list(self.kernel),
            "strides": list(self.strides),
            "pads": [*self.before, *self.after],
            "dilations": list(self.dilations),
        }


def window_of(graph: Graph, node: Node) -> Window:
    """The window of a Conv, ConvTranspose, MaxPool or AveragePool over maps."""
    if node.op.startswith("Conv"):
        kernel = graph.shape(node.inputs[1])[2:]
    else:
        kernel = tuple(node.integers("kernel_shape"))
    pads = node.integers("pads", (0, 0, 0, 0))
    strides = node.integers("strides", (1, 1))
    dilations = node.integers("dilations", (1, 1))
    return Window(
        (kernel[0], kernel[1]),
        (strides[0], strides[1]),
        (pads[0], pads[1]),
        (pads[2], pads[3]),
        (dilations[0], dilations[1]),
    )


def on_maps(graph: Graph, node: Node) -> bool:
    """Whether a node works on (1, channels, height, width)."""
    return len(graph.shape(node.inputs[0])) == 4


def spell_out_padding(graph: Graph) -> bool:
    """auto_pad in numbers: SAME_UPPER is TensorFlow's, one pixel more below and to the right."""
    changed = False
    for node in each(graph, *WINDOWED):
        auto = node.attributes.pop("auto_pad", "NOTSET")
        if auto == "NOTSET" or not on_maps(graph, node):
            continue
        changed = True
        window = window_of(graph, node)
        if auto == "VALID":
            node.attributes["pads"] = [0, 0, 0, 0]
            continue
        total = []
        for axis in (0, 1):
            size = graph.shape(node.inputs[0])[2 + axis]
            stride, reach = window.strides[axis], window.reach[axis]
            if node.op == "ConvTranspose":
                total.append(max(0, reach - stride))
            else:
                total.append(max(0, (-(-size // stride) - 1) * stride + reach - size))
        less = [pad // 2 for pad in total]
        more = [pad - small for pad, small in zip(total, less, strict=True)]
        first, last = (less, more) if auto == "SAME_UPPER" else (more, less)
        node.attributes["pads"] = [*first, *last]
    return changed
