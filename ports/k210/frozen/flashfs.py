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


def mount():
    device = Flash()
    try:
        files = _open(device)
    except OSError:
        files = None
    if files is None and not device.blank():
        raise OSError(
            "its part of the flash holds something that is not littlefs; nothing was changed."
            " To make a new file system over it: import flashfs; flashfs.format()"
        )
    vfs.mount(files or _make(device), POINT)


def format():
    try:
        vfs.umount(POINT)
    except OSError:
        pass  # it was not mounted
    vfs.mount(_make(Flash()), POINT)
