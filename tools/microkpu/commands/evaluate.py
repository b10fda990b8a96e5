# SPDX-License-Identifier: MIT
"""`microkpu kmodel eval`: how often a model is right, on the host or on boards."""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from microkpu import board
from microkpu.board.connection import is_virtual
from microkpu.board.model import run_model
from microkpu.commands.board_options import add_virtual, virtual_options
from microkpu.errors import MicrokpuError
from microkpu.kmodel.host import HostModel

if TYPE_CHECKING:
    from microkpu.convert.evaluate import Dataset, Score

HOST = "host"


def add(actions: Any) -> None:
    parser = actions.add_parser(
        "eval",
        help="count how often a model is right",
        description="Runs a model on every sample and prints top-1 of its first output. DATASET"
        " is a folder with a folder of pictures for each class (class k is the k-th by name), or"
        " with pictures and a labels.txt of lines such as `000.jpg 7`, or an .npz with arrays x"
        " (samples as the model reads them) and y (numbers of classes).",
    )
    parser.add_argument("file", type=Path, metavar="FILE.kmodel")
    parser.add_argument("dataset", type=Path, metavar="DATASET")
    parser.add_argument(
        "--on", default=HOST, metavar="WHERE", help="host (default), virtual, or a serial port"
    )
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="so many virtual boards at a time"
    )
    add_virtual(parser)
    parser.set_defaults(call=call)


def call(options: argparse.Namespace) -> int:
    from microkpu.convert.evaluate import joined, read_dataset

    if options.jobs < 1 or (options.jobs > 1 and not is_virtual(options.on)):
        raise MicrokpuError(
            f"--jobs is {options.jobs}: 1 or more, and more on virtual boards only"
        )
    parts = read_dataset(options.dataset).parts(options.jobs)
    if len(parts) == 1:
        print(score(options, parts[0]))
        return 0
    with ProcessPoolExecutor(len(parts)) as pool:
        print(joined(list(pool.map(score, [options] * len(parts), parts))))
    return 0


def score(options: argparse.Namespace, dataset: Dataset) -> Score:
    """Of a part of the samples, on one board or on the host."""
    from microkpu.convert.evaluate import evaluate

    model = HostModel(options.file)
    quiet = not sys.stderr.isatty()
    if options.on == HOST:
        return evaluate(model, dataset, quiet=quiet)
    data, output = options.file.read_bytes(), model.outputs[0]
    with board.open(options.on, virtual_options(options)) as remote:

        def run(x: Any) -> list[Any]:
            found = run_model(remote, data, model.fitted(x).tobytes(), 1)
            return [np.frombuffer(found[0], output.dtype)]

        return evaluate(model, dataset, run, quiet=quiet)
