// SPDX-License-Identifier: MIT
// Parts of libjpeg-turbo that are not linked and never chosen with the settings of jpeg.c: choosing one is an error.
#define JPEG_INTERNALS
#include "jinclude.h"
#include "jpeglib.h"

void jinit_merged_upsampler(j_decompress_ptr jpeg) {
    ERREXIT(jpeg, JERR_NOT_COMPILED);
}

void jinit_1pass_quantizer(j_decompress_ptr jpeg) {
    ERREXIT(jpeg, JERR_NOT_COMPILED);
}

void jinit_2pass_quantizer(j_decompress_ptr jpeg) {
    ERREXIT(jpeg, JERR_NOT_COMPILED);
}

void jinit_phuff_encoder(j_compress_ptr jpeg) {
    ERREXIT(jpeg, JERR_NOT_COMPILED);
}
