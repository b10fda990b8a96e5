# SPDX-License-Identifier: MIT
# Module sensor: the binding, the frames' memory, and a file for each kind of sensor.
SRC_USERMOD_C += $(wildcard $(USERMOD_DIR)/*.c)
