# SPDX-License-Identifier: MIT
"""Packs a raw image for kflash: package.py FIRMWARE_BIN OUT_KFPKG. Same input, same bytes."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from microkpu.kfpkg import Part, write_kfpkg

# The boot ROM keeps its own data from here on while it loads an image to 0x80000000.
ROM_LIMIT_BYTES = 0x5F8000


def main(image: str, target: str) -> None:
    data = Path(image).read_bytes()
    if len(data) > ROM_LIMIT_BYTES:
        sys.exit(
            f"error: {image} has {len(data)} bytes but the boot ROM loads at most"
            f" {ROM_LIMIT_BYTES}: leave something out"
        )
    write_kfpkg(Path(target), [Part("firmware.bin", 0, data, bootable=True)])


if __name__ == "__main__":
    main(*sys.argv[1:])
