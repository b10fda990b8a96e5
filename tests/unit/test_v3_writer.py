# SPDX-License-Identifier: MIT
"""The V3 writer: what it writes parses back, and runs as the floats that it was made of."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import ceil

import numpy as np
import pytest
from microkpu.kmodel import chain, oracle, v3
from microkpu.kmodel.host import HostModel
from microkpu.kmodel.quantize import Conv, Quantization, quantize_conv
from microkpu.kmodel.v3_writer import V3Writer, WriterError
from scipy.signal import correlate2d

SOURCE = Quantization.of_range(-0.7, 1.3)


def conv(
    random: np.random.Generator,
    inputs: int,
    outputs: int,
    k: int = 3,
    activation: str = "relu",
    pool: int = 0,
    depthwise: bool = False,
) -> Conv:
    """A convolution with random weights that keep the size of numbers."""
    fan_in = (1 if depthwise else inputs) * k * k
    weights = random.standard_normal((outputs, 1 if depthwise else inputs, k, k))
    bias = random.standard_normal(outputs) * 0.2
    return Conv(weights * np.sqrt(2 / fan_in), bias, activation, pool, depthwise)


def computed(layers: Sequence[Conv], x: np.ndarray) -> np.ndarray:
    """What the layers mean, by scipy, one channel after another, on (channels, h, w)."""
    for layer in layers:
        maps = []
        for out, kernels in enumerate(layer.weights):
            sources = x[out : out + 1] if layer.depthwise else x
            pairs = zip(sources, kernels, strict=True)
            total = sum(correlate2d(source, kernel, "same") for source, kernel in pairs)
            maps.append(pooled(activated(total + layer.bias[out], layer.activation), layer.pool))
        x = np.stack(maps)
    return x


def activated(x: np.ndarray, activation: str) -> np.ndarray:
    if activation == "linear":
        return x
    if activation == "leaky":
        return np.maximum(x, 0.1 * x)
    return np.minimum(np.maximum(x, 0), 6 if activation == "relu6" else np.inf)


def pooled(x: np.ndarray, pool: int) -> np.ndarray:
    if pool == 0:
        return x
    even = x[: x.shape[0] // 2 * 2, : x.shape[1] // 2 * 2]
    corners = [even[dy::2, dx::2] for dy in (0, 1) for dx in (0, 1)]
    return np.maximum.reduce(corners) if pool == 1 else corners[0]


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b))


def ran(data: bytes, x: np.ndarray) -> list[np.ndarray]:
    """The outputs by the runtime of the board, held to the numpy oracle."""
    outputs = HostModel(data).run(x)
    for found, wanted in zip(outputs, oracle.run(data, x), strict=True):
        np.testing.assert_allclose(found.ravel(), wanted.ravel(), rtol=1e-6, atol=1e-7)
    return outputs


def check(layers: Sequence[Conv], shape: tuple[int, int, int], likeness: float = 0.9999) -> None:
    """Writes the layers, runs the file on random bytes, and compares with the floats."""
    x = np.random.default_rng(7).integers(0, 256, shape, np.uint8)
    wanted = computed(layers, SOURCE.to_floats(x))
    ranges = chain.calibrate(layers, SOURCE.to_floats(x)[None])
    data = chain.write(layers, shape, SOURCE, ranges, ("floats", "bytes"))
    floats, integers = ran(data, x)
    assert floats.size == wanted.size
    assert cosine(floats.reshape(wanted.shape), wanted) >= likeness
    np.testing.assert_allclose(ranges[-1].to_floats(integers), floats, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("pool", [0, 1, 5])
@pytest.mark.parametrize("width", [4, 7, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65])
def test_maps_of_every_layout_come_out_as_in_floats(width: int, pool: int) -> None:
    if pool and width < 8:
        width += 8  # a pooled map is at least 4 wide
    random = np.random.default_rng(width * 10 + pool)
    layers = [conv(random, 3, 6, pool=pool), conv(random, 6, 5, activation="linear")]
    check(layers, (3, 9, width))


@pytest.mark.parametrize("activation", ["linear", "relu", "relu6", "leaky"])
@pytest.mark.parametrize("k", [1, 3])
def test_every_activation_comes_out_as_in_floats(activation: str, k: int) -> None:
    random = np.random.default_rng(k)
    layer = conv(random, 5, 7, k, activation)
    check([Conv(layer.weights * 3, layer.bias, activation)], (5, 8, 20))


@pytest.mark.parametrize("channels", [1, 2, 3, 5, 13, 64])
def test_depthwise_layers_come_out_as_in_floats(channels: int) -> None:
    random = np.random.default_rng(channels)
    check([conv(random, channels, channels, depthwise=True)], (channels, 8, 24))


@pytest.mark.parametrize(("inputs", "outputs", "k"), [(64, 131, 3), (300, 40, 3), (1024, 70, 1)])
def test_layers_of_several_loads_come_out_as_in_floats(inputs: int, outputs: int, k: int) -> None:
    random = np.random.default_rng(0)
    layers = [conv(random, inputs, outputs, k, "linear")]
    check(layers, (inputs, 4, 8))
    data = written(layers, (inputs, 4, 8))
    words = [v3.parse(data).words(body) for body in convolutions(data)]
    assert words[0].load_time > 1


def test_what_follows_a_global_average_runs_on_single_pixels() -> None:
    random = np.random.default_rng(3)
    first = conv(random, 2, 9, pool=1)
    second = chain.dense(random.standard_normal((6, 9)), random.standard_normal(6), "relu")
    third = chain.dense(random.standard_normal((4, 6)), random.standard_normal(4))
    layers = [first, chain.GlobalAverage(), second, third]
    x = random.integers(0, 256, (2, 16, 16), np.uint8)
    average = computed([first], SOURCE.to_floats(x)).mean((1, 2))
    hidden = np.maximum(second.weights[:, :, 0, 0] @ average + second.bias, 0)
    wanted = third.weights[:, :, 0, 0] @ hidden + third.bias
    ranges = chain.calibrate(layers, SOURCE.to_floats(x)[None])
    data = chain.write(layers, x.shape, SOURCE, ranges, ("softmax", "floats", "bytes"))
    softmax, floats, integers = ran(data, x)
    assert cosine(floats.ravel(), wanted) >= 0.9999
    e = np.exp(floats.astype(float).ravel())
    np.testing.assert_allclose(softmax.ravel(), e / e.sum(), atol=1e-6)
    np.testing.assert_allclose(ranges[-1].to_floats(integers.ravel()), floats.ravel(), rtol=1e-5)


def written(layers: Sequence[chain.Layer], shape: tuple[int, int, int]) -> bytes:
    x = np.random.default_rng(7).uniform(-0.7, 1.3, (1, *shape))
    return chain.write(layers, shape, SOURCE, chain.calibrate(layers, x))


def convolutions(data: bytes) -> list[v3.K210Conv]:
    bodies = [layer.body for layer in v3.parse(data).layers]
    return [body for body in bodies if isinstance(body, v3.K210Conv)]


@pytest.fixture(scope="module")
def deep() -> tuple[list[Conv], bytes]:
    random = np.random.default_rng(11)
    layers = [
        conv(random, 3, 7, pool=1),
        conv(random, 7, 7, depthwise=True),
        conv(random, 7, 20, k=1, activation="leaky", pool=5),
        conv(random, 20, 5, activation="linear"),
    ]
    return layers, written(layers, (3, 40, 70))


def test_what_is_written_parses_back(deep: tuple[list[Conv], bytes]) -> None:
    layers, data = deep
    model = v3.parse(data)
    assert model.header.eight_bit_weights
    assert [layer.type.name for layer in model.layers] == ["K210_CONV"] * 4 + ["DEQUANTIZE"]
    assert model.layers[-1].offset + model.layers[-1].size == len(data)
    assert [output.size for output in model.outputs] == [4 * 5 * 10 * 17]
    source = SOURCE
    x = np.random.default_rng(7).uniform(-0.7, 1.3, (1, 3, 40, 70))
    for layer, body, result in zip(
        layers, convolutions(data), chain.calibrate(layers, x), strict=True
    ):
        wanted = quantize_conv(layer, source, result)
        words = model.words(body)
        arguments = (wanted.arg_x, wanted.arg_w, wanted.arg_add)
        assert (words.arg_x, words.arg_w, words.arg_add) == arguments
        assert (words.pool_type, words.pad_value) == (layer.pool, source.zero)
        assert model.weights(body) == wanted.weights.tobytes()
        batch_norm = [[entry.mul, entry.shift, entry.add] for entry in model.batch_norm(body)]
        assert batch_norm == wanted.batch_norm.tolist()
        table = [[s.start, s.mul, s.shift, s.add] for s in model.activation(body)]
        assert table == wanted.activation.tolist()
        source = result


def test_bodies_are_aligned_as_the_vendors_are(deep: tuple[list[Conv], bytes]) -> None:
    model = v3.parse(deep[1])
    for layer in model.layers:
        assert (layer.offset + layer.size) % 8 == 0
    for body in convolutions(deep[1]):
        assert body.layer_offset % 8 == 0
        assert body.weights_offset % 128 == 0
        assert body.batch_norm_offset % 128 == 0
        assert body.activation_offset % 256 == 0
        words = model.words(body)
        assert (words.weights_address, words.bn_address, words.activation_address) == (0, 0, 0)
        assert (words.int_en, words.send_data_out) == (0, 0)


def test_results_in_main_memory_leave_room_for_the_kpus_whole_words() -> None:
    random = np.random.default_rng(0)
    layers = [conv(random, 1, 3), chain.GlobalAverage(), chain.dense(np.ones((5, 3)), np.ones(5))]
    model = v3.parse(written(layers, (1, 5, 5)))
    places = []
    for layer in model.layers:
        body = layer.body
        if isinstance(body, v3.K210Conv) and body.to_main_memory:
            places.append((body.main_out, model.words(body).dma_total_byte + 7))
        elif not isinstance(body, v3.K210Conv | v3.K210AddPadding):
            places.append((body.out, 1))
    for address, size in places:
        assert address % 8 == 0
        assert address + size // 8 * 8 <= model.header.main_mem_usage
    starts = sorted(address for address, _ in places)
    assert len(set(starts)) == len(places)
    for address, size in places:
        assert not any(address < start < address + size // 8 * 8 for start in starts)


def test_maps_lie_apart_and_each_layer_reads_what_the_one_before_wrote(
    deep: tuple[list[Conv], bytes],
) -> None:
    model = v3.parse(deep[1])
    words = [model.words(body) for body in convolutions(deep[1])]
    for before, after in pairwise(words):
        assert before.image_dst == after.image_src
    for each in words:
        source = rows(each.image_src, each.i_width, each.i_height, each.i_ch)
        result = rows(each.image_dst, each.o_width, each.o_height, each.o_ch)
        assert not set(source) & set(result)
        assert 0 <= min(*source, *result) <= max(*source, *result) < 32768
    assert model.header.max_start_address == min(min(w.image_src, w.image_dst) for w in words)


def rows(first: int, width: int, height: int, channels: int) -> range:
    """The 64-byte rows of a map: four channels share them up to width 16, two up to 32."""
    share = 4 if width <= 16 else 2 if width <= 32 else 1
    return range(first, first + ceil(width / 64) * height * ceil(channels / share))


def test_a_load_is_as_many_whole_channels_as_thirty_kilobytes_hold() -> None:
    random = np.random.default_rng(0)
    data = written([conv(random, 64, 131, 3)], (64, 4, 4))
    words = v3.parse(data).words(convolutions(data)[0])
    assert words.o_ch_coef == 30 * 1024 // (64 * 9) == 53
    assert words.para_size == 53 * 64 * 9
    assert words.load_time == 3


@pytest.mark.parametrize(
    ("layers", "shape", "words"),
    [
        ([(3, 4)], (2, 8, 8), "weights are for 3 channels but the map has 2"),
        ([(2, 4)], (2, 8, 3), "a map's width is 3: 4 to 512 wanted"),
        ([(2, 4)], (2, 257, 8), "a map's height is 257: 4 to 256 wanted"),
        ([(2, 1025, 1)], (2, 4, 4), "a map's channels is 1025: 1 to 1024 wanted"),
        ([(2, 4, 3, "relu", 1)], (2, 6, 8), "a map's height is 3: 4 to 256 wanted"),
        ([(3, 40)], (3, 256, 320), "do not fit in AI RAM together"),
        ([(1, 1, 3, "relu", 11)], (1, 8, 8), "pool is 11: one of"),
    ],
)
def test_what_the_kpu_cannot_run_is_refused(layers: list, shape: tuple, words: str) -> None:
    random = np.random.default_rng(0)
    writer = V3Writer(shape, SOURCE)
    with pytest.raises(WriterError, match=words):
        for layer in layers:
            writer.conv_to_main(quantize_conv(conv(random, *layer), SOURCE, SOURCE))


def test_a_layer_quantised_for_other_bytes_is_refused() -> None:
    layer = quantize_conv(conv(np.random.default_rng(0), 1, 1), Quantization(1.0, 3), SOURCE)
    with pytest.raises(WriterError, match="quantised for other input than"):
        V3Writer((1, 8, 8), SOURCE).conv(layer)


def test_an_average_without_a_convolution_before_is_refused() -> None:
    with pytest.raises(chain.ChainError, match="a global average comes first"):
        chain.write([chain.GlobalAverage()], (1, 8, 8), SOURCE, [SOURCE])


def test_unknown_outputs_are_refused() -> None:
    layer = conv(np.random.default_rng(0), 1, 1)
    with pytest.raises(chain.ChainError, match="of bytes, floats and softmax wanted"):
        chain.write([layer], (1, 8, 8), SOURCE, [SOURCE], ("logits",))
