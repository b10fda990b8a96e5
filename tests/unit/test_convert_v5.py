# SPDX-License-Identifier: MIT
"""Kmodels V5 of the vendor's compilers as V4: what the vendor's simulator computes comes out."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from microkpu.cli import main
from microkpu.convert import ConvertError
from microkpu.convert.transcode import transcode
from microkpu.errors import MicrokpuError
from microkpu.kmodel import oracle4, v4, v5, v5_code
from microkpu.kmodel.host import HostModel
from numpy.typing import NDArray

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
TINY = GOLDEN / "tiny_selfmade"
NNCASE = GOLDEN / "v5_nncase"
RELEASES = ("16", "17", "18", "19")
NETWORKS = ("classifier", "pixels_last", "upsampled")


def alike(data: bytes, x: NDArray[np.uint8], wanted: list[NDArray[np.float32]]) -> None:
    """Holds the board's own runtime, and the numpy oracle, to what the vendor's computes."""
    for outputs in (HostModel(data).run(x.reshape(-1)), oracle4.run(data, x)):
        assert len(outputs) == len(wanted)
        for found, floats in zip(outputs, wanted, strict=True):
            np.testing.assert_allclose(found.ravel(), floats.ravel(), rtol=1e-6, atol=2e-7)


def test_the_tiny_network_gives_what_the_simulator_gives() -> None:
    data = transcode((TINY / "tiny5_nncase190.kmodel").read_bytes())
    wanted = np.load(TINY / "tiny5_nncase190_simulator_out.npy")
    alike(data, np.load(TINY / "input.npy"), [wanted])


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_release_gives_what_its_simulator_gives(name: str, release: str) -> None:
    data = transcode((NNCASE / f"{name}_{release}.kmodel").read_bytes())
    with np.load(NNCASE / f"{name}_{release}.npz") as arrays:
        wanted = [arrays[f"y{place}"] for place in range(len(arrays) - 1)]
        alike(data, arrays["x"], wanted)


def test_the_networks_use_what_k210_models_use() -> None:
    used = {
        call.name
        for name in NETWORKS
        for call in v5_code.calls(v5.parse((NNCASE / f"{name}_19.kmodel").read_bytes()).entry.text)
    }
    assert used == {
        "BINARY", "CALL", "COPY", "DEQUANTIZE", "LUT1D", "PAD", "QUANTIZE", "REDUCE",
        "REDUCE_WINDOW2D", "RESIZE_IMAGE", "SOFTMAX", "TRANSPOSE",
    }  # fmt: skip


def test_an_input_that_only_the_kpu_reads_goes_there_at_once() -> None:
    model = v4.parse(transcode((TINY / "tiny5_nncase190.kmodel").read_bytes()))
    assert [place.memory for place in model.inputs] == [v4.MemoryType.AI_RAM]
    kinds = [type(node) for node in model.nodes]
    assert kinds == [v4.KpuConv2d] * 5 + [v4.Dequantize]


def test_what_v4_cannot_compute_is_named() -> None:
    with pytest.raises(ConvertError, match="computes REDUCE_PROD, which V4 has no operator for"):
        transcode((NNCASE / "product_19.kmodel").read_bytes())


def with_functions(numbers: dict[int, int]) -> bytes:
    """The tiny model as a release with other numbers of functions would write it."""
    data = (TINY / "tiny5_nncase190.kmodel").read_bytes()
    text = v5.parse(data).entry.text
    assert data.count(text) == 1
    for old, new in numbers.items():
        instruction = bytes([v5_code.TENSOR]) + struct.pack("<H", old)
        assert text.count(instruction) == 1
        changed = text.replace(instruction, bytes([v5_code.TENSOR]) + struct.pack("<H", new))
        data, text = data.replace(text, changed), changed
    return data


@pytest.mark.parametrize("number", [0x09, 0x0A, 0x2B, 0x2C, 0xFFFF])
def test_numbers_of_other_releases_are_refused(number: int) -> None:
    """DEQUANTIZE was 9 in 1.0-beta1 and 10 up to 1.5."""
    with pytest.raises(
        MicrokpuError, match=r"V4 has no operator|makes no sense|only 44 are known"
    ):
        transcode(with_functions({0x0B: number}))


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_damaged_files_are_refused_or_converted_but_never_crash(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["classifier_19", "upsampled_16"]))
    file = bytearray((NNCASE / f"{name}.kmodel").read_bytes())
    if data.draw(st.booleans()):
        del file[data.draw(st.integers(0, len(file) - 1)) :]
    else:
        for _ in range(data.draw(st.integers(1, 4))):
            file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    try:
        HostModel(transcode(bytes(file)))
    except MicrokpuError as error:
        assert str(error)


def test_the_command_converts_a_kmodel_v5(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = TINY / "tiny5_nncase190.kmodel", tmp_path / "out.kmodel"
    assert main(["convert", str(source), "-o", str(out)]) == 0
    assert out.read_bytes() == transcode(source.read_bytes())
    told = capsys.readouterr().out
    assert f"kmodel V4 of a V5, {out.stat().st_size} bytes" in told
    assert "3x48x64 uint8" in told and "5 on the KPU, 1 on the CPU" in told


@pytest.mark.parametrize(
    ("name", "more", "said"),
    [
        ("tiny4.kmodel", [], "tiny4.kmodel is no kmodel V5: V3 and V4 run as they are"),
        ("tiny5_nncase190.kmodel", ["--target", "v3"], "becomes a V4: without --target v3"),
        ("nothing.kmodel", [], "cannot read"),
    ],
)
def test_the_command_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, more: list[str], said: str
) -> None:
    out = tmp_path / "out.kmodel"
    assert main(["convert", str(TINY / name), "-o", str(out), *more]) == 1
    assert said in capsys.readouterr().err
    assert not out.exists()
