# SPDX-License-Identifier: MIT
"""Maix.FFT by the chip's block, against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from microkpu.board import RemoteBoard

from .machine_support import error

RATE = 16000


def samples(values: np.ndarray) -> bytes:
    """As MaixPy's I2S records them: 16 bits of 32, and what the other half happens to hold."""
    return ((values.astype("<i4") & 0xFFFF) | 0x5A5A0000).astype("<u4").tobytes()


@pytest.fixture
def fft(board: RemoteBoard) -> RemoteBoard:
    board.exec("from Maix import FFT")
    return board


def run(board: RemoteBoard, arguments: str) -> np.ndarray:
    pairs = np.array(board.eval(f"FFT.run({arguments})", timeout=20), float)
    return pairs[:, 0] + 1j * pairs[:, 1]


@pytest.mark.parametrize("points", [64, 128, 256, 512])
def test_a_transform(fft: RemoteBoard, points: int) -> None:
    noise = np.random.default_rng(points).integers(-300, 300, points)
    wanted = np.fft.fft(noise)
    fft.put_buffer("x", samples(noise))
    got = run(fft, f"x, {points}")
    assert np.abs(got - wanted).max() < 4e-3 * np.abs(wanted).max()
    halved = run(fft, f"byte=x, points={points}, shift=0x1FF")
    assert np.abs(halved - wanted / points).max() < 4
    back = run(fft, f"x, {points}, direction=0")
    assert np.abs(back - np.fft.ifft(noise) * points).max() < 4e-3 * np.abs(wanted).max()


def test_a_tone_is_found(fft: RemoteBoard) -> None:
    tone = np.round(120 * np.sin(2 * np.pi * 1500 * np.arange(256) / RATE))
    fft.put_buffer("x", samples(tone))
    fft.exec(
        f"a = FFT.amplitude(FFT.run(x, 256))\nf = FFT.freq(256, {RATE})\n"
        "loudest = max(range(128), key=lambda i: a[i])"
    )
    assert fft.eval("(f[loudest], f[1], len(f), f[-1])") == (1500, 62, 256, RATE - 63)
    assert abs(fft.eval("a[loudest]") - 120) <= 2
    assert fft.eval("sum(sorted(a[:128])[:-1]) < 40") is True


def test_what_is_missing_is_zero(fft: RemoteBoard) -> None:
    values = np.arange(10) * 100
    fft.put_buffer("x", samples(values))
    wanted = np.fft.fft(values, 64)
    assert np.abs(run(fft, "x") - wanted).max() < 4e-3 * np.abs(wanted).max()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("bytes(400), 100", "ValueError: [MAIXPY]FFT:invalid points: 100, want 64, 128, 256 or"),
        ("bytes(255)", "ValueError: [MAIXPY]FFT:Buffer length must be a multiple of 4: a sample"),
        ("bytes(256), 64, 512", "ValueError: shift 512, direction 1: want 0 to 511, 0"),
        ("bytes(256), direction=2", "ValueError: shift 0, direction 2: want 0 to 511, 0"),
        ("[1, 2]", "TypeError: object with buffer protocol required"),
    ],
)
def test_what_it_does_not_take(fft: RemoteBoard, arguments: str, said: str) -> None:
    assert error(fft, f"FFT.run({arguments})").startswith(said)


FULL = """
import gc, image
kept = []
side = 512
while side:
    try:
        kept.append(image.Image(size=(side, 8)))
    except MemoryError:
        side //= 2
"""


def test_memory_that_images_hold(fft: RemoteBoard) -> None:
    """Of those that nobody has any more it is taken; else it is said how little is asked for."""
    fft.exec(FULL)
    assert error(fft, "FFT.run(bytes(256))") == (
        "MemoryError: memory overflow: no 256 bytes are free for a transform"
    )
    fft.exec("gc.disable()\nkept = None")
    try:
        assert fft.eval("len(FFT.run(bytes(256)))") == 64
    finally:
        fft.exec("gc.enable()")


@pytest.mark.parametrize("name", ["I2S", "Audio", "MIC_ARRAY"])
def test_sound_is_refused_with_a_sentence(board: RemoteBoard, name: str) -> None:
    for code in (f"from Maix import {name}", f"import Maix\nMaix.{name}"):
        assert (
            error(board, code)
            == f"AttributeError: Maix.{name}: sound is neither recorded nor played"
        )
    assert error(board, "import Maix\nMaix.nothing") == "AttributeError: nothing"
    assert "FFT" in board.eval("dir(Maix)")


@pytest.mark.parametrize(
    "name",
    ["video", "audio", "network", "socket", "speech_recognizer", "nes", "lvgl", "ulab"],
)
def test_modules_that_are_not_there_say_what_to_use(board: RemoteBoard, name: str) -> None:
    said = error(board, f"import {name}")
    assert said.startswith(f"ImportError: {name}: ")
    assert len(said) > 40 and "no module named" not in said
