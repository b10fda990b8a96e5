# SPDX-License-Identifier: MIT
"""sdk/pll.c on the host: the settings that boards in the field run at, and the PLL's limits."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import pytest

SDK = Path(__file__).resolve().parents[2] / "sdk"
IN0 = 26_000_000


class Ratio(ctypes.Structure):
    """The register's fields, each its value minus one."""

    _fields_ = (("r", ctypes.c_uint8), ("f", ctypes.c_uint8), ("od", ctypes.c_uint8))

    @property
    def fields(self) -> tuple[int, int, int]:
        return self.r, self.f, self.od

    @property
    def hz(self) -> int:
        return IN0 * (self.f + 1) // ((self.r + 1) * (self.od + 1))


@pytest.fixture(scope="module")
def pll(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    out = tmp_path_factory.mktemp("pll") / "pll.so"
    flags = ["-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-o", str(out)]
    subprocess.run(["gcc", *flags, str(SDK / "pll.c")], check=True)
    return ctypes.CDLL(str(out))


def search(pll: ctypes.CDLL, hz: int) -> Ratio | None:
    ratio = Ratio()
    return ratio if pll.pll_search(ctypes.c_uint32(hz), ctypes.byref(ratio)) == 0 else None


@pytest.mark.parametrize(
    ("hz", "fields"),
    [
        (780_000_000, (0, 59, 1)),  # what the boot ROM and Linux set: CPU at 390 MHz
        (390_000_000, (0, 59, 3)),  # Linux's PLL1
        (416_000_000, (0, 63, 3)),  # krux's fastest, exact
    ],
)
def test_known_settings(pll: ctypes.CDLL, hz: int, fields: tuple[int, int, int]) -> None:
    ratio = search(pll, hz)
    assert ratio is not None
    assert ratio.fields == fields
    assert pll.pll_hz(IN0, ratio) == hz


def test_800_mhz_becomes_what_the_vendor_s_search_gives(pll: ctypes.CDLL) -> None:
    ratio = search(pll, 800_000_000)
    assert ratio is not None
    assert ratio.hz in (793_000_000, 806_000_000)


@pytest.mark.parametrize("hz", range(30_000_000, 1_660_000_000, 7_777_777))
def test_every_setting_is_legal_and_none_is_nearer(pll: ctypes.CDLL, hz: int) -> None:
    legal = [
        IN0 * f // od
        for f in range(1, 65)
        for od in range(1, 17)
        if 350_000_000 <= IN0 * f <= 1_750_000_000
    ]
    ratio = search(pll, hz)
    best = min(abs(found - hz) for found in legal)
    if best > hz // 50:
        assert ratio is None
        return
    assert ratio is not None
    assert ratio.r == 0
    assert 350_000_000 <= IN0 * (ratio.f + 1) <= 1_750_000_000
    assert abs(ratio.hz - hz) == best


@pytest.mark.parametrize("hz", [0, 1_000_000, 20_000_000, 1_800_000_000, 4_000_000_000])
def test_out_of_reach_is_refused(pll: ctypes.CDLL, hz: int) -> None:
    assert search(pll, hz) is None
