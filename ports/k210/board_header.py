# SPDX-License-Identifier: MIT
"""Turns board.toml into the #defines that the port needs: board_header.py BOARD_TOML OUT_H."""

import sys
import tomllib
from pathlib import Path

# What the drivers of the parts on the board want of its tables: pads, sizes, rates.
PARTS = {
    "lcd": ("cs", "rst", "dc", "wr", "width", "height", "madctl", "hz"),
    "camera": ("sda", "scl", "rst", "vsync", "pwdn", "href", "xclk", "pclk"),
    "sd": ("sclk", "mosi", "miso", "cs"),
    "leds": ("red", "green", "blue"),
}


def header(board: dict) -> str:
    buttons = board["buttons"]
    banks = sum(1 << bank for bank in board["banks_1v8"])
    lines = {
        "BOARD_NAME": f'"{board["name"]}"',
        "BOARD_BAUD": board["baud"],
        "BOARD_CPU_HZ": board["cpu_hz"],
        "BOARD_CONSOLE_RX": board["console"]["rx"],
        "BOARD_CONSOLE_TX": board["console"]["tx"],
        "BOARD_BANKS_1V8": f"0x{banks:02x}",
    }
    for part, names in PARTS.items():
        lines |= {f"BOARD_{part}_{name}".upper(): board[part][name] for name in names}
    lines |= {f"BOARD_BUTTONS_{name}".upper(): pad for name, pad in buttons.items()}
    if "safe" in board:
        lines["BOARD_SAFE_KEY"] = buttons[board["safe"]]
    defines = "".join(f"#define {name} {value}\n" for name, value in lines.items())
    return f"// Made by board_header.py from the board's board.toml.\n{defines}"


def main(source: str, target: str) -> None:
    text = header(tomllib.loads(Path(source).read_text()))
    out = Path(target)
    if not out.exists() or out.read_text() != text:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
