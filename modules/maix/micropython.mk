# SPDX-License-Identifier: MIT
# Module _maix: what the frozen module Maix needs of the chip.
SRC_USERMOD_C += $(wildcard $(USERMOD_DIR)/*.c)
