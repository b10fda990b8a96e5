// SPDX-License-Identifier: MIT
// libjpeg-turbo's choice of a forward DCT, cut down to the accurate integer one, and the quantisation of its results.
#include <stdint.h>

#define JPEG_INTERNALS
#include "jinclude.h"
#include "jpeglib.h"
#include "jdct.h"

// Division by d as a multiplication: exact for what a transform gives (below 2^17) and for d below 2^15.
typedef struct {
    uint32_t divisor, reciprocal; // 2^32 / d, rounded up
} quantum_t;

typedef struct {
    struct jpeg_forward_dct dct; // first: the library gets its address
    quantum_t quanta[NUM_QUANT_TBLS][DCTSIZE2];
} transform_t;

// The transform's results are eight times too large.
static void start_pass(j_compress_ptr jpeg) {
    transform_t *transform = (transform_t *)jpeg->fdct;
    for (int i = 0; i < jpeg->num_components; i++) {
        int table = jpeg->comp_info[i].quant_tbl_no;
        for (int k = 0; k < DCTSIZE2; k++) {
            uint32_t divisor = jpeg->quant_tbl_ptrs[table]->quantval[k] * 8;
            transform->quanta[table][k] = (quantum_t) { divisor, ((uint64_t)1 << 32) / divisor + 1 };
        }
    }
}

static inline JCOEF quantised(DCTELEM value, quantum_t by) {
    uint32_t size = (value < 0 ? -value : value) + by.divisor / 2;
    int steps = (uint64_t)size * by.reciprocal >> 32;
    return value < 0 ? -steps : steps;
}

static void forward_dct(j_compress_ptr jpeg, jpeg_component_info *component, JSAMPARRAY samples, JBLOCKROW blocks,
    JDIMENSION row, JDIMENSION column, JDIMENSION count) {
    const quantum_t *quanta = ((transform_t *)jpeg->fdct)->quanta[component->quant_tbl_no];
    for (JDIMENSION block = 0; block < count; block++, column += DCTSIZE) {
        DCTELEM work[DCTSIZE2];
        for (int y = 0; y < DCTSIZE; y++) {
            for (int x = 0; x < DCTSIZE; x++) {
                work[y * DCTSIZE + x] = samples[row + y][column + x] - CENTERJSAMPLE;
            }
        }
        jpeg_fdct_islow(work);
        for (int k = 0; k < DCTSIZE2; k++) {
            blocks[block][k] = quantised(work[k], quanta[k]);
        }
    }
}

void jinit_forward_dct(j_compress_ptr jpeg) {
    transform_t *transform = jpeg->mem->alloc_small((j_common_ptr)jpeg, JPOOL_IMAGE, sizeof(*transform));
    transform->dct = (struct jpeg_forward_dct) { start_pass, forward_dct };
    jpeg->fdct = &transform->dct;
}
