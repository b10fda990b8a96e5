# SPDX-License-Identifier: MIT
# Module KPU: the binding (kpu_*.c, modkpu.c) and the model runtime (kmodel_*.c), which the host compiles too.
SRC_USERMOD_C += $(wildcard $(USERMOD_DIR)/*.c)

# The host agrees to the bit, so no fused multiply-add; square roots are an instruction.
KMODEL_C := $(patsubst $(USER_C_MODULES)/%.c,%.o,$(wildcard $(USERMOD_DIR)/kmodel_*.c))
$(addprefix $(BUILD)/,$(KMODEL_C)): CFLAGS += -ffp-contract=off -fno-math-errno
