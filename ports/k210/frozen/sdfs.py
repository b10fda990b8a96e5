# SPDX-License-Identifier: MIT
# The file system /sd: FAT on the card in the slot. An empty slot is not worth a word.
import errno

import vfs

POINT = "/sd"


def mount():
    if not hasattr(vfs, "VfsFat"):
        return False
    from machine import SDCard

    try:
        card = SDCard()
    except OSError as error:
        if error.errno == errno.ENODEV:
            return False
        raise
    try:
        vfs.mount(vfs.VfsFat(card), POINT)
        return True
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise
    raise OSError("%s holds no FAT file system: format it as FAT32" % card)
