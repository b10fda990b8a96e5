# SPDX-License-Identifier: MIT
"""How close a kmodel comes to the model in floats, layer by layer, as the board computes it.

The kmodel is written once more with every KPU layer's bytes as outputs, and run by the board's
own code; onnxruntime gives the same values in floats.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path

from tqdm import tqdm

from microkpu.convert.closeness import SAMPLES, Closeness, Sums
from microkpu.convert.conversion import EMITTERS, Conversion
from microkpu.convert.costs import milliseconds
from microkpu.convert.floats import FloatRunner
from microkpu.convert.plot import draw_bars
from microkpu.convert.program import CpuStep, KpuStep, Place, Program, Tensor
from microkpu.kmodel.host import HostModel
from microkpu.kpu_words import AI_RAM_ROWS

# Runtimes hold so many outputs of one file.
MOST_OUTPUTS = 60
MOST_BYTES = 6 << 20
# A fit that is off by more than this many steps is told.
TOLD_FIT = 1.0


def layers_closeness(
    conversion: Conversion, samples: int = SAMPLES, *, quiet: bool = True
) -> list[Closeness]:
    """Of every KPU layer's result, in the order of the file."""
    steps = [s for s in conversion.lowered.steps if isinstance(s, KpuStep)]
    runner = FloatRunner(conversion.graph, [step.result.name for step in steps])
    single = _of_single_pixels(conversion.lowered)
    inputs = list(islice(conversion.samples, samples))
    wanted = [runner.run(x) for x in inputs]
    found = []
    for some in tqdm(_portions(steps), desc="layers", disable=quiet, unit="file"):
        model = HostModel(_traced(conversion, some))
        sums = [Sums() for _ in some]
        for x, floats in zip(inputs, wanted, strict=True):
            results = model.run(conversion.to_bytes(x).reshape(-1))
            for step, total, data in zip(some, sums, results, strict=False):
                whole = floats[step.result.name], step.conv.output.to_floats(data)
                if step in single:
                    # Of a 4x4 map only the corner's pixel means something.
                    whole = whole[0][..., 0, 0], whole[1][..., 0, 0]
                total.add(*whole)
        found += [
            Closeness(step.node.name, step.result.name, s.cosine, s.snr, step.fit[0])
            for step, s in zip(some, sums, strict=True)
        ]
    return found


def _of_single_pixels(program: Program) -> set[KpuStep]:
    """The layers of V3 whose map has old bytes around a single pixel."""
    maps: set[Tensor] = set()
    found = set()
    for step in program.steps:
        if isinstance(step, KpuStep) and step.source in maps:
            found.add(step)
            maps.add(step.result)
        elif isinstance(step, CpuStep) and step.kind == "pad" and step.result.place is Place.MAP:
            maps.add(step.result)
    return found


def _portions(steps: Sequence[KpuStep]) -> list[list[KpuStep]]:
    """As many layers a file as outputs and main memory allow."""
    portions: list[list[KpuStep]] = [[]]
    held = 0
    for step in steps:
        size = step.result.bytes
        if len(portions[-1]) == MOST_OUTPUTS or (held + size > MOST_BYTES and portions[-1]):
            portions.append([])
            held = 0
        portions[-1].append(step)
        held += size
    return [portion for portion in portions if portion]


def _traced(conversion: Conversion, some: Sequence[KpuStep]) -> bytes:
    """The kmodel with the bytes of some layers as its outputs."""
    program = conversion.lowered.copy()
    outputs = []
    for step, original in zip(program.steps, conversion.lowered.steps, strict=True):
        if not isinstance(step, KpuStep) or not any(original is each for each in some):
            continue
        if step.main is None:
            r = step.result
            step.main = Tensor(r.name, Place.BYTES, r.shape, r.quantization)
        outputs.append(step.main)
    program.outputs = outputs
    _cut_after(program)
    data, _ = EMITTERS[conversion.options.target](program)
    return data


def _cut_after(program: Program) -> None:
    """Drops the steps after the last output."""
    last = max(
        place
        for place, step in enumerate(program.steps)
        if any(t.root is o.root for t in step.writes for o in program.outputs)
    )
    program.steps = program.steps[: last + 1]


# -- as text


def summary(conversion: Conversion, outputs: Sequence[Closeness]) -> str:
    """What a user wants to know of a conversion, in a few lines."""
    steps = conversion.program.steps
    kpu = [step for step in steps if isinstance(step, KpuStep)]
    cpu = [step for step in steps if isinstance(step, CpuStep)]
    layout = conversion.layout
    times = sum(map(milliseconds, kpu)), sum(map(milliseconds, cpu))
    lines = [
        f"kmodel {conversion.options.target.upper()}, {len(conversion.data)} bytes",
        f"input     {_input_line(conversion)}",
        f"layers    {len(kpu)} on the KPU (about {times[0]:.1f} ms), "
        f"{len(cpu)} on the CPU (about {times[1]:.1f} ms)",
        f"AI RAM    {layout.peak_rows * 64 // 1024} of {AI_RAM_ROWS * 64 // 1024} KiB at its peak"
        + (f", {layout.spills} maps wait in main memory meanwhile" if layout.spills else ""),
        f"memory    {layout.main_bytes} bytes of working memory",
    ]
    for closeness in outputs:
        lines.append(
            f"output    {closeness.value}: cosine {closeness.cosine:.5f}, "
            f"{closeness.snr:.1f} dB to the floats"
        )
    costly = sorted(cpu, key=milliseconds, reverse=True)[:5]
    lines += [
        f"CPU       {step.kind} for {step.node.name!r}: about {milliseconds(step):.2f} ms"
        + (f" ({step.node.cpu})" if step.node.cpu else "")
        for step in costly
        if milliseconds(step) >= 0.01
    ]
    for step in kpu:
        if step.fit[0] > TOLD_FIT:
            lines.append(
                f"fit       the function after {step.node.name!r} is off by up to "
                f"{step.fit[0]:.1f} of 255 steps, {step.fit[1]:.2f} on average"
            )
    return "\n".join(lines)


def _input_line(conversion: Conversion) -> str:
    tensor = conversion.program.input
    shape = "x".join(map(str, tensor.shape[1:]))
    q = tensor.quantization
    if q is None:
        return f"{shape} float32"
    if conversion.samples.bytes_given:
        pixels = conversion.options.pixels
        scale, mean = ([f"{v:g}" for v in values] for values in (pixels.scale, pixels.mean))
        return f"{shape} uint8, (byte - {','.join(mean)}) * {','.join(scale)} to the model"
    return f"{shape} uint8, byte = x * {q.scale:g} + {q.zero} of the model's numbers"


def write_report(conversion: Conversion, folder: Path, *, quiet: bool = True) -> list[Closeness]:
    """Writes layers.txt (worst first), layers.json and layers.png; gives the layers."""
    folder.mkdir(parents=True, exist_ok=True)
    outputs = conversion.closeness
    layers = layers_closeness(conversion, quiet=quiet)
    worst = sorted(layers, key=lambda layer: layer.snr)
    width = max([len(layer.layer) for layer in layers] + [5])
    lines = [summary(conversion, outputs), "", f"{'layer':{width}}  cosine   SNR dB  fit"]
    lines += [
        f"{layer.layer:{width}}  {layer.cosine:.5f}  {layer.snr:6.1f}  {layer.fit_worst:.2f}"
        for layer in worst
    ]
    (folder / "layers.txt").write_text("\n".join(lines) + "\n")
    found = {
        "outputs": [asdict(each) for each in outputs],
        "layers": [asdict(each) for each in layers],
    }
    (folder / "layers.json").write_text(json.dumps(found, indent=1) + "\n")
    bars = [(layer.layer, min(layer.snr, 99.0)) for layer in layers]
    draw_bars(bars, "signal to noise of each layer, dB", folder / "layers.png")
    return layers
