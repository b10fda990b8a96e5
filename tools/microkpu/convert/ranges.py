# SPDX-License-Identifier: MIT
"""Measures the range of every value over the samples, and chooses what part of it bytes hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import ceil, floor, log2

import numpy as np
from numpy.typing import NDArray

from microkpu.convert.calibration import Samples
from microkpu.convert.errors import ConvertError, NodeError
from microkpu.convert.floats import FloatRunner
from microkpu.convert.graph import Array, Graph

Range = tuple[float, float]
Counts = NDArray[np.float64]
Progress = Callable[[Samples, str], Iterable[Array]]
BINS = 2048
LEVELS = 256
# The part of all values that the method "percentile" keeps.
KEPT = 0.9999
CANDIDATES = 64
# No method leaves out more of the range than this.
LEAST_PART = 0.3
# Ranges end at multiples of 2^-9 to 2^-10 of their width; what is so close to one is on it.
PART_BITS = 9
SAME = 1e-3
# Narrower ranges, in parts of their numbers, are widened.
NARROWEST = 2.5e-4


def measure(
    graph: Graph, samples: Samples, method: str, progress: Progress, whole: Iterable[str] = ()
) -> dict[str, Range]:
    """The range of every value; those of `whole` are never cut."""
    values = [name for name in graph.shapes if name not in graph.constants]
    values = [name for name in values if name in graph.inputs or graph.producer(name)]
    runner = FloatRunner(graph, values)
    ranges: dict[str, Range] = {}
    for x in progress(samples, "ranges"):
        for name, array in runner.run(x).items():
            if not np.isfinite(array).all():
                raise _unbounded(graph, name)
            low, high = ranges.get(name, (np.inf, -np.inf))
            ranges[name] = (min(low, float(array.min())), max(high, float(array.max())))
    ranges = {name: _widened(range_) for name, range_ in ranges.items()}
    if method == "minmax":
        return ranges
    counts = {name: np.zeros(BINS) for name in values}
    for x in progress(samples, "histograms"):
        for name, array in runner.run(x).items():
            low, high = ranges[name]
            counts[name] += np.histogram(array, BINS, (low, high))[0]
    uncut = set(whole)
    choose = METHODS[method]
    return {
        name: range_ if name in uncut else choose(counts[name], *range_)
        for name, range_ in ranges.items()
    }


def _unbounded(graph: Graph, name: str) -> ConvertError:
    """Of the first value in order of running that is not finite."""
    node = graph.producer(name)
    if node is None:
        return ConvertError(f"the input {name!r} is not finite: check --mean and --input-scale")
    weights = [graph.constants[each] for each in node.inputs if each in graph.constants]
    if not all(np.isfinite(array).all() for array in weights if array.dtype.kind == "f"):
        return NodeError(node, "its weights hold NaN or infinity", "train or export it again")
    return NodeError(
        node,
        "its result is NaN or infinite for some calibration inputs, which no byte stands for",
        "keep its input away from there (add a small number, or a Clip before it)",
    )


def _widened(range_: Range) -> Range:
    """To whole parts of the range: the last bits of sums differ from machine to machine."""
    low, high = range_
    # A constant, or what floats cannot divide into bins.
    size = max(abs(low), abs(high))
    if high - low < max(1e-9, NARROWEST * size):
        high = low + max(1e-6, 4 * NARROWEST * size)
    part = 2.0 ** (floor(log2(high - low)) - PART_BITS)
    return floor(low / part + SAME) * part, ceil(high / part - SAME) * part


def _ends(counts: Counts, low: float, high: float) -> tuple[float, int, int]:
    """Width of a bin, and the first and last bin that must stay: those around 0."""
    width = (high - low) / len(counts)
    zero = int(np.clip((0 - low) / width, 0, len(counts) - 1))
    return width, zero, zero


def percentile(counts: Counts, low: float, high: float) -> Range:
    """Without the outermost values at each end."""
    total = counts.sum()
    sums = np.cumsum(counts)
    width = (high - low) / len(counts)
    first = int(np.searchsorted(sums, total * (1 - KEPT)))
    last = int(np.searchsorted(sums, total * KEPT))
    return low + first * width, low + (last + 1) * width


def _searched(
    cost: Callable[[Counts, int, int], float],
) -> Callable[[Counts, float, float], Range]:
    """First the upper end by lowest cost, then the lower one."""

    def choose(counts: Counts, low: float, high: float) -> Range:
        width, _, _ = _ends(counts, low, high)
        first, last = 0, len(counts)
        zero = (0 - low) / width
        for upper in (True, False):
            reach = last - max(zero, 0) if upper else min(zero, len(counts)) - first
            if reach < 2:
                continue
            best, chosen = np.inf, 0
            for cut in np.linspace(0, reach * (1 - LEAST_PART), CANDIDATES).astype(int).tolist():
                ends = (first, last - cut) if upper else (first + cut, last)
                found = cost(counts, *ends)
                if found < best:
                    best, chosen = found, cut
            first, last = (first, last - chosen) if upper else (first + chosen, last)
        return low + first * width, low + last * width

    return choose


def _square_error(counts: Counts, first: int, last: int) -> float:
    """Rounding inside, cutting outside; in bins squared."""
    places = np.arange(len(counts)) + 0.5
    outside = np.maximum(first - places, 0) + np.maximum(places - last, 0)
    step = (last - first) / (LEVELS - 1)
    inside = counts[first:last].sum() * step * step / 12
    return float((counts * outside * outside).sum() + inside)


def _divergence(counts: Counts, first: int, last: int) -> float:
    """Kullback and Leibler's, of what is kept to what 256 levels make of it.

    The fullest bin is left out: of values after a Relu most are 0, which every range holds.
    """
    counts = counts.copy()
    counts[counts.argmax()] = 0
    kept = counts[first:last].copy()
    kept[0] += counts[:first].sum()
    kept[-1] += counts[last:].sum()
    inner = counts[first:last]
    level = np.arange(len(kept)) * LEVELS // len(kept)
    filled = inner > 0
    sums = np.bincount(level, inner, LEVELS)
    share = np.bincount(level, filled, LEVELS)
    spread = np.where(filled, sums[level] / np.maximum(share[level], 1), 0)
    p, q = kept / max(kept.sum(), 1), spread / max(spread.sum(), 1e-12)
    both = (p > 0) & (q > 0)
    missing = p[(p > 0) & (q == 0)].sum()
    return float((p[both] * np.log(p[both] / q[both])).sum() + missing * 10)


METHODS: Mapping[str, Callable[[Counts, float, float], Range]] = {
    "minmax": lambda counts, low, high: (low, high),
    "percentile": percentile,
    "mse": _searched(_square_error),
    "kl": _searched(_divergence),
}
