# SPDX-License-Identifier: MIT
"""The display."""

from collections.abc import Sequence
from typing import overload

from image import Image

_Color = int | tuple[int, int, int] | list[int]

BLACK: int
BLUE: int
CYAN: int
DARKCYAN: int
DARKGREEN: int
DARKGREY: int
GREEN: int
GREENYELLOW: int
LIGHTGREY: int
MAGENTA: int
MAROON: int
NAVY: int
OLIVE: int
ORANGE: int
PINK: int
PURPLE: int
RED: int
WHITE: int
YELLOW: int
XY_LRDU: int
XY_LRUD: int
XY_RLDU: int
XY_RLUD: int
YX_LRDU: int
YX_LRUD: int
YX_RLDU: int
YX_RLUD: int

def init(
    type: int = 1,
    freq: int = 15000000,
    color: _Color = 0,
    width: int = -1,
    height: int = -1,
    invert: int = -1,
    offset_w0: int = 0,
    offset_h0: int = 0,
    offset_w1: int = -1,
    offset_h1: int = 0,
    rst: int = ...,
    dcx: int = ...,
    ss: int = ...,
    clk: int = ...,
    *,
    lcd_type: int = 0,
) -> None: ...
def deinit() -> None: ...
def display(
    image: Image,
    roi: tuple[int, int, int, int] | None = None,
    oft: tuple[int, int] | None = None,
) -> None: ...
@overload
def clear(color: _Color = 0) -> None: ...
@overload
def clear(r: int, g: int, b: int, /) -> None: ...
def fill_rectangle(x: int, y: int, w: int, h: int, color: _Color = 0, /) -> None: ...
def draw_string(x: int, y: int, text: str, fg: _Color = ..., bg: _Color = 0, /) -> None: ...
def rotation(quarters: int = ..., /) -> int: ...
def mirror(on: bool = ..., /) -> int: ...
def direction(way: int, /) -> None: ...
def bgr_to_rgb(on: bool, /) -> None: ...
def width() -> int: ...
def height() -> int: ...
def type() -> int | None: ...
def freq(hz: int = ..., /) -> int: ...
def register(number: int, value: int | Sequence[int], /) -> None: ...
def set_backlight(percent: int, /) -> None: ...
def get_backlight() -> int: ...
