# SPDX-License-Identifier: MIT
# Module image: our files, and those of libjpeg-turbo that they need from the directory that LIBJPEG_DIR names.
IMAGE_MODULE := $(USERMOD_DIR)

SRC_USERMOD_C += $(addprefix $(IMAGE_MODULE)/, \
	modimage.c image_obj.c image_load.c image_save.c image_file.c image_args.c image_pixel.c image_size.c \
	image_view.c image_draw.c image_tones.c image_warp.c image_conv3.c conv3_layer.c \
	pixels.c resize.c draw.c font.c paste.c tones.c thresholds.c lab.c histogram.c blobs.c warp.c \
	picture.c bmp.c bmp_write.c jpeg.c jpeg_write.c \
	jpeg/memory.c jpeg/idct.c jpeg/fdct.c jpeg/huffman.c jpeg/color.c jpeg/color_in.c jpeg/absent.c)

# A variant may do without finding, measuring, turning, and writing JPEG: IMAGE_FULL = 0 in its variant.mk. What only they
# need of the files above is not linked then.
IMAGE_FULL ?= 1
ifneq ($(IMAGE_FULL),0)
SRC_USERMOD_C += $(addprefix $(IMAGE_MODULE)/, \
	image_thresholds.c image_find.c image_histogram.c image_record.c image_rotation.c image_color.c image_absent.c)
else
SRC_USERMOD_C += $(IMAGE_MODULE)/image_left_out.c
endif

# Colour conversion, Huffman encoder, the DCTs' management, memory and error texts are ours or left out: jpeg/ and jpeg*.c.
LIBJPEG_C = jcapimin.c jcapistd.c jccoefct.c jcinit.c jcmainct.c jcmarker.c jcmaster.c jcomapi.c jcparam.c \
	jcprepct.c jcsample.c jdapimin.c jdapistd.c jdcoefct.c jdhuff.c jdinput.c jdmainct.c jdmarker.c jdmaster.c jdphuff.c \
	jdpostct.c jdsample.c jfdctint.c jidctint.c jmemmgr.c jsimd_none.c jutils.c
SRC_USERMOD_LIB_C += $(addprefix $(notdir $(LIBJPEG_DIR))/,$(LIBJPEG_C))

CFLAGS_USERMOD += -DIMAGE_FULL=$(IMAGE_FULL) -I$(IMAGE_MODULE)/jpeg -I$(LIBJPEG_DIR)
