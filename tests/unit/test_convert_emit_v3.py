# SPDX-License-Identifier: MIT
"""The kmodel V3 that a conversion writes: parts lie as the vendor's compiler lays them."""

from __future__ import annotations

from itertools import pairwise
from math import ceil

import numpy as np
import pytest
from convert_networks import Network, bytes_for, cosine, floats_of
from microkpu.convert import ConvertError, Options, convert
from microkpu.kmodel import oracle, v3
from microkpu.kmodel.host import HostModel


def network(
    *layers: tuple[int, int], shape: tuple[int, int, int], kernel: int = 3
) -> tuple[Network, str]:
    """A chain of convolutions, (channels, stride) of each, and its result."""
    n = Network(shape)
    x, inputs = "x", shape[0]
    for channels, stride in layers:
        x = n.conv(x, inputs, channels, kernel, stride)
        inputs = channels
    return n, x


def written(n: Network, *outputs: str) -> bytes:
    model = n.model(*outputs)
    return convert(model, bytes_for(model), Options(target="v3")).data


def convolutions(data: bytes) -> list[v3.K210Conv]:
    bodies = [layer.body for layer in v3.parse(data).layers]
    return [body for body in bodies if isinstance(body, v3.K210Conv)]


@pytest.mark.parametrize("width", [4, 7, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65])
def test_maps_of_every_layout_come_out_as_in_floats(width: int) -> None:
    n, result = network((6, 1), (5, 1), shape=(3, 9, width))
    model = n.model(result)
    (x, *_) = inputs = bytes_for(model)
    data = convert(model, inputs, Options(target="v3")).data
    (found,) = HostModel(data).run(x)
    assert cosine(found, floats_of(model, x)[0]) >= 0.999
    np.testing.assert_allclose(found.ravel(), oracle.run(data, x)[0].ravel(), rtol=1e-6)


@pytest.fixture(scope="module")
def deep() -> bytes:
    return written(*network((7, 1), (20, 2), (9, 1), (5, 1), shape=(3, 40, 70)))


def test_what_is_written_parses_back(deep: bytes) -> None:
    model = v3.parse(deep)
    assert model.header.eight_bit_weights
    assert [layer.type.name for layer in model.layers] == ["K210_CONV"] * 4 + ["DEQUANTIZE"]
    assert model.layers[-1].offset + model.layers[-1].size == len(deep)
    assert [output.size for output in model.outputs] == [4 * 5 * 20 * 35]


def test_parts_are_aligned_as_the_vendors_are(deep: bytes) -> None:
    model = v3.parse(deep)
    for layer in model.layers:
        assert (layer.offset + layer.size) % 8 == 0
    for body in convolutions(deep):
        assert body.layer_offset % 8 == 0
        assert body.weights_offset % 128 == 0
        assert body.batch_norm_offset % 128 == 0
        assert body.activation_offset % 256 == 0
        words = model.words(body)
        assert (words.weights_address, words.bn_address, words.activation_address) == (0, 0, 0)
        assert (words.int_en, words.send_data_out) == (0, 0)


def test_maps_lie_apart_and_each_layer_reads_what_the_one_before_wrote(deep: bytes) -> None:
    model = v3.parse(deep)
    words = [model.words(body) for body in convolutions(deep)]
    for before, after in pairwise(words):
        assert before.image_dst == after.image_src
    for each in words:
        source = rows(each.image_src, each.i_width, each.i_height, each.i_ch)
        result = rows(each.image_dst, each.o_width, each.o_height, each.o_ch)
        assert not set(source) & set(result)
        assert 0 <= min(*source, *result) <= max(*source, *result) < 32768
    lowest = min(min(each.image_src, each.image_dst) for each in words[:-1])
    assert model.header.max_start_address == lowest


def rows(first: int, width: int, height: int, channels: int) -> range:
    """The 64-byte rows of a map: four channels share them up to width 16, two up to 32."""
    share = 4 if width <= 16 else 2 if width <= 32 else 1
    return range(first, first + ceil(width / 64) * height * ceil(channels / share))


def test_streamed_results_leave_room_for_the_kpus_whole_words() -> None:
    n = Network((1, 5, 5))
    first = n.conv("x", 1, 3)
    data = written(n, first, n.conv(first, 3, 5))
    model = v3.parse(data)
    streamed = [body for body in convolutions(data) if body.to_main_memory]
    assert len(streamed) == 2
    for body in streamed:
        assert body.main_out % 8 == 0
        end = body.main_out + ceil(model.words(body).dma_total_byte / 8) * 8
        assert end <= model.header.main_mem_usage


def test_a_load_is_as_many_whole_channels_as_thirty_kilobytes_hold() -> None:
    data = written(*network((131, 1), shape=(64, 4, 4)))
    words = v3.parse(data).words(convolutions(data)[0])
    assert words.o_ch_coef == 30 * 1024 // (64 * 9) == 53
    assert words.para_size == 53 * 64 * 9
    assert words.load_time == 3


@pytest.mark.parametrize("target", ["v3", "v4"])
def test_an_output_comes_as_bytes_where_these_are_asked_for(target: str) -> None:
    n = Network((3, 16, 16))
    features = n.conv("x", 3, 8, act="Leaky")
    model = n.model(n.conv(features, 8, 4), features)
    (x, *_) = inputs = bytes_for(model)
    options = Options(target=target, as_bytes=(features,))
    conversion = convert(model, inputs, options)
    floats, found = HostModel(conversion.data).run(x)
    assert (floats.dtype, found.dtype) == (np.float32, np.uint8)
    meant = conversion.program.outputs[1].quantization
    assert meant is not None
    assert cosine(meant.to_floats(found), floats_of(model, x)[1]) >= 0.999
    with pytest.raises(ConvertError, match="no output is called nothing: the model has relu3"):
        convert(model, inputs, Options(as_bytes=("nothing",)))
