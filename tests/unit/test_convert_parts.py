# SPDX-License-Identifier: MIT
"""Layers too large for AI RAM or for memory as they are: done in parts, with nothing lost."""

from __future__ import annotations

import onnx
import pytest
from convert_networks import Network, bytes_for, cosine, floats_of
from microkpu.convert import Conversion, ConvertError, Options, convert
from microkpu.convert.program import KpuStep
from microkpu.kmodel.host import HostModel
from microkpu.kpu_words import AI_RAM_ROWS, map_rows


def widest(channels: int = 96) -> onnx.ModelProto:
    """MobileNet v2's largest block, of 224x224: 112x112x96 before and after a depthwise layer."""
    n = Network((3, 224, 224))
    x = n.conv("x", 3, 16, 3, 2, "Relu6")
    y = n.conv(n.conv(x, 16, channels, 1, act="Relu6"), channels, channels, 3, 2, "Relu6",
               groups=channels)  # fmt: skip
    y = n.conv(y, channels, 24, 1, act="")
    return n.model(n.conv(y, 24, 8, 3, 2, act=""))


def converted(model: onnx.ModelProto, target: str) -> Conversion:
    """Converted, and as near to onnxruntime as layers that fit."""
    inputs = bytes_for(model, 2)
    made = convert(model, inputs, Options(target=target))  # type: ignore[arg-type]
    host = HostModel(made.data)
    for x in inputs:
        assert cosine(host.run(x)[0], floats_of(model, x)[0]) >= 0.999
    return made


@pytest.mark.parametrize("target", ["v3", "v4"])
def test_a_depthwise_layer_larger_than_ai_ram_is_done_some_channels_at_a_time(target: str) -> None:
    assert 2 * map_rows(112, 112, 96) > AI_RAM_ROWS
    made = converted(widest(), target)
    kpu = [step for step in made.program.steps if isinstance(step, KpuStep)]
    parts = [step for step in kpu if step.conv.depthwise and step.result.shape[2:] == (112, 112)]
    assert len(parts) > 1 and sum(step.result.shape[1] for step in parts) == 96
    assert made.layout.peak_rows <= AI_RAM_ROWS and made.layout.spills == 0


def test_what_does_not_fit_in_parts_either_is_refused() -> None:
    with pytest.raises(ConvertError, match=r"take \d+ KiB of AI RAM, which has 2048"):
        convert(widest(160), bytes_for(widest(160), 1))


def test_a_dense_layer_of_more_inputs_than_channels_is_a_sum_over_parts() -> None:
    """As floats it would take most of a board's memory: 5 MB for MobileNet v2's."""
    n = Network((3, 8, 8))
    x = n.op("Flatten", n.conv("x", 3, 20, 1))
    made = converted(n.model(n.dense(x, 1280, 700)), "v4")
    dense = [s for s in made.program.steps if isinstance(s, KpuStep) and s.result.shape[1] == 700]
    assert [step.source.shape[1] for step in dense] == [640, 640]
    assert len(made.data) < 1.1 * 1280 * 700


def test_a_dense_layer_that_memory_holds_stays_in_floats() -> None:
    n = Network((3, 8, 8))
    x = n.op("Flatten", n.conv("x", 3, 20, 1))
    assert len(converted(n.model(n.dense(x, 1280, 100)), "v4").data) > 4 * 1280 * 100


@pytest.mark.parametrize("dilation", [3, 5])
def test_taps_far_apart_are_not_filled_up_with_zeros(dilation: int) -> None:
    """As in face detectors: of 2,304 weights zeros between made millions, for the CPU."""
    n = Network((3, 40, 48))
    x = n.conv("x", 3, 16, 3, 2)
    y = n.conv(x, 16, 16, dilations=[dilation] * 2, pads=[dilation] * 4)
    made = converted(n.model(n.conv(n.op("Concat", x, y, axis=1), 32, 8, 1, act="")), "v4")
    assert len(made.data) < 30_000
