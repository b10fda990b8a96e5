# SPDX-License-Identifier: MIT
"""How long a kmodel takes, what it needs, what is unusual: `microkpu kmodel explain FILE`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from microkpu.kmodel import v3, v4
from microkpu.kmodel.host import HostModel
from microkpu.kmodel.text_table import table
from microkpu.kmodel.word_order import in_order, is_reversed
from microkpu.kpu_time import layer_seconds, weight_bytes
from microkpu.kpu_words import LayerWords

HEADS = ("layer", "type", "on", "in", "out", "kernel", "weights", "ms")
# What compilers keep to, and the largest map of known models.
LEAST_SIDE = 4
MOST_WIDTH, MOST_HEIGHT = 320, 256
UPLOADS = {"K210Upload", "KpuUpload"}
CONVOLUTIONS = {"Conv2d", "QuantizedConv2d", "Conv2dTranspose"}


@dataclass(frozen=True, slots=True)
class Step:
    """A layer or node; the KPU's have `words` and work on `batches` maps one after another."""

    index: int
    name: str
    shape_in: str = ""
    shape_out: str = ""
    words: LayerWords | None = None
    weight_bytes: int = 0
    batches: int = 1

    def seconds(self, hz: int) -> float:
        """The KPU's time by the model of its speed; 0 of what the CPU computes."""
        w = self.words
        if w is None:
            return 0.0
        eight_bit = self.weight_bytes < weight_bytes(w, eight_bit=False)
        return self.batches * layer_seconds(w, eight_bit=eight_bit, hz=hz)


def explain(file: Path, hz: int) -> str:
    """The text for a model that the board takes; MicrokpuError has the board's words else."""
    model = HostModel(file)
    raw = file.read_bytes()
    data = in_order(raw)
    version = 4 if data.startswith(b"LDMK") else 3
    steps = list(steps_of(data, version))
    order = ", its words reversed" if is_reversed(raw) else ""
    lines = [
        f"{file.name}: kmodel V{version}{order}",
        f"input     {model.input}",
        *(f"output {i}  {output}" for i, output in enumerate(model.outputs)),
        "",
        *table([HEADS, *(row(step, hz) for step in steps)]),
        "",
        f"memory    {memory(model, len(data))}",
        f"KPU       {sum(step.seconds(hz) for step in steps) * 1000:.2f} ms at {hz // 1_000_000}"
        " MHz, estimated; the CPU's layers come on top",
        f"CPU       {on_cpu(steps)}",
    ]
    found = list(warnings(steps))
    return "\n".join([*lines, "", *found] if found else lines)


def steps_of(data: bytes, version: int) -> Iterator[Step]:
    if version == 3:
        parsed = v3.parse(data)
        for layer in parsed.layers:
            body = layer.body
            if isinstance(body, v3.K210Conv):
                yield kpu_step(layer.index, parsed.words(body), len(parsed.weights(body)))
            else:
                yield Step(layer.index, type(body).__name__, *shapes3(body))
        return
    for index, node in enumerate(v4.parse(data).nodes):
        if isinstance(node, v4.KpuConv2d):
            yield kpu_step(index, node.words, len(node.weights), node.batches)
        else:
            yield Step(index, type(node).__name__, *shapes4(node))


def kpu_step(index: int, w: LayerWords, weight_bytes: int, batches: int = 1) -> Step:
    return Step(
        index,
        "depthwise" if w.depth_wise else "convolution",
        f"{w.i_ch}x{w.i_height}x{w.i_width}",
        f"{w.o_ch}x{w.o_height}x{w.o_width}",
        w,
        weight_bytes,
        batches,
    )


def shapes3(body: v3.Body) -> tuple[str, str]:
    """Of a V3's CPU layer: channels x height x width where its fields say it, or elements."""

    def shape(*names: str) -> str:
        return "x".join(str(getattr(body, name)) for name in names if hasattr(body, name))

    if isinstance(body, v3.Concat):
        return "", ""  # its tail has a size for each part
    if isinstance(body, v3.GlobalAveragePool2d):
        return shape("channels", "kernel_size"), shape("channels")
    if isinstance(body, v3.FullyConnected):
        return shape("in_channels"), shape("out_channels")
    if hasattr(body, "out_w"):
        channels = "out_c" if hasattr(body, "out_c") else "in_c"
        return shape("in_c", "in_h", "in_w"), shape(channels, "out_h", "out_w")
    flat = shape("c", "h", "w") or shape("count") or shape("channels", "channel_size")
    return flat, flat


def shapes4(node: v4.Body) -> tuple[str, str]:
    """Of a V4's CPU node: batches, channels, height, width where it has them."""
    given = getattr(node, "shape_in", None) or getattr(node, "shape_a", None)
    made = getattr(node, "shape_out", None)
    given = given or getattr(node, "shape", None)
    return "x".join(map(str, given or ())), "x".join(map(str, made or ()))


def row(step: Step, hz: int) -> tuple[str, ...]:
    w = step.words
    if w is None:
        return str(step.index), step.name, "CPU", step.shape_in, step.shape_out, "", "", ""
    return (
        str(step.index),
        step.name,
        "KPU",
        step.shape_in,
        step.shape_out,
        f"{w.kernel_size}x{w.kernel_size}",
        str(step.weight_bytes),
        f"{step.seconds(hz) * 1000:.3f}",
    )


def memory(model: HostModel, file_bytes: int) -> str:
    needs = model.needs
    total = file_bytes + needs.work + needs.device + needs.tape
    return (
        f"{-(-total // 1024)} KiB: file {file_bytes}, working memory {needs.work}, streamed"
        f" results {needs.device}, tape {needs.tape} bytes"
    )


def on_cpu(steps: list[Step]) -> str:
    """The names of the CPU's layers, each with how often it comes."""
    names = Counter(step.name for step in steps if step.words is None)
    if not names:
        return "nothing but the outputs"
    return ", ".join(name if n == 1 else f"{n} {name}" for name, n in names.items())


def warnings(steps: list[Step]) -> Iterator[str]:
    """What the board runs, and what is unusual there or costs time."""
    for step in steps:
        said = [*unusual(step.words)] if step.words else []
        if step.name in UPLOADS:
            said.append("its map is carried back to the KPU: something before it runs on the CPU")
        if step.name in CONVOLUTIONS:
            said.append("a convolution on the CPU: the KPU knows 1x1 and 3x3 with stride 1 or 2")
        for sentence in said:
            yield f"note: layer {step.index} ({step.name}): {sentence}"


def unusual(w: LayerWords) -> Iterator[str]:
    for what, width, height in (
        ("its input", w.i_width, w.i_height),
        ("its output", w.o_width, w.o_height),
    ):
        if min(width, height) < LEAST_SIDE:
            yield f"{what} is {width}x{height}: compilers keep to {LEAST_SIDE} or more each way"
    if w.i_width > MOST_WIDTH or w.i_height > MOST_HEIGHT:
        yield (
            f"its input is {w.i_width}x{w.i_height}: known models have at most"
            f" {MOST_WIDTH}x{MOST_HEIGHT}"
        )
