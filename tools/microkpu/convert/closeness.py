# SPDX-License-Identifier: MIT
"""How close a kmodel's outputs come to the model in floats, and when that is not enough."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from math import inf, log10
from typing import TYPE_CHECKING

import numpy as np

from microkpu.convert.errors import NodeError
from microkpu.convert.floats import FloatRunner
from microkpu.convert.graph import Array, Node
from microkpu.kmodel.host import HostModel

if TYPE_CHECKING:
    from microkpu.convert.conversion import Conversion

SAMPLES = 4
# An output further from the floats than this is no result but an error.
LEAST_COSINE = 0.9


@dataclass(frozen=True)
class Closeness:
    """Of one value: cosine of the angle to the floats, and signal to noise in decibels."""

    layer: str
    value: str
    cosine: float
    snr: float
    fit_worst: float = 0.0


@dataclass
class Sums:
    """Sums over samples, of which both measures come."""

    product: float = 0.0
    wanted: float = 0.0
    found: float = 0.0
    noise: float = 0.0

    def add(self, wanted: Array, found: Array) -> None:
        a, b = wanted.reshape(-1).astype(np.float64), found.reshape(-1).astype(np.float64)
        self.product += float(a @ b)
        self.wanted += float(a @ a)
        self.found += float(b @ b)
        self.noise += float((a - b) @ (a - b))

    @property
    def cosine(self) -> float:
        length = (self.wanted * self.found) ** 0.5
        if length == 0:
            return 1.0 if self.noise == 0 else 0.0
        return float(self.product / length)

    @property
    def snr(self) -> float:
        if self.noise == 0:
            return inf
        return 10 * log10(max(self.wanted, 1e-30) / self.noise)


def outputs_closeness(conversion: Conversion, samples: int = SAMPLES) -> list[Closeness]:
    """Of the model's outputs."""
    names = conversion.graph.outputs
    runner = FloatRunner(conversion.reference, names)
    entry = conversion.graph.entry
    model = HostModel(conversion.data)
    sums = {name: Sums() for name in names}
    for x in islice(conversion.samples, samples):
        wanted = runner.run(entry.undone(x))
        results = model.run(conversion.to_bytes(x).reshape(-1))
        for name, tensor, found in zip(names, conversion.program.outputs, results, strict=True):
            meant = tensor.quantization
            sums[name].add(wanted[name], found if meant is None else meant.to_floats(found))
    return [Closeness("output", name, s.cosine, s.snr) for name, s in sums.items()]


def refuse_loss(conversion: Conversion) -> None:
    """NodeError where an output says something else than the model does in floats."""
    for found in conversion.closeness:
        if found.cosine >= LEAST_COSINE:
            continue
        name = found.value
        node = conversion.graph.producer(name) or Node("Output", [], [name], name=name)
        raise NodeError(
            node,
            f"output {name!r} has cosine {found.cosine:.3f} to the floats over the calibration "
            f"inputs, {LEAST_COSINE} is the least",
            "try other --ranges, or calibration inputs like those of use; --accept-loss "
            "--report DIR writes it all the same and shows which layer loses",
        )
