# SPDX-License-Identifier: MIT
"""Fetching of pinned sources: where they are looked for, what is said when they are missing."""

import hashlib
import io
import os
import subprocess
import sys
import tarfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from microkpu import sources
from microkpu.errors import MicrokpuError

ROOT = Path(__file__).resolve().parents[2]


def make_tarball(path: Path, files: dict[str, bytes]) -> str:
    with tarfile.open(path, "w:xz") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def source(tmp_path: Path) -> sources.Source:
    cache = tmp_path / "cache"
    cache.mkdir()
    digest = make_tarball(cache / "thing_1.0+ds.orig.tar.xz", {"thing-1/py/x.h": b"x\n"})
    return sources.Source(
        name="thing",
        variable="THING_DIR",
        package="thing",
        version="1.0+ds-1",
        suite="trixie",
        tarball="thing_1.0+ds.orig.tar.xz",
        sha256=digest,
        witness="py/x.h",
        release="1.0",
        release_pattern=r"VERSION_\w+ (\d+)",
    )


VERSION = b"#define VERSION_MAJOR 1\n#define VERSION_MINOR 0\n"


def test_every_pin_is_complete_and_names_a_digest() -> None:
    for name in ("micropython", "libjpeg-turbo"):
        pin = sources.pinned(name)
        assert len(pin.sha256) == 64
        assert pin.package in pin.tarball


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(MicrokpuError, match="libjpeg-turbo, micropython"):
        sources.pinned("nothing")


def test_a_tarball_in_the_cache_is_unpacked_once(source: sources.Source, tmp_path: Path) -> None:
    environment = {"MICROKPU_CACHE": str(tmp_path / "cache")}
    tree = sources.fetch(source, environment)
    assert tree == tmp_path / "cache" / "thing-1.0"
    assert (tree / "py/x.h").read_bytes() == b"x\n"
    (tree / "py/x.h").write_bytes(b"kept\n")
    assert sources.fetch(source, environment) == tree
    assert (tree / "py/x.h").read_bytes() == b"kept\n"
    assert sorted(p.name for p in tree.parent.iterdir()) == ["thing-1.0", source.tarball]


def test_another_pin_replaces_the_tree(source: sources.Source, tmp_path: Path) -> None:
    environment = {"MICROKPU_CACHE": str(tmp_path / "cache")}
    sources.fetch(source, environment)
    digest = make_tarball(tmp_path / "cache" / source.tarball, {"thing-1/py/x.h": b"new\n"})
    tree = sources.fetch(replace(source, sha256=digest), environment)
    assert (tree / "py/x.h").read_bytes() == b"new\n"


def test_a_wrong_digest_is_refused(source: sources.Source, tmp_path: Path) -> None:
    (tmp_path / "cache" / source.tarball).write_bytes(b"something else")
    with pytest.raises(MicrokpuError, match="is pinned"):
        sources.fetch(source, {"MICROKPU_CACHE": str(tmp_path / "cache")})


def test_the_environment_names_a_tree(source: sources.Source, tmp_path: Path) -> None:
    (tmp_path / "mine/py").mkdir(parents=True)
    with pytest.raises(MicrokpuError, match=r"THING_DIR=.* has no py/x\.h"):
        sources.fetch(source, {"THING_DIR": str(tmp_path / "mine")})
    (tmp_path / "mine/py/x.h").write_bytes(VERSION)
    assert sources.fetch(source, {"THING_DIR": str(tmp_path / "mine")}) == tmp_path / "mine"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (VERSION.replace(b"MINOR 0", b"MINOR 26"), r"THING_DIR=.* is thing 1\.26, but 1\.0 is"),
        (b"nothing here\n", r"THING_DIR=.* is thing of an unknown release, but 1\.0 is"),
    ],
)
def test_a_tree_of_another_release_is_refused(
    source: sources.Source, tmp_path: Path, text: bytes, said: str
) -> None:
    (tmp_path / "mine/py").mkdir(parents=True)
    (tmp_path / "mine/py/x.h").write_bytes(text)
    with pytest.raises(MicrokpuError, match=said):
        sources.fetch(source, {"THING_DIR": str(tmp_path / "mine")})


@pytest.mark.parametrize("name", ["micropython", "libjpeg-turbo"])
def test_the_pinned_source_itself_has_the_release(name: str) -> None:
    pin = sources.pinned(name)
    tree = sources.fetch(pin, {})
    assert sources.fetch(pin, {pin.variable: str(tree)}) == tree


def make_tree(folder: str, *variables: str) -> subprocess.CompletedProcess[str]:
    """What ports/k210/Makefile takes for MicroPython's tree and the library's."""
    recipe = "trees: ; @echo $(realpath $(MPY_TREE) $(LIBJPEG_DIR))"
    command = ["make", "-s", "-C", folder, f"--eval={recipe}", "trees", f"PYTHON={sys.executable}"]
    return subprocess.run([*command, *variables], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize("start", [".", "ports/k210"])
def test_make_takes_trees_by_relative_names(start: str) -> None:
    """They count from where make runs, or from the project."""
    trees = [sources.fetch(sources.pinned(name), {}) for name in ("micropython", "libjpeg-turbo")]
    names = [os.path.relpath(tree, ROOT / start) for tree in trees]
    done = make_tree("ports/k210", f"MICROPYTHON_DIR={names[0]}", f"LIBJPEG_DIR={names[1]}")
    assert done.stdout.split()[-2:] == [str(tree) for tree in trees], done.stderr


def test_make_refuses_a_tree_of_another_release(tmp_path: Path) -> None:
    (tmp_path / "py").mkdir()
    header = "\n".join(f"#define MICROPY_VERSION_{k} {v}" for k, v in
        (("MAJOR", 1), ("MINOR", 24), ("MICRO", 1)))  # fmt: skip
    (tmp_path / "py/mpconfig.h").write_text(header)
    done = make_tree("ports/k210", f"MICROPYTHON_DIR={tmp_path}")
    assert done.returncode != 0
    assert f"{tmp_path} is micropython 1.24.1, but 1.25.0 is needed" in done.stderr


def test_a_failure_names_what_was_tried(
    source: sources.Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources.shutil, "which", lambda name: None)
    with pytest.raises(MicrokpuError) as caught:
        sources.fetch(source, {"MICROKPU_CACHE": str(tmp_path / "empty")})
    tarball = tmp_path / "empty" / source.tarball
    assert str(caught.value) == (
        "no source of thing 1.0: apt-get is not on this machine:"
        f" set THING_DIR to a source tree of it, or put {tarball} there"
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sources.list", "deb [arch=amd64 signed-by=/k.gpg] MIRROR bookworm main\n"),
        ("sources.list", "# deb http://old/debian sid main\ndeb-src MIRROR trixie main\n"),
        (
            "sources.list.d/debian.sources",
            "Types: deb\n# a comment\nURIs: MIRROR\nSuites: bookworm bookworm-updates\n\n"
            "Types: deb\nURIs: http://other.example/debian-security\nSuites: bookworm-security\n",
        ),
        (
            "sources.list.d/b.sources",
            "Enabled: no\nTypes: deb\nURIs: http://off.example/debian\nSuites: sid\n\n"
            "Types: deb\nURIs: http://vendor.example/apt MIRROR\nSuites: trixie\n",
        ),
    ],
)
def test_the_mirror_is_the_machines_own(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text.replace("MIRROR", "http://mirror.example/debian"))
    assert sources.debian_mirror(tmp_path) == "http://mirror.example/debian"


def test_without_a_mirror_one_sentence_says_what_to_set(
    source: sources.Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Ubuntu."""
    (tmp_path / "sources.list").write_text("deb http://vendor.example/ubuntu noble main\n")
    monkeypatch.setattr(sources, "debian_mirror", partial(sources.debian_mirror, tmp_path))
    monkeypatch.setattr(sources.shutil, "which", lambda name: f"/usr/bin/{name}")
    with pytest.raises(MicrokpuError) as caught:
        sources.fetch(source, {"MICROKPU_CACHE": str(tmp_path / "empty")})
    assert str(caught.value) == (
        "no source of thing 1.0:"
        f" no Debian mirror is in {tmp_path}/sources.list or sources.list.d:"
        " set DEBIAN_MIRROR=http://... to a Debian mirror, or THING_DIR to a source tree of it,"
        f" or put {tmp_path}/empty/{source.tarball} there"
    )


def test_make_installs_the_keys_that_sign_debian_s_sources() -> None:
    """Debian has them; Ubuntu has them in a package."""
    recipe = "needs: ; @echo $(APT_FILES)"
    done = subprocess.run(
        ["make", "-s", f"--eval={recipe}", "needs"], cwd=ROOT, capture_output=True, text=True
    )
    assert f"{sources.KEYRING}:debian-archive-keyring" in done.stdout.split()
