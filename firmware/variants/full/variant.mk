# SPDX-License-Identifier: MIT
# Everything.
MICROPY_VFS_FAT = 1
MICROPY_VFS_LFS2 = 1
FROZEN_MANIFEST = $(ROOT)/firmware/variants/full/manifest.py
