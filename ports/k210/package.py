# SPDX-License-Identifier: MIT
"""Packs a raw image for kflash: package.py FIRMWARE_BIN OUT_KFPKG. Same input, same bytes."""

import sys
import zipfile
from pathlib import Path

# The boot ROM keeps its own data from here on while it loads an image to 0x80000000.
ROM_LIMIT_BYTES = 0x5F8000

# kflash reads this line by line: `address` must stand alone on its line, a comma behind it.
LIST = """{
  "version": "0.1.0",
  "files": [
    {
      "address": 0x00000000,
      "bin": "firmware.bin",
      "sha256Prefix": true
    }
  ]
}
"""


def main(image: str, target: str) -> None:
    data = Path(image).read_bytes()
    if len(data) > ROM_LIMIT_BYTES:
        sys.exit(
            f"error: {image} has {len(data)} bytes but the boot ROM loads at most"
            f" {ROM_LIMIT_BYTES}: leave something out"
        )
    with zipfile.ZipFile(target, "w") as package:
        for name, content in (("flash-list.json", LIST.encode()), ("firmware.bin", data)):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            package.writestr(entry, content)


if __name__ == "__main__":
    main(*sys.argv[1:])
