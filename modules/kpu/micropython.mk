# SPDX-License-Identifier: MIT
# Module KPU: the binding (kpu_*.c, modkpu.c) and the model runtime (kmodel*.c), which the host compiles too.
# KMODEL_V4=0 leaves V4 out; KMODEL_COPY_BY_CPU=1 copies results out of AI RAM instead of streaming them.
KMODEL_V4 ?= 1
KMODEL_COPY_BY_CPU ?= 0
KPU_C := $(wildcard $(USERMOD_DIR)/*.c)
ifeq ($(KMODEL_V4),0)
KPU_C := $(filter-out $(wildcard $(USERMOD_DIR)/kmodel4_*.c),$(KPU_C))
endif
SRC_USERMOD_C += $(KPU_C)
CFLAGS_USERMOD += -DKMODEL_V4=$(KMODEL_V4) -DKMODEL_COPY_BY_CPU=$(KMODEL_COPY_BY_CPU)

# The host agrees to the bit, so no fused multiply-add; square roots are an instruction.
KMODEL_C := $(patsubst $(USER_C_MODULES)/%.c,%.o,$(wildcard $(USERMOD_DIR)/kmodel*.c $(USERMOD_DIR)/kpu_fmap*.c))
$(addprefix $(BUILD)/,$(KMODEL_C)): CFLAGS += -ffp-contract=off -fno-math-errno
