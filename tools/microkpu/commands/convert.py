# SPDX-License-Identifier: MIT
"""`microkpu convert`: from an ONNX, TensorFlow Lite, Keras or kmodel V5 model to a kmodel."""

from __future__ import annotations

import argparse
import sys
from math import isfinite, nan
from pathlib import Path
from typing import Any

from microkpu.errors import MicrokpuError


def add(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "convert",
        help="make a kmodel of an ONNX, TFLite or Keras model, or of a kmodel V5",
        description="Converts a model for the KPU. --calibration gives inputs by which the ranges"
        " of all values are measured: a folder of pictures, or an .npy of (n, channels, height,"
        " width) as uint8 (bytes as on the board) or float32 (what the model reads). A quantised"
        " .tflite needs none. A kmodel V5 of nncase 1.6 to 1.9 becomes a V4 that computes the"
        " same; no other option is of use there.",
    )
    parser.add_argument(
        "model", type=Path, metavar="MODEL", help=".onnx, .tflite, .keras, .h5, or .kmodel (V5)"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.kmodel")
    parser.add_argument(
        "--target",
        choices=("v3", "v4"),
        default="v4",
        help="v3: runs on every firmware, few CPU operators; v4: everything (default)",
    )
    parser.add_argument("--calibration", type=Path, metavar="DIR|FILE.npy")
    parser.add_argument(
        "--input-scale",
        type=_numbers,
        metavar="S[,S,S]",
        help="bytes become (byte - mean) * scale; one number, or one a channel (default 1/255)",
    )
    parser.add_argument("--mean", type=_numbers, metavar="M[,M,M]", help="of bytes (default 0)")
    parser.add_argument(
        "--input-shape", type=_sizes, metavar="CxHxW", help="for models that leave sizes open"
    )
    parser.add_argument(
        "--ranges",
        choices=("minmax", "percentile", "mse", "kl"),
        default="mse",
        help="what part of the values seen bytes hold (default mse: least square error)",
    )
    parser.add_argument(
        "--samples", type=int, default=100, metavar="N", help="at most so many (default 100)"
    )
    parser.add_argument(
        "--bytes",
        type=_names,
        default=(),
        metavar="NAME[,NAME]",
        help="outputs to give as the KPU's bytes, not as floats",
    )
    parser.add_argument(
        "--report", type=Path, metavar="DIR", help="write how close each layer comes to floats"
    )
    parser.add_argument(
        "--accept-loss",
        action="store_true",
        help="write the kmodel although an output is far from the floats",
    )
    parser.set_defaults(call=call)


def _numbers(text: str) -> tuple[float, ...]:
    """Numbers with commas between them; a/b is a quotient."""
    numbers = []
    for part in text.split(","):
        above, _, below = part.partition("/")
        try:
            number = float(above) / float(below or 1)
        except (ValueError, ZeroDivisionError):
            number = nan
        if not isfinite(number):
            raise argparse.ArgumentTypeError(
                f"{text!r} are no numbers: want finite ones, as in 127.5 or 1/255,1/255,1/255"
            )
        numbers.append(number)
    return tuple(numbers)


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _sizes(text: str) -> tuple[int, ...]:
    sizes = text.lower().split("x")
    if not all(size.isdecimal() and int(size) for size in sizes):
        raise argparse.ArgumentTypeError(f"{text!r} is no shape: want sizes as in 3x224x224")
    return tuple(map(int, sizes))


def call(options: argparse.Namespace) -> int:
    if options.model.suffix == ".kmodel":
        return _transcode(options)
    from microkpu.convert import Options, convert
    from microkpu.convert.report import summary, write_report

    if options.samples < 1:
        raise MicrokpuError(f"--samples is {options.samples}: 1 or more wanted")
    quiet = not sys.stderr.isatty()
    chosen = Options(
        target=options.target,
        scale=options.input_scale,
        mean=options.mean,
        input_shape=options.input_shape,
        method=options.ranges,
        most_samples=options.samples,
        as_bytes=options.bytes,
        accept_loss=options.accept_loss,
        quiet=quiet,
    )
    if not options.output.parent.is_dir():
        raise MicrokpuError(f"cannot write {options.output}: {options.output.parent} is no folder")
    if options.report is not None:
        _make_folder(options.report)
    try:
        conversion = convert(options.model, options.calibration, chosen)
    except (MicrokpuError, OSError):
        raise
    except Exception as error:
        # A model that nobody thought of: never a traceback for a user.
        raise MicrokpuError(
            f"the converter fails on {options.model} ({type(error).__name__}: {error}): "
            "please report it with the model"
        ) from error
    _write(options.output, conversion.data)
    print(f"{options.output}: {summary(conversion, conversion.closeness)}")
    if options.report is not None:
        write_report(conversion, options.report, quiet=quiet)
        print(f"report    {options.report / 'layers.txt'}, worst layers first")
    return 0


def _transcode(options: argparse.Namespace) -> int:
    from microkpu.convert.transcode import transcode
    from microkpu.kmodel.host import HostModel
    from microkpu.kmodel.v5 import is_v5

    try:
        data = options.model.read_bytes()
    except OSError as error:
        raise MicrokpuError(f"cannot read {options.model}: {error.strerror}") from None
    if not is_v5(data):
        raise MicrokpuError(f"{options.model} is no kmodel V5: V3 and V4 run as they are")
    if options.target == "v3":
        raise MicrokpuError("a kmodel V5 becomes a V4: without --target v3")
    made = transcode(data)
    model = HostModel(made)
    _write(options.output, made)
    kpu = sum(layer.kpu for layer in model.layers)
    print(f"{options.output}: kmodel V4 of a V5, {len(made)} bytes")
    print(f"input     {model.input}")
    print(f"layers    {kpu} on the KPU, {len(model.layers) - kpu} on the CPU")
    return 0


def _make_folder(path: Path) -> None:
    """Before anything takes time."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MicrokpuError(f"cannot make the folder {path}: {error.strerror}") from None


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise MicrokpuError(f"cannot write {path}: {error.strerror}") from None
