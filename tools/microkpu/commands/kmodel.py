# SPDX-License-Identifier: MIT
"""`microkpu kmodel`: what a model file holds, and what it answers, on the host or on a board."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from microkpu import board
from microkpu.board.model import run_model
from microkpu.commands.board_options import add_virtual, virtual_options
from microkpu.commands.model_input import Wanted, read_input
from microkpu.errors import MicrokpuError

if TYPE_CHECKING:
    from microkpu.kmodel.host import HostModel

HOST = "host"


def add(subparsers: Any) -> None:
    parser = subparsers.add_parser("kmodel", help="look into a model file, or run it")
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    shown = actions.add_parser("info", help="show a model's layers and what it needs")
    shown.add_argument("file", type=Path, metavar="FILE")
    shown.set_defaults(call=show)

    ran = actions.add_parser(
        "run",
        help="run a model on an input",
        description="Runs a model on the host or on a board; both give the same bytes. Without"
        " --output the outputs are summed up in a line each.",
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


def run(options: argparse.Namespace) -> int:
    from microkpu.kmodel.host import HostModel

    model = HostModel(options.file)
    wanted = Wanted(model.input.channels, model.input.h, model.input.w, model.input.type == "f32")
    given = read_input(options.input, wanted)
    if options.on == HOST:
        outputs = model.run(given)
    else:
        outputs = _on_board(model, given, options)
    for index, output in enumerate(outputs):
        if options.output is None:
            print(_summary(index, output))
        else:
            np.save(_numbered(options.output, index), output)
    return 0


def _on_board(
    model: HostModel, given: NDArray[Any], options: argparse.Namespace
) -> list[NDArray[Any]]:
    """The outputs as the board computes them, in the shapes that the host gives."""
    with board.open(options.on, virtual_options(options)) as remote:
        found = run_model(remote, options.file.read_bytes(), given.tobytes(), len(model.outputs))
    outputs = []
    for tensor, data in zip(model.outputs, found, strict=True):
        kind = np.dtype("<f4") if tensor.type == "f32" else np.dtype(np.uint8)
        shape = (tensor.channels, tensor.h, tensor.w)
        if len(data) != kind.itemsize * int(np.prod(shape)):
            raise MicrokpuError(f"the board's output has {len(data)} bytes, not {shape} {kind}")
        outputs.append(np.frombuffer(data, kind).reshape(shape))
    return outputs


def show(options: argparse.Namespace) -> int:
    print(describe(options.file))
    return 0


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
