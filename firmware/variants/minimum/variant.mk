# SPDX-License-Identifier: MIT
# The largest room for models: all of it for size; mpconfigvariant.h says which modules and classes are left out.
MICROPY_VFS_FAT = 1
MICROPY_VFS_LFS2 = 1
MICROPY_ROM_TEXT_COMPRESSION = 1
FROZEN_MANIFEST = $(VARIANT_DIR)/manifest.py
PORT_C_WITHOUT = $(addprefix ports/k210/,machine_bitstream.c machine_spi.c modcryptolib.c)
PORT_C_WITH = ports/k210/absent.c
COPT = $(COPT_COLD)
COPT_HOT = $(COPT_COLD)
# What upstream makes faster than the rest, with flags of its own.
CSUPEROPT = -Os
IMAGE_FULL = 0
KMODEL_V4 = 0
