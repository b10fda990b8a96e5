# SPDX-License-Identifier: MIT
"""The options that say which board, and what a virtual one is made of."""

from __future__ import annotations

import argparse
from pathlib import Path

from microkpu.board.connection import VIRTUAL, is_virtual
from microkpu.errors import MicrokpuError
from microkpu.virtual.options import Image, VirtualOptions, image, options_of_url


def add_virtual(parser: argparse.ArgumentParser) -> None:
    """What is in its flash, what is connected to it, and how strict it is."""
    group = parser.add_argument_group("the virtual board")
    group.add_argument(
        "--firmware",
        type=Path,
        metavar="FILE",
        help="raw .bin to run (default: the one that `make firmware` built)",
    )
    group.add_argument(
        "--image",
        action="append",
        default=[],
        type=_image,
        metavar="ADDR=FILE",
        help="put FILE into flash at ADDR; a .kfpkg needs no address; may be repeated",
    )
    group.add_argument(
        "--files", type=Path, metavar="DIR", help="folder whose files are in /flash"
    )
    group.add_argument(
        "--flash", type=Path, metavar="FILE", help="keep the flash's 16 MiB in FILE between runs"
    )
    group.add_argument(
        "--board", default="maix_dock", metavar="NAME", help="whose wiring (default maix_dock)"
    )
    group.add_argument(
        "--camera", type=Path, metavar="PICTURE|DIR", help="what the camera sees; a folder in turn"
    )
    group.add_argument(
        "--sensor",
        action="append",
        default=[],
        metavar="NAME",
        help="camera sensor in place of the board's own: ov2640, ov5640, ov7740, gc0328",
    )
    group.add_argument(
        "--sd", type=Path, metavar="DIR|IMG", help="SD card from a folder or a card image"
    )
    group.add_argument(
        "--sd-keep", action="store_true", help="write back to the card image what was written"
    )
    group.add_argument(
        "--cache",
        action="store_true",
        help="data caches between the CPUs and memory, which devices do not see",
    )
    group.add_argument(
        "--lenient",
        action="store_true",
        help="go on where a real board may forgive, instead of refusing",
    )


def add_port(parser: argparse.ArgumentParser) -> None:
    """--port, with what the virtual board is made of."""
    parser.add_argument(
        "--port",
        default=VIRTUAL,
        metavar="PORT",
        help="virtual (default), a serial port such as /dev/ttyUSB0, or a pyserial URL",
    )
    add_virtual(parser)


def virtual_options(options: argparse.Namespace, waits_in_isp: bool = False) -> VirtualOptions:
    """What the parsed options, or the URL that --port is, describe."""
    if "://" in getattr(options, "port", "") and is_virtual(options.port):
        return options_of_url(options.port)
    return VirtualOptions(
        firmware=options.firmware,
        images=options.image,
        flash=options.flash,
        files=options.files,
        strict=not options.lenient,
        board=options.board,
        camera=options.camera,
        sensors=tuple(options.sensor),
        sd=options.sd,
        sd_keep=options.sd_keep,
        cache=options.cache,
        waits_in_isp=waits_in_isp,
    )


def _image(text: str) -> Image:
    try:
        return image(text)
    except MicrokpuError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
