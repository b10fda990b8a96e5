// SPDX-License-Identifier: MIT
// libjpeg-turbo's choice of an inverse DCT, cut down to the accurate integer one at full size.
#define JPEG_INTERNALS
#include "jinclude.h"
#include "jpeglib.h"
#include "jdct.h"

// The quantisation table as the transform's multipliers. A component without a table was never in a scan.
static void start_pass(j_decompress_ptr jpeg) {
    for (int i = 0; i < jpeg->num_components; i++) {
        const jpeg_component_info *component = &jpeg->comp_info[i];
        if (component->quant_table == NULL) {
            continue;
        }
        ISLOW_MULT_TYPE *multipliers = component->dct_table;
        for (int k = 0; k < DCTSIZE2; k++) {
            multipliers[k] = component->quant_table->quantval[k];
        }
    }
}

void jinit_inverse_dct(j_decompress_ptr jpeg) {
    jpeg->idct = jpeg->mem->alloc_small((j_common_ptr)jpeg, JPOOL_IMAGE, sizeof(*jpeg->idct));
    jpeg->idct->start_pass = start_pass;
    for (int i = 0; i < jpeg->num_components; i++) {
        size_t bytes = DCTSIZE2 * sizeof(ISLOW_MULT_TYPE);
        void *table = jpeg->mem->alloc_small((j_common_ptr)jpeg, JPOOL_IMAGE, bytes);
        memset(table, 0, bytes);
        jpeg->comp_info[i].dct_table = table;
        jpeg->idct->inverse_DCT[i] = jpeg_idct_islow;
    }
}
