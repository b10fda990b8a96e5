# SPDX-License-Identifier: MIT
"""The virtual board that a command's options or a virtual:// URL describe."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from microkpu import places
from microkpu.board_files import FILES_ADDRESS, flash_files
from microkpu.errors import MicrokpuError, UsageError
from microkpu.kfpkg import read_kfpkg
from microkpu.virtual.board import Board, check_parts
from microkpu.virtual.boot_rom import pack
from microkpu.virtual.chips.card_store import check_card
from microkpu.virtual.chips.pictures import Pictures
from microkpu.virtual.firmware_file import read_firmware, read_image
from microkpu.virtual.wiring import wiring_of

PLACED = re.compile(r"(0[xX][0-9a-fA-F_]+|[0-9]+)=(.+)")
ERASED = b"\xff"
SWITCH = {"0": False, "1": True}
URL_OPTIONS = (
    "firmware", "image", "flash", "files", "strict", "board", "camera", "sensor", "sd", "sd_keep",
    "cache",
)  # fmt: skip


@dataclass(frozen=True)
class Image:
    """A file for the flash; without an address it is a .kfpkg, which brings its own."""

    path: Path
    address: int | None = None


def image(text: str) -> Image:
    """ADDR=FILE or FILE.kfpkg, as --image takes it."""
    placed = PLACED.fullmatch(text)
    if placed:
        return Image(Path(placed[2]), int(placed[1], 0))
    if text.endswith(".kfpkg"):
        return Image(Path(text))
    raise UsageError(
        f"image {text!r} has no flash address: give ADDRESS=FILE, such as 0x300000={text}"
    )


@dataclass(frozen=True)
class VirtualOptions:
    """What a virtual board is made of.

    `flash` is a file that keeps the flash between runs, `files` a folder that becomes /flash.
    Without `firmware` the one in an image at address 0 or in the flash file is booted, else the
    project's own. `board` names its wiring; `camera` sees a picture or a folder of them; `sd` is a
    card image or a folder, which holds what was written only with `sd_keep`. `waits_in_isp`: a
    board with nothing in flash waits for a programmer, and the project's firmware may be absent.
    """

    firmware: Path | None = None
    images: Sequence[Image] = ()
    flash: Path | None = None
    files: Path | None = None
    strict: bool = True
    board: str = "maix_dock"
    camera: Path | None = None
    sensors: Sequence[str] = ()
    sd: Path | None = None
    sd_keep: bool = False
    waits_in_isp: bool = False
    cache: bool = False

    def check(self) -> None:
        """Refuses what makes no board before one is made: a program may open it late, or never."""
        wiring_of(self.board)
        check_parts(self.camera, self.sensors, self.sd, self.sd_keep)
        if self.camera is not None:
            Pictures(self.camera)
        if self.sd is not None:
            check_card(self.sd)

    def make(self) -> Board:
        """A board at power-on."""
        self.check()
        return Board(
            None,
            self._contents(),
            flash=self.flash,
            strict=self.strict,
            wiring=self.board,
            camera=self.camera,
            sensors=self.sensors,
            sd=self.sd,
            sd_keep=self.sd_keep,
            waits_in_isp=self.waits_in_isp,
            cache=self.cache,
        )

    def _contents(self) -> list[tuple[int, bytes]]:
        named: list[tuple[str, int, bytes]] = []
        for given in self.images:
            if given.address is None:
                for part in read_kfpkg(given.path):
                    content = pack(part.content) if part.bootable else part.content
                    named.append((f"{given.path}:{part.name}", part.address, content))
            else:
                content = read_image(given.path, self.firmware is None and given.address == 0)
                named.append((str(given.path), given.address, content))
        if self.files is not None:
            named.append((str(self.files), FILES_ADDRESS, flash_files(self.files)))
        if self.firmware is not None:
            named.append((str(self.firmware), 0, pack(read_firmware(self.firmware))))
        elif not self._has_firmware(named):
            named += self._own_firmware()
        _refuse_overlap(named)
        return [(address, content) for _, address, content in named]

    def _own_firmware(self) -> list[tuple[str, int, bytes]]:
        """The project's, at the place where it is built or installed."""
        path = places.firmware(self.board)
        if path.exists():
            return [(str(path), 0, pack(read_firmware(path)))]
        if self.waits_in_isp:
            return []
        raise MicrokpuError(f"no firmware at {path}: run `make firmware`, or give --firmware FILE")

    def _has_firmware(self, named: Sequence[tuple[str, int, bytes]]) -> bool:
        if any(address == 0 for _, address, _ in named):
            return True
        if self.flash is None or not self.flash.is_file():
            return False
        with self.flash.open("rb") as file:
            return file.read(1) not in (b"", ERASED)


def _refuse_overlap(named: Sequence[tuple[str, int, bytes]]) -> None:
    rows = sorted((address, address + len(content), name) for name, address, content in named)
    for (start, end, name), (after, _, other) in pairwise(rows):
        if after < end:
            raise MicrokpuError(
                f"{name} takes flash {start:#x} to {end:#x}, {other} begins at {after:#x}:"
                " move one of them"
            )


def options_of_url(url: str) -> VirtualOptions:
    """virtual://?firmware=FILE&image=0x300000=FILE&flash=FILE&files=DIR&strict=0, all optional.

    And board=NAME, camera=PICTURE or DIR, sensor=NAME, sd=IMAGE or DIR, sd_keep=1, cache=1.
    """
    parts = urlsplit(url)
    given: Mapping[str, list[str]] = {name: [] for name in URL_OPTIONS}
    if parts.scheme != "virtual" or parts.netloc or parts.path:
        raise UsageError(f"{url!r} is no virtual board: want virtual://?firmware=FILE&...")
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name not in given:
            raise UsageError(f"{url!r} has the option {name!r}: one of {', '.join(given)}")
        given[name].append(value)

    def path(name: str) -> Path | None:
        return Path(given[name][-1]) if given[name] else None

    def switch(name: str, default: bool) -> bool:
        value = given[name][-1] if given[name] else str(int(default))
        if value not in SWITCH:
            raise UsageError(f"{url!r} has {name}={value}: want {name}=1 or {name}=0")
        return SWITCH[value]

    return VirtualOptions(
        firmware=path("firmware"),
        images=tuple(image(text) for text in given["image"]),
        flash=path("flash"),
        files=path("files"),
        strict=switch("strict", True),
        board=(given["board"] or ["maix_dock"])[-1],
        camera=path("camera"),
        sensors=tuple(given["sensor"]),
        sd=path("sd"),
        sd_keep=switch("sd_keep", False),
        cache=switch("cache", False),
    )
