# SPDX-License-Identifier: MIT
"""A conversion from beginning to end: model in, kmodel and what is to be said of it out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from tqdm import tqdm

from microkpu.convert import emit_v3, emit_v4, keras_file
from microkpu.convert.allocate import Layout
from microkpu.convert.calibration import Pixels, Samples, load
from microkpu.convert.closeness import Closeness, outputs_closeness, refuse_loss
from microkpu.convert.errors import ConvertError, NodeError
from microkpu.convert.floats import FloatRunner, saturated
from microkpu.convert.functions import function_of
from microkpu.convert.graph import Array, Graph, Node, Shape
from microkpu.convert.lower import Lowering
from microkpu.convert.memory import refuse_too_large
from microkpu.convert.onnx_file import read_onnx, to_graph
from microkpu.convert.passes import rewrite
from microkpu.convert.passes.entry import return_input_scale
from microkpu.convert.passes.layers import identity, layers_of
from microkpu.convert.passes.limits import side_fits
from microkpu.convert.plan import InputScale, Plan
from microkpu.convert.program import Program
from microkpu.convert.quantization import Quantization
from microkpu.convert.ranges import METHODS, Progress, Range, measure
from microkpu.convert.tflite_file import TfliteModel, read_tflite

Target = Literal["v3", "v4"]
# Rewritten and given model may differ by so much of the largest output: floats are rounded anew.
MOST_DIFFERENCE = 2e-3
CHECKED_SAMPLES = 2
NOISE_SAMPLES = 4
FUNCTION_POINTS = 1024


@dataclass(frozen=True)
class Options:
    """How a model is converted; see `microkpu convert --help`."""

    target: Target = "v4"
    scale: tuple[float, ...] | None = None
    mean: tuple[float, ...] | None = None
    input_shape: Shape | None = None
    method: str = "mse"
    most_samples: int = 100
    # Outputs given as the KPU's bytes instead of floats, by name.
    as_bytes: tuple[str, ...] = ()
    # A kmodel whose outputs are far from the floats is given all the same.
    accept_loss: bool = False
    quiet: bool = True

    @property
    def pixels(self) -> Pixels:
        plain = Pixels()
        return Pixels(self.scale or plain.scale, self.mean or plain.mean)


@dataclass(frozen=True)
class Conversion:
    """The kmodel, and all that a report needs."""

    data: bytes
    options: Options
    graph: Graph
    # The model as given, in floats; of one that is quantised no value leaves its range.
    reference: Graph
    # As lowered, and as in the file, where maps may move between AI RAM and main memory.
    lowered: Program
    program: Program
    layout: Layout
    ranges: dict[str, Range]
    samples: Samples
    input_scale: InputScale
    # The largest difference between the model as given and as rewritten, in parts of the largest.
    difference: float
    # Of the outputs, over some of the samples.
    closeness: list[Closeness] = field(default_factory=list)

    def to_bytes(self, sample: Array) -> NDArray[Any]:
        """A sample (planes of the rewritten graph's reals) as what the kmodel reads."""
        tensor = self.program.input
        if tensor.quantization is None:
            return np.ascontiguousarray(sample, np.float32)
        column = (1, -1, *(1,) * (sample.ndim - 2))
        factor, offset = (
            np.broadcast_to(v, (sample.shape[1],)).reshape(column)
            for v in (self.input_scale.factor, self.input_scale.offset)
        )
        return tensor.quantization.to_bytes((sample - offset) / factor)


def convert(
    model: Path | str | onnx.ModelProto,
    calibration: Path | str | Array | None,
    options: Options | None = None,
) -> Conversion:
    """Converts an ONNX, TFLite or Keras model; ConvertError says what is in the way.

    `calibration` is a folder of pictures, an .npy file or an array: (n, channels, height, width),
    uint8 (bytes as on the board) or float32 (what the model reads). A model that is quantised
    already needs none.
    """
    options = options or Options()
    model = Path(model) if isinstance(model, str) else model
    calibration = Path(calibration) if isinstance(calibration, str) else calibration
    if options.most_samples < 1:
        raise ConvertError(f"most_samples is {options.most_samples}: 1 or more wanted")
    if options.target not in EMITTERS:
        raise ConvertError(f"target is {options.target!r}: one of {', '.join(EMITTERS)} wanted")
    if options.method not in METHODS:
        raise ConvertError(f"method is {options.method!r}: one of {', '.join(METHODS)} wanted")
    read = _read(model) if isinstance(model, Path) else TfliteModel(model)
    known, bytes_mean = read.ranges, read.input
    if bytes_mean is not None and options.scale is None and options.mean is None:
        options = replace(options, scale=(bytes_mean.scale,), mean=(float(bytes_mean.zero),))
    graph = to_graph(read.model, options.input_shape)
    graph.target = options.target
    unknown = set(options.as_bytes) - set(graph.outputs)
    if unknown:
        raise ConvertError(
            f"no output is called {', '.join(sorted(unknown))}: the model has "
            f"{', '.join(graph.outputs)}"
        )
    given = _copy(graph)
    try:
        return _converted(graph, given, calibration, options, known, bytes_mean is not None)
    except NodeError as error:
        # By the operator in the user's file, whatever it was rewritten to.
        raise error.of({node.name: node.op for node in given.nodes} | read.operators) from None


def _converted(
    graph: Graph,
    given: Graph,
    calibration: Path | Array | None,
    options: Options,
    known: dict[str, Range],
    quantised: bool,
) -> Conversion:
    """Of a graph that is read; `given` is its copy."""
    rewrite(graph)
    _settle_input(graph)
    if calibration is None:
        calibration = _noise(graph, quantised)
    samples = load(graph, calibration, options.pixels, options.most_samples)
    difference = _check(given, graph, samples)
    ranges = measure(graph, samples, options.method, _progress(options.quiet), graph.outputs)
    taken = {name: known[graph.origin(name)] for name in ranges if graph.origin(name) in known}
    ranges.update(taken)
    _through_functions(graph, ranges, taken)
    scale = _input_scale(graph, samples, ranges)
    graph, scale = _with_first_layer(graph, scale, ranges)
    plan = Plan(graph, ranges, scale, set(taken))
    lowered = Lowering(plan).run(options.as_bytes, quiet=options.quiet)
    program = lowered.copy()
    data, layout = EMITTERS[options.target](program)
    refuse_too_large(program, layout, len(data))
    made = Conversion(
        data,
        options,
        graph,
        saturated(given, known),
        lowered,
        program,
        layout,
        ranges,
        samples,
        scale,
        difference,
    )
    made = replace(made, closeness=outputs_closeness(made))
    if not options.accept_loss:
        refuse_loss(made)
    return made


EMITTERS = {"v3": emit_v3.emit, "v4": emit_v4.emit}
# By the file's suffix; anything else is taken for ONNX.
READERS = {".tflite": read_tflite} | dict.fromkeys(keras_file.SUFFIXES, keras_file.read_keras)


def _read(path: Path) -> TfliteModel:
    """The model and, of one that is quantised already, what it was quantised for."""
    reader = READERS.get(path.suffix.lower())
    return TfliteModel(read_onnx(path)) if reader is None else reader(path)


def _through_functions(graph: Graph, ranges: dict[str, Range], known: Mapping[str, Range]) -> None:
    """What a function makes of a known range, where rewriting brought the function in."""
    for layer in layers_of(graph):
        before, after = layer.conv.output, layer.activation.result
        if before in known and after not in known:
            y = function_of(graph, layer.activation)(np.linspace(*known[before], FUNCTION_POINTS))
            ranges[after] = (float(y.min()), float(y.max()))


def _noise(graph: Graph, quantised: bool) -> Array:
    """Inputs for a model whose ranges are known: they only show what lies before functions."""
    if not quantised:
        raise ConvertError(
            "no inputs to measure ranges by: give --calibration, a folder of pictures or an .npy"
        )
    ((_, shape),) = graph.inputs.items()
    return np.random.default_rng(0).integers(0, 256, (NOISE_SAMPLES, *shape[1:]), np.uint8)


def _copy(graph: Graph) -> Graph:
    """The graph before it is rewritten."""
    nodes = [
        replace(n, inputs=list(n.inputs), outputs=list(n.outputs), attributes=dict(n.attributes))
        for n in graph.nodes
    ]
    return replace(graph, nodes=nodes, constants=dict(graph.constants))


def _progress(quiet: bool) -> Progress:
    def shown(samples: Samples, name: str) -> Iterable[Array]:
        bar: Iterable[Array] = tqdm(
            samples, desc=name, total=len(samples), disable=quiet, unit="sample"
        )
        return bar

    return shown


def _settle_input(graph: Graph) -> None:
    (name,) = graph.inputs
    conv_inputs = [layer.conv.inputs[0] for layer in layers_of(graph)]
    moved = [user for user in graph.users(name) if user.op in ("Pad", "Slice", "Concat")]
    if name not in conv_inputs and not moved:
        return_input_scale(graph)


def _check(given: Graph, graph: Graph, samples: Samples) -> float:
    """Runs both networks on some samples: rewriting must not change what comes out."""
    before, after = FloatRunner(given, given.outputs), FloatRunner(graph, graph.outputs)
    worst = 0.0
    for x, planar in zip(_originals(samples), samples, strict=False):
        wanted, found = before.run(x), after.run(planar)
        for name in graph.outputs:
            largest = float(np.abs(wanted[name]).max())
            # What is not finite shows where ranges are measured.
            with np.errstate(invalid="ignore"):
                gap = float(np.abs(wanted[name] - found[name]).max())
            worst = max(worst, gap / max(largest, 1e-6))
    if worst > MOST_DIFFERENCE:
        raise ConvertError(
            f"the rewritten network differs from the model by {worst:.2g} of its largest output: "
            "this is an error of the converter: please report it with the model"
        )
    return worst


def _originals(samples: Samples) -> Iterator[Array]:
    """The first samples as the model as given reads them."""
    graph = samples.graph
    for place, planar in enumerate(samples):
        if place == CHECKED_SAMPLES:
            return
        yield graph.entry.undone(planar).astype(np.float32)


def _input_scale(graph: Graph, samples: Samples, ranges: dict[str, Range]) -> InputScale:
    """What a byte of the input means."""
    ((name, shape),) = graph.inputs.items()
    channels = shape[1] if len(shape) > 1 else 1
    ones, zeros = np.ones(channels), np.zeros(channels)
    own = samples.pixels != Pixels()
    if not samples.bytes_given and not own:
        return InputScale(Quantization.of_range(*ranges[name]), ones, zeros)
    scale, mean = samples.pixels.per_channel(channels)
    factor = scale if graph.entry.factor is None else scale * graph.entry.factor
    offset = graph.entry.after_planes((-mean * scale).reshape(1, -1, *(1,) * (len(shape) - 2)))
    offset = offset.reshape(-1)
    if not (factor > 0).all():
        # A negative scale turns bytes around: the first layer's weights do that.
        one = float(np.abs(factor).mean())
        return InputScale(Quantization(1 / one, 0), factor / one, offset)
    one = float(factor.mean())
    zero = int(np.clip(round(float((-offset / factor).mean())), 0, 255))
    left = offset + zero * factor
    relative = factor / one
    return InputScale(
        Quantization(1 / one, zero),
        np.where(np.abs(relative - 1) < 1e-9, 1.0, relative),
        np.where(np.abs(left) < 1e-9 * one, 0.0, left),
    )


def _with_first_layer(
    graph: Graph, scale: InputScale, ranges: dict[str, Range]
) -> tuple[Graph, InputScale]:
    """Lets something take what bytes cannot mean: the first layers, one more, or the CPU."""
    ((name, shape),) = graph.inputs.items()
    if scale.plain or len(shape) != 4:
        return graph, scale
    taken = {id(layer.conv) for layer in layers_of(graph)}
    users = graph.users(name)
    if all(id(user) in taken for user in users) and name not in graph.outputs:
        return graph, scale
    if side_fits(shape[2], shape[3]):
        first = identity(graph, users[0], name, depthwise=True)
        graph.rename_uses(name, first.output)
        first.inputs[0] = name
        graph.nodes.insert(0, first)
        graph.infer()
        ranges[first.output] = ranges[name]
        return graph, scale
    return _scaled_on_cpu(graph, scale, ranges)


def _scaled_on_cpu(
    graph: Graph, scale: InputScale, ranges: dict[str, Range]
) -> tuple[Graph, InputScale]:
    """Where no layer of the KPU comes first: floats are scaled and moved for each channel."""
    ((name, shape),) = graph.inputs.items()
    plain, scaled = graph.fresh(name), graph.fresh(name)
    for stem, op, values, source, result in (
        ("scale", "Mul", scale.factor, plain, scaled),
        ("offset", "Add", scale.offset, scaled, name),
    ):
        constant = graph.add_constant(stem, values.astype(np.float32).reshape(1, -1, 1, 1))
        graph.nodes.insert(0, Node(op, [source, constant], [result], {}, f"input {stem}"))
    graph.inputs = {plain: shape}
    graph.entry = graph.entry.scaled(1 / scale.factor, -scale.offset / scale.factor)
    graph.tidy()
    graph.infer()
    low, high = (float(scale.quantization.to_floats(byte)) for byte in (0, 255))
    ranges[plain] = ranges[scaled] = (low, high)
    ones = np.ones_like(scale.factor)
    return graph, InputScale(scale.quantization, ones, 0 * ones)
