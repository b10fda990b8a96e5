# SPDX-License-Identifier: MIT
"""Where the project's data lie: in a checkout, or in the package that a wheel has installed."""

from __future__ import annotations

from pathlib import Path

# What a wheel carries; setup.py puts it there, a checkout has none.
CARRIED = Path(__file__).resolve().parent / "carried"
ROOT = Path(__file__).resolve().parents[2]


def in_checkout() -> bool:
    """Whether this is the project's own tree, which builds what a wheel carries."""
    return not CARRIED.is_dir()


def firmware(board: str, variant: str = "full") -> Path:
    """The raw image of a board."""
    if in_checkout():
        return ROOT / "build" / f"{board}-{variant}" / "firmware.bin"
    return CARRIED / "firmware" / f"{board}-{variant}.bin"


def boards() -> Path:
    """The folder with NAME/board.toml for each board."""
    return (ROOT / "firmware" if in_checkout() else CARRIED) / "boards"


def examples() -> Path:
    """The folder of device scripts."""
    return (ROOT if in_checkout() else CARRIED) / "examples"


def models() -> Path:
    """The folder of the demos' models and pictures: digits/, detector/."""
    return ROOT / "build" if in_checkout() else CARRIED / "models"


def stubs() -> Path:
    """The folder of the board's modules for type checkers."""
    return Path(__file__).resolve().parent / "stubs"
