# SPDX-License-Identifier: MIT
"""Builds the pure C of modules/image with sanitizers and talks to it."""

from __future__ import annotations

import atexit
import re
import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from fuzzing import Clock, cases
from microkpu.sources import fetch, pinned

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "modules" / "image"
FLAGS = ["-std=gnu11", "-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
OURS = ["-Wall", "-Wextra", "-Werror"]


def libjpeg_files(module: Path = MODULE) -> list[str]:
    """The library's sources as micropython.mk names them."""
    lines = (module / "micropython.mk").read_text().replace("\\\n", " ").splitlines()
    (names,) = [line for line in lines if line.startswith("LIBJPEG_C =")]
    return names.split("=")[1].split()


def pure_files(module: Path = MODULE) -> list[Path]:
    """The module's sources that know nothing of MicroPython."""
    return [path for path in sorted(module.glob("*.c")) if "py/" not in path.read_text()]


@cache
def build() -> Path:
    """The harness with everything that the firmware links, as an executable; once a process."""
    folder = Path(tempfile.mkdtemp(prefix="image_harness_"))
    atexit.register(shutil.rmtree, folder)
    library = fetch(pinned("libjpeg-turbo"))
    include = [f"-I{ROOT}", f"-I{MODULE}", f"-I{MODULE}/jpeg", f"-I{library}"]
    objects: list[str] = []
    ours = [
        *Path(__file__).parent.glob("image_harness*.c"),
        *pure_files(),
        *MODULE.glob("jpeg/*.c"),
    ]
    for source, warnings in [
        *((source, OURS) for source in ours),
        *((library / name, ["-w"]) for name in libjpeg_files()),
    ]:
        objects.append(str(folder / f"{source.parent.name}_{source.stem}.o"))
        command = ["gcc", *FLAGS, *warnings, *include, "-c", str(source), "-o", objects[-1]]
        subprocess.run(command, check=True)
    program = folder / "image_harness"
    subprocess.run(["gcc", *FLAGS, *objects, "-lm", "-o", str(program)], check=True)
    return program


def rounds(request: pytest.FixtureRequest, short: int, long: int) -> Iterator[None]:
    """So many rounds of a fuzz test, and on until --fuzz-seconds are over; keeps the figures."""
    clock, count = Clock(), cases(request.config, short, long)
    end = time.monotonic() + (request.config.getoption("--fuzz-seconds") or 0)
    done = 0
    while done < count or time.monotonic() < end:
        yield
        done += 1
    name = re.sub(r"\W+", "_", request.node.name.removeprefix("test_fuzz_")).strip("_")
    clock.keep(f"{request.path.stem.removeprefix('test_')}_{name}", cases=done)


class Harness:
    """A running harness: `call` sends one command and returns code, w, h and the bytes."""

    def __init__(self) -> None:
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [build()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def call(self, what: str, args: tuple[int, ...], data: bytes) -> tuple[int, int, int, bytes]:
        """Raises AssertionError with the sanitizer's report where the program ended."""
        assert self.process.stdin and self.process.stdout and self.process.stderr
        a, b, c, d = (*args, 0, 0, 0, 0)[:4]
        try:
            self.process.stdin.write(struct.pack("<6I", ord(what), a, b, c, d, len(data)) + data)
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        head = self.process.stdout.read(16)
        if len(head) < 16:
            report = self.process.stderr.read().decode(errors="replace")
            self.process.wait()
            self.process = self._start()
            raise AssertionError(report or "the harness ended")
        code, w, h, length = struct.unpack("<iIII", head)
        return code, w, h, self.process.stdout.read(length)

    def close(self) -> None:
        """Ends it; a leak found at the exit is an error too."""
        _, report = self.process.communicate()
        assert self.process.returncode == 0, report.decode(errors="replace")
