# SPDX-License-Identifier: MIT
"""No refusal of the loader is without a file that provokes it.

The files are those of the tests of refusals, which hold each one's sentence. Here the compiler
counts which refusing lines they reach, and the names in those lines' tables must all be said.
"""

from __future__ import annotations

import gzip
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import kmodel_harness
import pytest
import test_kmodel4_refusals as v4_refusals
import test_kmodel_refusals as v3_refusals
from kmodel_files import ROOT

MODULE = ROOT / "modules" / "kpu"
# A line that refuses; the definitions of these functions are none.
REFUSES = re.compile(r"\b(?:kmodel_refuse|above|below)\(")
DEFINES = re.compile(r"^(?:static )?int (?:kmodel_refuse|above|below)\(")
# Reached only where the file is to be streamed.
STREAMING = ("kmodel_flow.c", "kmodel_skeleton.c", "kmodel4_skeleton.c")
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')


def sources() -> list[Path]:
    """The files that refuse."""
    found = [
        path
        for path in sorted(MODULE.glob("kmodel*.c"))
        if "kmodel_refuse(" in path.read_text() and path.name != "kmodel_why.c"
    ]
    assert len(found) >= 10
    return found


# Of a good file: the largest piece, and the call of the source that fails.
SPOILT = [
    (v3_refusals.TINY, 8, 0),
    (v3_refusals.TINY, 4096, 1),
]


def files() -> list[bytes]:
    return [*v3_refusals.every_file(), *v4_refusals.every_file()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("refusals")


@pytest.fixture(scope="module")
def said(folder: Path) -> list[str]:
    """What the loader says to each file, once it was built to count its lines."""
    program = kmodel_harness.build(folder / "harness", ("-O0", "--coverage"))
    paths = []
    for i, data in enumerate(files()):
        paths.append(folder / f"{i}.kmodel")
        paths[-1].write_bytes(data)
    done = subprocess.run([program, "explain", *paths], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def streamed(folder: Path) -> list[str]:
    """What is said to who streams them, the smallest piece or a source that fails."""
    program = kmodel_harness.build(
        folder / "flow" / "harness", ("-O0", "--coverage"), "kmodel_flow_harness.c"
    )
    lines = []
    file = folder / "streamed.kmodel"
    for data, piece, fail in (*((data, 4096, 0) for data in files()), *SPOILT):
        file.write_bytes(data)
        numbers = map(str, (piece, 0, 2, 1, fail))
        done = subprocess.run(
            [program, file, *numbers], capture_output=True, text=True, check=True
        )
        lines += done.stdout.splitlines()
    return lines


def counts(folder: Path, source: Path) -> dict[int, int]:
    """How often each line of a source ran in one of the programs of a folder."""
    lines: dict[int, int] = {}
    for notes in folder.rglob(f"*{source.stem}.gcda"):
        made = notes.parent
        subprocess.run(["gcov", "--json-format", notes], cwd=made, check=True, capture_output=True)
        (report,) = made.glob(f"*{source.stem}.gcov.json.gz")
        found: dict[str, Any] = json.loads(gzip.decompress(report.read_bytes()))
        for file in found["files"]:
            if Path(file["file"]).name == source.name:
                for line in file["lines"]:
                    number = line["line_number"]
                    lines[number] = max(lines.get(number, 0), line["count"])
    assert lines
    return lines


def test_every_file_is_refused(said: list[str]) -> None:
    assert "accepted" not in said
    assert len(said) == len(files())


@pytest.mark.parametrize("source", sources(), ids=lambda path: path.stem)
def test_every_refusing_line_is_reached(
    said: list[str], streamed: list[str], folder: Path, source: Path
) -> None:
    ran = counts(folder, source)
    refusing = [
        (number, line.strip())
        for number, line in enumerate(source.read_text().splitlines(), 1)
        if REFUSES.search(line) and not DEFINES.match(line)
    ]
    assert refusing
    missed = [
        f"{source.name}:{number}: {line}" for number, line in refusing if not ran.get(number)
    ]
    assert not missed, "\n".join(missed)


@pytest.mark.parametrize("source", sources(), ids=lambda path: path.stem)
def test_every_name_in_a_refusal_is_said(
    said: list[str], streamed: list[str], source: Path
) -> None:
    text = "\n".join(streamed if source.name in STREAMING else said)
    code = "\n".join(
        line for line in source.read_text().splitlines() if not line.startswith("#include")
    )
    silent = [name for name in STRING.findall(code) if f": {name} " not in text]
    assert not silent, f"{source.name}: no file is refused for {silent}"


def test_every_reason_has_a_file(said: list[str]) -> None:
    """By the sentences of kmodel_why.c, whose numbers and names are left open."""
    source = (MODULE / "kmodel_why.c").read_text()
    table = source[source.index("sentences[WHY_COUNT]") : source.index("};")]
    text = "\n".join(said)
    silent = []
    entries = re.findall(r"\[(WHY_\w+)\] = ((?:\s*\"(?:[^\"\\]|\\.)*\")+)", table)
    assert len(entries) > 30
    for reason, strings in entries:
        sentence = "".join(STRING.findall(strings))
        pattern = re.sub(r"%[ngwx]", "\0", sentence)
        pattern = re.escape(pattern).replace("\0", "[^\n]*?")
        if not re.search(pattern, text):
            silent.append(reason)
    # None is what stands where nothing was filled in; V4 is said by builds without it only.
    assert silent == ["WHY_NONE", "WHY_V4"]
