# SPDX-License-Identifier: MIT
"""Sums a linker map by source, in bytes: sizes.py FIRMWARE_MAP [COUNT]."""

import os
import re
import sys
from collections import Counter
from pathlib import Path

KINDS = {"text": "code", "rodata": "const", "srodata": "const", "data": "data", "sdata": "data"}
KINDS |= {"bss": "bss", "sbss": "bss", "init": "code", "trap": "code"}
INPUT = re.compile(r"^ \.(\w+)[^\s]*\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)\s+(\S+)$", re.M)


def source(path: str) -> str:
    """A short name: the archive, or the object's last two folders."""
    archive = re.search(r"([^/]+\.a)\(", path)
    return archive[1] if archive else "/".join(path.split("/")[-3:]).removesuffix(".o")


def main(map_file: str, count: str = "50") -> None:
    text = Path(map_file).read_text().split("Linker script and memory map", 1)[1]
    # A long section name puts the numbers on the next line.
    text = re.sub(r"^( \.\S+)\n\s+(0x)", r"\1 \2", text, flags=re.M)
    sizes: dict[str, Counter[str]] = {}
    for section, address, size, path in INPUT.findall(text):
        kind = KINDS.get(section)
        if kind and int(address, 16) >= 0x80000000 and int(size, 16):
            sizes.setdefault(source(path), Counter())[kind] += int(size, 16)
    kinds = ("code", "const", "data", "bss")
    print(f"{'source':44}" + "".join(f"{kind:>9}" for kind in kinds))
    rows = sorted(sizes.items(), key=lambda row: -row[1].total())
    total: Counter[str] = Counter()
    for _, row in rows:
        total += row
    for name, row in [("total", total), *rows[: int(count)]]:
        print(f"{name:44}" + "".join(f"{row[kind]:9}" for kind in kinds))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # a reader such as head has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
