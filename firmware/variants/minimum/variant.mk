# SPDX-License-Identifier: MIT
# The largest room for models: no FAT, no asyncio, no threads, no help texts, and images without blobs, statistics and turning.
MICROPY_VFS_FAT = 0
MICROPY_VFS_LFS2 = 1
FROZEN_MANIFEST = $(ROOT)/firmware/variants/minimum/manifest.py
CFLAGS_VARIANT = -DMICROPY_PY_ASYNCIO=0 -DMICROPY_PY_BUILTINS_HELP=0 -DMICROPY_PY_THREAD=0 -DMICROPY_PY_MACHINE_PIN_BASE=0
IMAGE_FULL = 0
