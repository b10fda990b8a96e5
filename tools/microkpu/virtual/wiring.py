# SPDX-License-Identifier: MIT
"""What hangs on which pad of the boards in the field: display, camera, card slot, keys, LEDs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from microkpu.errors import UsageError

PADS = 48
BOOT_PAD = 16  # low at reset asks the ROM for its ISP mode
CONSOLE_PADS = (4, 5)  # into the chip, out of it


@dataclass(frozen=True)
class LcdWiring:
    """A panel: pads, glass and how it is mounted. `data` is the pad of a one-line panel.

    `columns` and `rows` are the glass as its controller counts, `madctl` the setting with which a
    picture stands upright on this board.
    """

    cs: int
    dc: int
    wr: int
    rst: int | None = None
    data: int | None = None
    columns: int = 240
    rows: int = 320
    first_column: int = 0
    first_row: int = 0
    memory: tuple[int, int] = (240, 320)
    madctl: int = 0x60
    inverted: bool = False


@dataclass(frozen=True)
class CameraWiring:
    sda: int = 40
    scl: int = 41
    rst: int = 42
    vsync: int = 43
    pwdn: int = 44
    href: int = 45
    xclk: int = 46
    pclk: int = 47


@dataclass(frozen=True)
class SdWiring:
    sclk: int = 27
    mosi: int = 28
    miso: int = 26
    cs: int = 29


@dataclass(frozen=True)
class I2cWiring:
    """Devices soldered to two pads, by the names that board.py knows.

    `irq` is the pad of the touch controller's interrupt line.
    """

    scl: int
    sda: int
    devices: tuple[str, ...]
    irq: int | None = None


SIPEED_LCD = LcdWiring(cs=36, rst=37, dc=38, wr=39)


@dataclass(frozen=True)
class Wiring:
    """A board. LEDs are lit and keys pressed at low level; `sensors` are its cameras.

    `lines` says how its serial adapter's DTR and RTS reach reset and pad 16: see reset_lines.py.
    """

    name: str
    banks_1v8: tuple[int, ...] = (6, 7)
    lcd: LcdWiring = SIPEED_LCD
    camera: CameraWiring = CameraWiring()
    sd: SdWiring = SdWiring()
    leds: Mapping[str, int] = field(default_factory=lambda: {"red": 13, "green": 12, "blue": 14})
    buttons: Mapping[str, int] = field(default_factory=lambda: {"boot": BOOT_PAD})
    sensors: tuple[str, ...] = ("ov2640",)
    i2c: tuple[I2cWiring, ...] = ()
    lines: str = "dan"


_KD233_CAMERA = CameraWiring(sda=9, scl=10, rst=11, vsync=12, pwdn=13, xclk=14, pclk=15, href=17)
_CAMERA_BESIDE_LCD = SdWiring(sclk=29, mosi=30, miso=31, cs=32)
_ALL = (
    Wiring("maix_dock", leds={"red": 14, "green": 13, "blue": 12}),
    Wiring("maix_bit"),
    Wiring("maix_go", lines="kd233", buttons={"boot": BOOT_PAD, "up": 15, "down": 17}),
    Wiring("maixduino", lines="kd233"),
    Wiring(
        "maix_cube",
        lines="kd233",
        lcd=replace(SIPEED_LCD, rows=240, inverted=True),
        buttons={"boot": BOOT_PAD, "a": 10, "c": 11},
        sensors=("ov7740",),
        i2c=(I2cWiring(30, 31, ("pmu",)),),
    ),
    Wiring(
        "maix_amigo",
        lines="kd233",
        lcd=replace(SIPEED_LCD, columns=320, rows=480, memory=(320, 480), madctl=0x28),
        sd=SdWiring(sclk=11, mosi=10, miso=6, cs=26),
        leds={"red": 14, "green": 15, "blue": 17},
        buttons={"boot": BOOT_PAD, "next": 20, "back": 23},
        sensors=("ov7740", "gc0328"),
        i2c=(I2cWiring(24, 27, ("pmu", "touch"), irq=33),),
    ),
    Wiring(
        "m5stickv",
        lines="kd233",
        lcd=LcdWiring(
            cs=22, rst=21, dc=20, wr=19, data=18, columns=135, first_column=52,
            rows=240, first_row=40, inverted=True,
        ),
        sd=SdWiring(sclk=30, mosi=33, miso=31, cs=32),
        leds={"red": 6, "white": 7, "blue": 8, "green": 9},
        buttons={"a": 36, "b": 37},
        sensors=("ov7740",),
        i2c=(I2cWiring(28, 29, ("pmu",)),),
    ),
    Wiring(
        "yahboom",
        lines="kd233",
        lcd=LcdWiring(cs=30, rst=23, dc=31, wr=28, inverted=True),
        sd=SdWiring(sclk=32, mosi=35, miso=33, cs=34),
        leds={},
        buttons={"boot": BOOT_PAD, "c": 17},
        i2c=(I2cWiring(24, 25, ("touch",), irq=22),),
    ),
    Wiring(
        "wonder_mv",
        lines="kd233",
        banks_1v8=(1, 2),
        lcd=LcdWiring(cs=6, rst=21, dc=8, wr=7, inverted=True),
        camera=replace(_KD233_CAMERA, sda=9, scl=10),
        sd=_CAMERA_BESIDE_LCD,
        leds={"white": 25},
        buttons={"boot": BOOT_PAD, "a": 26, "b": 47},
        i2c=(I2cWiring(18, 19, ("touch",), irq=41),),
    ),
    Wiring(
        "kd233",
        lines="kd233",
        banks_1v8=(1, 2),
        lcd=LcdWiring(cs=6, dc=8, wr=7, madctl=0x28),
        camera=_KD233_CAMERA,
        sd=_CAMERA_BESIDE_LCD,
        leds={"l0": 24, "l1": 25},
        buttons={"boot": BOOT_PAD, "key0": 26},
        sensors=("ov5640", "ov2640"),
    ),
)  # fmt: skip
WIRINGS = {wiring.name: wiring for wiring in _ALL}


def check_pad(pad: int) -> None:
    """Refuses a pad that the chip does not have."""
    if not 0 <= pad < PADS:
        raise UsageError(f"there is no pad {pad}: want 0 to {PADS - 1}")


def wiring_of(name: str) -> Wiring:
    if name not in WIRINGS:
        raise UsageError(f"no board {name!r} is known: one of {', '.join(WIRINGS)}")
    return WIRINGS[name]
