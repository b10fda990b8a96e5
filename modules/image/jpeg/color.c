// SPDX-License-Identifier: MIT
// libjpeg-turbo's colour conversion, cut down to what an image can hold: grey to grey, YCbCr and RGB to RGB565.
#define JPEG_INTERNALS
#include "jinclude.h"
#include "jpeglib.h"

#include "../pixels.h"

// JFIF's factors in 1/65536; the rounding is the library's, so that the eight-bit colours are the same as everywhere.
#define CR_TO_R (91881)
#define CB_TO_G (22554)
#define CR_TO_G (46802)
#define CB_TO_B (116130)
#define HALF (32768)

static void gray_to_gray(j_decompress_ptr jpeg, JSAMPIMAGE in, JDIMENSION row, JSAMPARRAY out, int rows) {
    for (int i = 0; i < rows; i++) {
        memcpy(out[i], in[0][row + i], jpeg->output_width);
    }
}

static void rgb_to_rgb565(j_decompress_ptr jpeg, JSAMPIMAGE in, JDIMENSION row, JSAMPARRAY out, int rows) {
    for (int i = 0; i < rows; i++, row++) {
        uint16_t *pixels = (uint16_t *)out[i];
        for (JDIMENSION x = 0; x < jpeg->output_width; x++) {
            pixels[x] = pixels_pack565(in[0][row][x], in[1][row][x], in[2][row][x]);
        }
    }
}

static void ycc_to_rgb565(j_decompress_ptr jpeg, JSAMPIMAGE in, JDIMENSION row, JSAMPARRAY out, int rows) {
    const JSAMPLE *clamped = jpeg->sample_range_limit;
    for (int i = 0; i < rows; i++, row++) {
        const JSAMPLE *luma = in[0][row];
        const JSAMPLE *blue = in[1][row];
        const JSAMPLE *red = in[2][row];
        uint16_t *pixels = (uint16_t *)out[i];
        for (JDIMENSION x = 0; x < jpeg->output_width; x++) {
            int y = luma[x];
            int cb = blue[x] - CENTERJSAMPLE;
            int cr = red[x] - CENTERJSAMPLE;
            pixels[x] = pixels_pack565(clamped[y + ((CR_TO_R * cr + HALF) >> 16)],
                clamped[y + ((HALF - CB_TO_G * cb - CR_TO_G * cr) >> 16)],
                clamped[y + ((CB_TO_B * cb + HALF) >> 16)]);
        }
    }
}

static void start_pass(j_decompress_ptr jpeg) {
    (void)jpeg;
}

void jinit_color_deconverter(j_decompress_ptr jpeg) {
    jpeg->cconvert = jpeg->mem->alloc_small((j_common_ptr)jpeg, JPOOL_IMAGE, sizeof(*jpeg->cconvert));
    jpeg->cconvert->start_pass = start_pass;
    jpeg->cconvert->color_convert = jpeg->jpeg_color_space == JCS_GRAYSCALE ? gray_to_gray
        : jpeg->jpeg_color_space == JCS_RGB ? rgb_to_rgb565 : ycc_to_rgb565;
    jpeg->output_components = jpeg->out_color_components = jpeg->jpeg_color_space == JCS_GRAYSCALE ? 1 : 3;
}
