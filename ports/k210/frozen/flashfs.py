# SPDX-License-Identifier: MIT
# The file system /flash: littlefs in the end of the SPI flash. A blank area is formatted, anything
# else is left alone.
import vfs
from k210 import Flash

POINT = "/flash"


def _open(device):
    # One page is what the chip programs at once; 96 bytes of lookahead cover all 768 blocks.
    return vfs.VfsLfs2(device, progsize=256, lookahead=96)


def _make(device):
    vfs.VfsLfs2.mkfs(device, progsize=256, lookahead=96)
    return _open(device)


def _what_is(device):
    # SPIFFS, MaixPy's, begins each block with the numbers of its pages' files, and each page repeats its own.
    head = bytearray(32)
    page = bytearray(2)
    for block in range(8):
        device.readblocks(block, head, 0)
        found = 0
        for index in range(15):
            number = head[2 * index : 2 * index + 2]
            if number in (b"\xff\xff", b"\0\0"):
                continue
            device.readblocks(block, page, 256 * (index + 1))
            found += 1 if page == number else -16
        if found > 0:
            return "a SPIFFS file system, as MaixPy makes it"
    return "something that is not littlefs"


def mount():
    device = Flash()
    try:
        files = _open(device)
    except OSError:
        files = None
    if files is None and not device.blank():
        raise OSError(
            "its part of the flash holds "
            + _what_is(device)
            + "; nothing was changed."
            + " To make a new file system over it: import flashfs; flashfs.format()"
        )
    vfs.mount(files or _make(device), POINT)


def format():
    try:
        vfs.umount(POINT)
    except OSError:
        pass  # it was not mounted
    vfs.mount(_make(Flash()), POINT)
