// SPDX-License-Identifier: MIT
// libjpeg-turbo's colour conversion of what it compresses, cut down to an image's formats: grey, and RGB565 to YCbCr.
#define JPEG_INTERNALS
#include "jinclude.h"
#include "jpeglib.h"

#include "../pixels.h"

// JFIF's factors in 1/65536; the rounding is the library's, so that the file is the one that a PC would write.
#define R_TO_CB (11059)
#define G_TO_CB (21709)
#define G_TO_CR (27439)
#define B_TO_CR (5329)
#define MOST (32768) // B to Cb, R to Cr
#define CENTRE ((CENTERJSAMPLE << 16) + 32767)

static void from_gray(j_compress_ptr jpeg, JSAMPARRAY in, JSAMPIMAGE out, JDIMENSION row, int rows) {
    for (int i = 0; i < rows; i++) {
        memcpy(out[0][row + i], in[i], jpeg->image_width);
    }
}

static void from_rgb565(j_compress_ptr jpeg, JSAMPARRAY in, JSAMPIMAGE out, JDIMENSION row, int rows) {
    for (int i = 0; i < rows; i++, row++) {
        const uint16_t *pixels = (const uint16_t *)in[i];
        for (JDIMENSION x = 0; x < jpeg->image_width; x++) {
            int r = pixels_r8(pixels[x]);
            int g = pixels_g8(pixels[x]);
            int b = pixels_b8(pixels[x]);
            out[0][row][x] = pixels_luma(r, g, b);
            out[1][row][x] = (MOST * b - R_TO_CB * r - G_TO_CB * g + CENTRE) >> 16;
            out[2][row][x] = (MOST * r - G_TO_CR * g - B_TO_CR * b + CENTRE) >> 16;
        }
    }
}

static void start_pass(j_compress_ptr jpeg) {
    (void)jpeg;
}

void jinit_color_converter(j_compress_ptr jpeg) {
    jpeg->cconvert = jpeg->mem->alloc_small((j_common_ptr)jpeg, JPOOL_IMAGE, sizeof(*jpeg->cconvert));
    jpeg->cconvert->start_pass = start_pass;
    jpeg->cconvert->color_convert = jpeg->in_color_space == JCS_GRAYSCALE ? from_gray : from_rgb565;
}
