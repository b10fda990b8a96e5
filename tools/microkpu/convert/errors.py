# SPDX-License-Identifier: MIT
"""What a conversion says when it refuses: which node, why, and what to change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from microkpu.errors import MicrokpuError

if TYPE_CHECKING:
    from microkpu.convert.graph import Node


class ConvertError(MicrokpuError):
    """A model, or an input to its conversion, that cannot become a kmodel."""


def several_inputs(names: Sequence[str]) -> str:
    """What is said of a model that does not read one thing."""
    listed = ", ".join(map(repr, names)) or "none"
    return (
        f"the model has inputs {listed}: one is wanted, as forward() takes one: export it with "
        "the others as constants, or join them into one that the model splits"
    )


class NodeError(ConvertError):
    """One node is the reason: `advice` says what to change in the model."""

    def __init__(self, node: Node, why: str, advice: str) -> None:
        super().__init__(f"node {node.name!r} ({node.op}): {why}: {advice}")
        self.node = node
        self.why = why
        self.advice = advice

    def of(self, ops: Mapping[str, str]) -> NodeError:
        """The same, with the operator that the node has in the user's file."""
        node = replace(self.node, op=ops.get(self.node.name, self.node.op))
        return NodeError(node, self.why, self.advice)


STATISTICS = (
    "it normalises by each picture's own statistics, and bytes have one range for all pictures",
    "train with batch normalisation instead",
)
STATE = (
    "it is recurrent, and kmodels keep no state from step to step",
    "use convolutions over time, or compute it in the script",
)
ORDER = ("kmodels do not compare and order numbers",
         "end the model before it, and compute it in the script")  # fmt: skip
CHOICE = ("kmodels do not choose by conditions", "write it with Relu, Clip, Max or Min")
NEIGHBOURS = (
    "it divides by powers of sums over neighbouring channels, which no table does",
    "leave it out, or train with batch normalisation instead",
)
# Why an operator is out of reach, and what to change; the others are said to be unknown.
OUT_OF_REACH: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        ("InstanceNormalization", "LayerNormalization", "GroupNormalization",
         "LpNormalization", "MeanVarianceNormalization", "RMSNormalization"), STATISTICS,
    ),
    **dict.fromkeys(("LSTM", "GRU", "RNN", "UNIDIRECTIONAL_SEQUENCE_LSTM",
                     "UNIDIRECTIONAL_SEQUENCE_RNN", "BIDIRECTIONAL_SEQUENCE_LSTM", "SVDF"), STATE),
    **dict.fromkeys(("ArgMax", "ArgMin", "TopK", "NonMaxSuppression", "NonZero", "Unique",
                     "ARG_MAX", "ARG_MIN", "TOPK_V2"), ORDER),
    **dict.fromkeys(("Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal", "Where",
                     "And", "Or", "Not", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL",
                     "EQUAL", "SELECT", "SELECT_V2"), CHOICE),
    **dict.fromkeys(("LRN", "LOCAL_RESPONSE_NORMALIZATION"), NEIGHBOURS),
    "Einsum": ("kmodels have no general products", "write it as a MatMul or a 1x1 Conv"),
    "Gather": (
        "kmodels pick channels of maps only, by constant indices",
        "write it as Slice or Split, or pick in the script",
    ),
    "BatchNormalization": (
        "kmodels have maps of two dimensions only", "reshape before and after",
    ),
    "SHAPE": (
        "sizes that are worked out while the model runs, because its batch was left open",
        "convert it to TensorFlow Lite for one picture: an input of (1, height, width, channels)",
    ),
    **dict.fromkeys(("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE"), (
        "its weights are variables, which only TensorFlow's run time holds",
        "convert the model itself, by TFLiteConverter.from_keras_model, not a function of it",
    )),
    "Attention": ("kmodels have no attention", "use convolutions instead"),
}  # fmt: skip
