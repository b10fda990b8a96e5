# SPDX-License-Identifier: MIT
"""`microkpu kmodel`: what a model file holds, and what it answers, on the host or on a board."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microkpu import board
from microkpu.board.model import run_model
from microkpu.commands import evaluate
from microkpu.commands.board_options import add_virtual, virtual_options
from microkpu.commands.model_input import read_input
from microkpu.errors import MicrokpuError
from microkpu.kmodel.explain import explain
from microkpu.kmodel.host import HostModel
from microkpu.kmodel.info import describe

HOST = "host"


def add(subparsers: Any) -> None:
    parser = subparsers.add_parser("kmodel", help="look into a model file, or run it")
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    shown = actions.add_parser("info", help="show a model's layers and what it needs")
    shown.add_argument("file", type=Path, metavar="FILE")
    shown.set_defaults(call=show)

    explained = actions.add_parser(
        "explain",
        help="say how long a model takes, what it needs, what to look at",
        description="Estimates the KPU's time of each layer, and tells which layers the CPU"
        " computes, how much memory the model needs, and what is unusual about it. For a file that"
        " the board refuses it gives the board's own reason.",
    )
    explained.add_argument("file", type=Path, metavar="FILE")
    explained.add_argument(
        "--mhz", type=int, default=400, help="clock of the KPU (default %(default)s)"
    )
    explained.set_defaults(call=tell)

    ran = actions.add_parser(
        "run",
        help="run a model on an input",
        description="Runs a model on the host or on a board; both give the same bytes. A real"
        " board keeps the model as /flash/microkpu_run.kmodel, so that a second run is quick."
        " Without --output the outputs are summed up in a line each.",
    )
    ran.add_argument("file", type=Path, metavar="FILE")
    ran.add_argument("input", type=Path, metavar="INPUT", help=".npy, .png or .jpg, of its size")
    ran.add_argument(
        "--on", default=HOST, metavar="WHERE", help="host (default), virtual, or a serial port"
    )
    ran.add_argument(
        "--output", type=Path, metavar="OUT.npy", help="further outputs go to OUT.1.npy and so on"
    )
    add_virtual(ran)
    ran.set_defaults(call=run)
    evaluate.add(actions)


def show(options: argparse.Namespace) -> int:
    print(describe(options.file))
    return 0


def tell(options: argparse.Namespace) -> int:
    if options.mhz <= 0:
        raise MicrokpuError(f"--mhz {options.mhz}: a clock is above 0")
    print(explain(options.file, options.mhz * 1_000_000))
    return 0


def run(options: argparse.Namespace) -> int:
    model = HostModel(options.file)
    if options.output is not None:
        _check_output(options.output)
    given = model.fitted(read_input(options.input, model.input))
    on_host = options.on == HOST
    outputs = model.run(given) if on_host else _on_board(model, given, options)
    for index, output in enumerate(outputs):
        if options.output is None:
            print(_summary(index, output))
        else:
            np.save(_numbered(options.output, index), output)
    return 0


def _on_board(
    model: HostModel, given: NDArray[Any], options: argparse.Namespace
) -> list[NDArray[Any]]:
    """The outputs as the board computes them, in the host's shapes."""
    with board.open(options.on, virtual_options(options)) as remote:
        found = run_model(remote, options.file.read_bytes(), given.tobytes(), len(model.outputs))
    for index, (data, output) in enumerate(zip(found, model.outputs, strict=True)):
        if len(data) != output.bytes:
            raise MicrokpuError(
                f"output {index} has {len(data)} bytes on the board but should have"
                f" {output.bytes} ({output})"
            )
    return [
        np.frombuffer(data, output.dtype).reshape(output.shape)
        for data, output in zip(found, model.outputs, strict=True)
    ]


def _check_output(path: Path) -> None:
    if path.is_dir():
        raise MicrokpuError(f"{path} is a folder: give a file in it, such as {path / 'out.npy'}")
    if path.suffix != ".npy":
        raise MicrokpuError(f"{path} would hold numpy's format: give a name that ends in .npy")


def _numbered(path: Path, index: int) -> Path:
    """OUT.npy, OUT.1.npy, OUT.2.npy ..."""
    return path if index == 0 else path.with_suffix(f".{index}{path.suffix}")


def _summary(index: int, output: NDArray[Any]) -> str:
    flat = output.reshape(-1)
    shape = "x".join(map(str, output.shape))
    head = " ".join(f"{value:g}" for value in flat[:8])
    more = " ..." if flat.size > 8 else ""
    top = f", largest {flat.max():g} at {int(flat.argmax())}" if flat.size else ""
    return f"output {index}: {shape} {output.dtype}{top}: {head}{more}"
