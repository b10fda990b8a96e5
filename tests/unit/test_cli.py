# SPDX-License-Identifier: MIT
"""The command line: usage, version, and errors in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import microkpu
import pytest
from microkpu import cli

COMMANDS = ("virtual", "run", "repl", "flash", "kmodel")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "microkpu", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_it_says_its_version() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"microkpu {microkpu.__version__}\n")


def test_help_names_every_command() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert all(command in done.stdout for command in COMMANDS)
    for command in COMMANDS:
        assert run(command, "--help").returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["virtual", "--tape", "card"],
        ["virtual", "--pty", "--stdio"],
        ["virtual", "--paced", "--fast"],
        ["virtual", "--seconds", "-1"],
        ["virtual", "--seconds", "long"],
        ["virtual", "--image", "m.kmodel"],
        ["run"],
        ["flash"],
        ["kmodel"],
        ["kmodel", "run", "m.kmodel"],
    ],
)
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "usage: " in done.stderr


def test_a_wrong_image_says_what_is_wrong_with_it() -> None:
    assert (
        "give ADDRESS=FILE, such as 0x300000=m.kmodel"
        in run("virtual", "--image", "m.kmodel").stderr
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["virtual", "--firmware", "/nowhere.bin"], "cannot read /nowhere.bin"),
        (["virtual", "--image", "0=/nowhere"], "cannot read /nowhere"),
        (["virtual", "--image", "/nowhere.kfpkg"], "cannot read /nowhere.kfpkg"),
        (["run", "/nowhere.py"], "no script at /nowhere.py"),
        (["repl"], "needs a terminal"),
        (["flash", "/nowhere.kfpkg"], "no file at /nowhere.kfpkg"),
        (["kmodel", "info", "/nowhere.kmodel"], "/nowhere.kmodel"),
        (["kmodel", "run", "/nowhere.kmodel", "in.npy"], "/nowhere.kmodel"),
    ],
)
def test_an_error_is_one_line_and_1(arguments: list[str], says: str) -> None:
    done = run(*arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_the_script_entry_is_the_module(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["virtual", "--firmware", "/nowhere.bin"]) == 1
    assert (
        capsys.readouterr().err == "error: cannot read /nowhere.bin: No such file or directory\n"
    )


def test_the_project_gives_the_command_its_name() -> None:
    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert project["project"]["scripts"] == {"microkpu": "microkpu.cli:main"}
    assert project["project"]["version"] == microkpu.__version__
