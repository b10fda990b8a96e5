# SPDX-License-Identifier: MIT
# Module image: our files, and the decoder of libjpeg-turbo from the directory that LIBJPEG_DIR names.
IMAGE_MODULE := $(USERMOD_DIR)

SRC_USERMOD_C += $(addprefix $(IMAGE_MODULE)/, \
	modimage.c image_obj.c image_load.c image_args.c image_pixel.c image_size.c image_view.c \
	pixels.c resize.c picture.c bmp.c jpeg.c \
	jpeg/memory.c jpeg/idct.c jpeg/color.c jpeg/absent.c)

# Colour conversion, inverse DCT, memory and error texts are ours or left out: jpeg/ and jpeg.c.
LIBJPEG_C = jcomapi.c jdapimin.c jdapistd.c jdcoefct.c jdhuff.c jdinput.c jdmainct.c jdmarker.c jdmaster.c jdphuff.c \
	jdpostct.c jdsample.c jidctint.c jmemmgr.c jsimd_none.c jutils.c
SRC_USERMOD_LIB_C += $(addprefix $(notdir $(LIBJPEG_DIR))/,$(LIBJPEG_C))

CFLAGS_USERMOD += -I$(IMAGE_MODULE)/jpeg -I$(LIBJPEG_DIR)
