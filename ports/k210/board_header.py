# SPDX-License-Identifier: MIT
"""Turns board.toml into the #defines that the port needs: board_header.py BOARD_TOML OUT_H."""

import sys
import tomllib
from pathlib import Path

# What the drivers of the parts on the board want of its tables: pads, sizes, rates.
PARTS = {
    "lcd": (
        "cs", "rst", "dc", "wr", "data", "width", "height", "first_column", "first_row",
        "invert", "madctl", "hz",
    ),
    "camera": ("sda", "scl", "rst", "vsync", "pwdn", "href", "xclk", "pclk"),
    "sd": ("sclk", "mosi", "miso", "cs"),
}  # fmt: skip
# What most boards have alike.
USUAL = {"lcd": {"data": 0xFF, "first_column": 0, "first_row": 0, "invert": False}}
# The names by which scripts know pads.
PADS = {
    "leds": {"red": "LED_R", "green": "LED_G", "blue": "LED_B", "white": "LED_W"},
    "buttons": {"boot": "BOOT_KEY", "a": "BUTTON_A", "b": "BUTTON_B"},
}
MEMORY = (240, 320)  # of a display's controller, columns and rows
SWAPPED = 0x20  # MADCTL: the picture's rows are the memory's columns


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
        table = USUAL.get(part, {}) | board[part]
        lines |= {f"BOARD_{part}_{name}".upper(): int(table[name]) for name in names}
    lines |= glass_ends(USUAL["lcd"] | board["lcd"])
    for part in PADS:
        lines |= {f"BOARD_{part}_{name}".upper(): pad for name, pad in board[part].items()}
    pads = (f"X({PADS[part][name]}, {pad})" for part in PADS for name, pad in board[part].items())
    lines["BOARD_PADS(X)"] = " ".join(pads)
    if "safe" in board:
        lines["BOARD_SAFE_KEY"] = buttons[board["safe"]]
    lines |= power(board["power"]) if "power" in board else {}
    defines = "".join(f"#define {name} {value}\n" for name, value in lines.items())
    return f"// Made by board_header.py from the board's board.toml.\n{defines}"


def glass_ends(lcd: dict) -> dict:
    """What lies behind the glass in the controller's memory, for addresses that run backwards."""
    swapped = lcd["madctl"] & SWAPPED
    columns, rows = lcd["width"], lcd["height"]
    if swapped:
        columns, rows = rows, columns
    return {
        "BOARD_LCD_LAST_COLUMN": MEMORY[0] - lcd["first_column"] - columns,
        "BOARD_LCD_LAST_ROW": MEMORY[1] - lcd["first_row"] - rows,
    }


def power(chip: dict) -> dict:
    writes = ", ".join(
        f"{{ 0x{register:02x}, 0x{value:02x} }}" for register, value in chip["writes"]
    )
    names = ("scl", "sda", "address", "settle_ms")
    return {f"BOARD_POWER_{name}".upper(): chip[name] for name in names} | {
        "BOARD_POWER_WRITES": f"{{ {writes} }}"
    }


def main(source: str, target: str) -> None:
    text = header(tomllib.loads(Path(source).read_text()))
    out = Path(target)
    if not out.exists() or out.read_text() != text:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
