# SPDX-License-Identifier: MIT
"""Fits a function with the KPU's activation table: up to 15 pieces, each level or rising.

Falling pieces are made of levels: no file of the vendor's has a negative slope, and the sources
round negative products in an odd way. For functions of straight lines the fit is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from microkpu.convert.quantization import DOMAIN, SEGMENTS, Floats, Integers, Quantization

PIECES = SEGMENTS - 1
POINTS = 512
FRACTION_BITS = 11
# Slopes are below 2^15; shifts from 32 on were wrong in some of the vendor's simulators.
SLOPE_BITS = 14
MOST_SHIFT = 31
# A piece that rises less than this many steps is a level.
LEAST_RISE = 1.0
# Beyond the range seen, the last lines go on this much further, in widths of the range.
BEYOND = 0.25

Function = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Table:
    """An activation table for values of `scale` units per 1.0."""

    entries: Integers  # (16, 4): x_start, mul, shift, add
    scale: float
    worst: float  # largest error within the range, in steps of the output, before rounding
    mean: float  # root of the mean square of the error


@dataclass(frozen=True)
class Line:
    """From `start` on y = level + slope * (x - start), in steps of the output."""

    start: float
    level: float
    slope: float

    def at(self, x: float) -> float:
        return self.level + self.slope * (x - self.start)


def fit(
    function: Function, low: float, high: float, output: Quantization, offset: float = 0.0
) -> Table:
    """The table for inputs low..high; `offset` is added before rounding, in output steps."""
    width = max(high - low, 1e-6)
    low, high = low - BEYOND * width, high + BEYOND * width
    x = np.linspace(low, high, POINTS)
    y = _wanted(function, x, output, offset)
    lines = [*_joined(_lines(x, y), low), Line(high, 255, 0)]
    steepest = max(line.slope for line in lines)
    if steepest <= 0:
        steepest = 255 / width
    scale = steepest * 2.0**FRACTION_BITS
    # The domain must hold what lies beyond the range too.
    while max(abs(low), abs(high)) * scale >= DOMAIN / 8:
        scale /= 2
    entries = _entries(lines, scale)
    dense = np.linspace(low + BEYOND * width, high - BEYOND * width, 4 * POINTS + 1)
    error = look_up(entries, np.round(dense * scale).astype(np.int64), rounded=False)
    error = error - _wanted(function, dense, output, offset)
    return Table(
        entries, scale, float(np.abs(error).max()), float(np.sqrt(np.mean(error * error)))
    )


def _wanted(function: Function, x: Floats, output: Quantization, offset: float) -> Floats:
    steps = function(x) * output.scale + output.zero + offset
    return np.clip(np.nan_to_num(steps, nan=0.0), 0, 255)


def _lines(x: Floats, y: Floats) -> list[Line]:
    """The best chain of at most PIECES lines through the points, by dynamic programming."""
    cost, slope, level = _costs(x, y)
    count = len(x)
    best = cost[0].copy()  # of one line over points 0..j
    choices: list[NDArray[np.int64]] = []
    totals = [best[-1]]
    for _ in range(PIECES - 1):
        # best over i of (lines over 0..i-1) + (one line over i..j)
        joined = np.concatenate([[np.inf], best[:-1]])[:, None] + cost
        choices.append(joined.argmin(0))
        best = joined.min(0)
        totals.append(best[-1])
    # As few lines as come close to the best.
    enough = totals[-1] * 1.05 + 1e-7 * count
    used = next(i for i, total in enumerate(totals) if total <= enough)
    ends, j = [], count - 1
    for step in range(used, 0, -1):
        i = int(choices[step - 1][j])
        ends.append((i, j))
        j = i - 1
    ends.append((0, j))
    return [Line(float(x[i]), float(level[i, j]), float(slope[i, j])) for i, j in reversed(ends)]


def _costs(x: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    """For every i <= j the least squares line over points i..j: error, slope, value at x[i]."""
    sums = [np.concatenate([[0.0], np.cumsum(v)]) for v in (x, y, x * x, x * y, y * y)]
    i, j = np.arange(len(x))[:, None], np.arange(len(x))[None, :]
    n = np.maximum(j - i + 1, 1).astype(float)
    sx, sy, sxx, sxy, syy = (total[j + 1] - total[i] for total in sums)
    vx = sxx - sx * sx / n
    vxy = sxy - sx * sy / n
    vy = np.maximum(syy - sy * sy / n, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.where(vx > 1e-12, vxy / vx, 0.0)
    slope = np.where(slope * (x[j] - x[i]) < LEAST_RISE, 0.0, slope)
    cost = np.maximum(vy - 2 * slope * vxy + slope * slope * vx, 0)
    cost = np.where(j >= i, cost, np.inf)
    level = sy / n + slope * (x[i] - sx / n)
    return cost, slope, level


def _joined(lines: list[Line], low: float) -> list[Line]:
    """Begins each line where it meets the one before, if that is near."""
    step = 2.0 / POINTS * max(abs(lines[-1].start - low), 1e-6)
    joined = [Line(low, lines[0].at(low), lines[0].slope)]
    for line in lines[1:]:
        before = joined[-1]
        start = line.start
        if abs(line.slope - before.slope) > 1e-12:
            meet = (before.at(0) - line.at(0)) / (line.slope - before.slope)
            if before.start < meet and abs(meet - line.start) <= max(
                step, 2 * abs(line.start - before.start) / POINTS + step
            ):
                start = meet
        joined.append(Line(start, line.at(start), line.slope))
    return joined


def _entries(lines: list[Line], scale: float) -> Integers:
    """The table: a rising line starts where it passes a whole step; the last line only ends."""
    rows: list[tuple[int, int, int, int]] = []
    for place, (line, following) in enumerate(pairwise(lines)):
        slope = line.slope / scale
        start, level = line.start * scale, min(max(line.level, 0.0), 255.0)
        mul, shift = _slope(slope)
        rise = line.slope * (following.start - line.start)
        if mul and rise >= LEAST_RISE:
            whole = round(level)
            # Where the line passes the whole step nearest to its start.
            start += (whole - line.level) / slope
            rows.append((round(start), mul, shift, whole))
        else:
            middle = min(max(line.level + rise / 2, 0.0), 255.0)
            rows.append((round(start), 0, 0, round(middle)))
        if place == 0:
            first = rows[0]
            rows = [(-DOMAIN, 0, 0, first[3])] + ([first] if first[1] else [])
    rows = _ascending(rows)[:SEGMENTS]
    rows += [(DOMAIN - SEGMENTS + place, 0, 0, 255) for place in range(len(rows), SEGMENTS)]
    return np.array(rows, np.int64)


def _ascending(rows: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    """Without rows that the next one hides."""
    kept: list[tuple[int, int, int, int]] = []
    for row in rows:
        while kept[1:] and kept[-1][0] >= row[0]:
            kept.pop()
        kept.append(row)
    return kept


def _slope(slope: float) -> tuple[int, int]:
    """mul and shift: slope is mul / 2^shift, with as many bits as there are."""
    if slope <= 0:
        return 0, 0
    exponent = int(np.frexp(slope)[1])
    shift = min(max(SLOPE_BITS - exponent, 0), MOST_SHIFT)
    return round(slope * 2.0**shift), shift


def look_up(entries: Integers, x: Integers, *, rounded: bool = True) -> Floats:
    """What a table gives, clamped to a byte; exact rounding aside, as the KPU computes it."""
    chosen = np.zeros(x.shape, np.int64)
    for index, start in enumerate(entries[:, 0].tolist()):
        chosen[x > start] = index
    start, mul, shift, add = entries[chosen].T
    y = (x - start) * mul / np.exp2(shift) + add
    result: Floats = np.clip(np.round(y) if rounded else y, 0, 255)
    return result
