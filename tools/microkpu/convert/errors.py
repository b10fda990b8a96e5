# SPDX-License-Identifier: MIT
"""What a conversion says when it refuses: which node, why, and what to change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from microkpu.errors import MicrokpuError

if TYPE_CHECKING:
    from microkpu.convert.graph import Node


class ConvertError(MicrokpuError):
    """A model, or an input to its conversion, that cannot become a kmodel."""


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
