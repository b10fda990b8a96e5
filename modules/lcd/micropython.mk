# SPDX-License-Identifier: MIT
# Module lcd: the binding and the driver of the display.
SRC_USERMOD_C += $(wildcard $(USERMOD_DIR)/*.c)
