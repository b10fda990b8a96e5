# SPDX-License-Identifier: MIT
"""`microkpu kmodel explain`: published times, what falls to the CPU, what is unusual."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from kmodel_files import GOLDEN, Conv, golden, identity_segments, layer_words, model_file, shared
from microkpu.errors import MicrokpuError
from microkpu.kmodel import v3
from microkpu.kmodel.explain import explain
from microkpu.kmodel.host import HostModel

HZ = 400_000_000


def reversed_words(data: bytes) -> bytes:
    filled = data + bytes(-len(data) % 4)
    return np.frombuffer(filled, ">u4").astype("<u4").tobytes()


def total_ms(text: str) -> float:
    found = re.search(r"^KPU +([0-9.]+) ms at", text, re.M)
    assert found, text
    return float(found[1])


def layers(text: str) -> list[list[str]]:
    """The cells of the table's rows."""
    lines = text.split("\n\n")[1].splitlines()
    return [line.split() for line in lines[1:]]


def test_the_face_detector_takes_the_published_time() -> None:
    text = explain(shared("models", "kendryte-standalone-demo__detect.kmodel"), HZ)
    assert total_ms(text) == pytest.approx(12.33, rel=0.01)
    assert "\nCPU       Dequantize" in text
    assert "note:" not in text


def test_a_layer_takes_what_the_formula_says_by_hand() -> None:
    """tiny3's fourth layer: 3x3, 32 channels of 24 rows, two of them a row, to 40 channels."""
    text = explain(GOLDEN / "tiny_selfmade" / "tiny3.kmodel", HZ)
    cycles = 40 * (32 // 2) * 24
    loaded, stored = 40 * 32 * 9 / 1024, 40 * 12 * 16 / 1024
    ms = 1.0816 * cycles / 400e3 + 0.002907 * loaded + 6.88e-5 * stored + 0.0084
    shown = layers(text)[3]
    assert shown[:7] == ["3", "convolution", "KPU", "32x24x32", "40x12x16", "3x3", "11520"]
    assert float(shown[7]) == pytest.approx(ms, abs=0.0006)


def test_half_the_clock_doubles_the_array_only() -> None:
    file = GOLDEN / "tiny_selfmade" / "tiny3.kmodel"
    fast, slow = total_ms(explain(file, HZ)), total_ms(explain(file, HZ // 2))
    assert fast < slow < 2 * fast


def test_the_cpus_operators_have_their_shapes() -> None:
    rows = layers(explain(GOLDEN / "v3_cpu_ops" / "ops.kmodel", HZ))
    assert [row[1] for row in rows] == [
        type(layer.body).__name__ for layer in v3.parse(golden("v3_cpu_ops/ops.kmodel")).layers
    ]
    assert rows[1][2:] == ["CPU", "64", "12"]
    assert rows[10][2:] == ["CPU", "4x4x4", "4x3x3"]
    assert rows[15][2:] == ["CPU", "4x4x4", "4x5x7"]


def test_memory_is_the_sum_of_what_the_board_takes() -> None:
    file = GOLDEN / "tiny_selfmade" / "tiny4.kmodel"
    needs = HostModel(file).needs
    total = file.stat().st_size + needs.work + needs.device + needs.tape
    assert f"memory    {-(-total // 1024)} KiB: file {file.stat().st_size}, " in explain(file, HZ)


def test_uploads_and_convolutions_of_the_cpu_are_noted() -> None:
    text = explain(shared("models", "MaixPy-v1_scripts__mask.kmodel"), HZ)
    assert "note: layer 6 (K210Upload): its map is carried back to the KPU: " in text
    text = explain(GOLDEN / "v4_neutral_ops" / "ops.kmodel", HZ)
    assert re.search(r"^note: layer \d+ \(Conv2d\): a convolution on the CPU: ", text, re.M)


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        ((1, 2, 8), "its input is 8x2: compilers keep to 4 or more each way"),
        ((1, 8, 3), "its output is 3x8: compilers keep to 4 or more each way"),
        ((1, 4, 321), "its input is 321x4: known models have at most 320x256"),
        ((1, 257, 4), "its input is 4x257: known models have at most 320x256"),
        ((1, 256, 252), ""),
    ],
)
def test_unusual_sizes_are_noted(
    tmp_path: Path, shape: tuple[int, int, int], sentence: str
) -> None:
    words = layer_words(inputs=shape, outputs=1)
    norm = [v3.BatchNorm(1, 0, 0)]
    conv = Conv(words, bytes([1]), norm, identity_segments(), main_out=0)
    size = shape[1] * shape[2]
    file = tmp_path / "m.kmodel"
    file.write_bytes(model_file([conv], [(0, size)], size))
    notes = [line for line in explain(file, HZ).splitlines() if line.startswith("note:")]
    assert bool(notes) == bool(sentence)
    assert all(line.startswith("note: layer 0 (convolution): ") for line in notes)
    assert not sentence or any(sentence in line for line in notes)


@pytest.mark.parametrize("name", ["tiny3", "tiny4"])
def test_reversed_words_are_read_in_order(tmp_path: Path, name: str) -> None:
    plain = GOLDEN / "tiny_selfmade" / f"{name}.kmodel"
    turned = tmp_path / plain.name
    turned.write_bytes(reversed_words(plain.read_bytes()))
    first, *rest = explain(turned, HZ).splitlines()
    assert first.endswith(", its words reversed")
    assert rest == explain(plain, HZ).splitlines()[1:]
    (output,) = HostModel(turned).run(np.load(GOLDEN / "tiny_selfmade" / "input.npy"))
    np.testing.assert_array_equal(
        output.ravel(), np.load(GOLDEN / "tiny_selfmade" / f"{name}_out.npy").ravel()
    )


def test_a_refused_file_has_the_boards_reason(tmp_path: Path) -> None:
    file = tmp_path / "m.kmodel"
    file.write_bytes(golden("tiny_selfmade/tiny5_nncase190.kmodel"))
    with pytest.raises(MicrokpuError) as caught:
        explain(file, HZ)
    assert str(caught.value).startswith(
        f"{file}: load error,only support kmodel v3/v4: found kmodel v5 of nncase 1.x: "
    )


def test_the_command_prints_it() -> None:
    file = GOLDEN / "tiny_selfmade" / "tiny3.kmodel"
    command = [sys.executable, "-m", "microkpu", "kmodel", "explain", str(file), "--mhz", "200"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == explain(file, HZ // 2) + "\n"
    done = subprocess.run(
        [*command[:-1], "0"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (1, "error: --mhz 0: a clock is above 0\n")
