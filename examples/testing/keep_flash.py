# SPDX-License-Identifier: MIT
"""Keeps a board's flash, read at our firmware's prompt, as a package that kflash puts back.

keep_flash.py PORT OUT.kfpkg [BYTES]: half an hour for 16 MiB at 115200 baud.
"""

import sys
from pathlib import Path

from microkpu import board
from microkpu.kfpkg import Part, write_kfpkg
from tqdm import tqdm

PIECE = 65536


def main(port: str, out: str, size: str = "0x1000000") -> None:
    kept = bytearray()
    with board.open(port) as remote, tqdm(total=int(size, 0), unit="B", unit_scale=True) as bar:
        remote.exec(f"import k210\npiece = bytearray({PIECE})")
        while len(kept) < int(size, 0):
            remote.exec(f"k210.Flash({len(kept)}, {PIECE}).readblocks(0, piece)")
            kept += remote.get_buffer("piece")
            bar.update(PIECE)
    # The image in it has its header already, so nothing is to be put before it.
    write_kfpkg(Path(out), [Part("flash.bin", 0, bytes(kept), bootable=False)])
    print(f"{len(kept)} bytes in {out}")


if __name__ == "__main__":
    main(*sys.argv[1:])
