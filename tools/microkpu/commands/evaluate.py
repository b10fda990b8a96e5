# SPDX-License-Identifier: MIT
"""`microkpu kmodel eval`: how often a model is right, on the host or on boards."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from microkpu.kmodel.host import HostModel


def add(actions: Any) -> None:
    parser = actions.add_parser(
        "eval",
        help="count how often a model is right",
        description="Runs a model on every sample and prints top-1 of its first output. DATASET"
        " is a folder with a folder of pictures for each class (class k is the k-th by name), or"
        " an .npz with arrays x (samples as the model reads them) and y (numbers of classes).",
    )
    parser.add_argument("file", type=Path, metavar="FILE.kmodel")
    parser.add_argument("dataset", type=Path, metavar="DATASET")
    parser.set_defaults(call=call)


def call(options: argparse.Namespace) -> int:
    from microkpu.convert.evaluate import evaluate, read_dataset

    dataset = read_dataset(options.dataset)
    print(evaluate(HostModel(options.file), dataset, quiet=not sys.stderr.isatty()))
    return 0
