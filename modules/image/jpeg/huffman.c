// SPDX-License-Identifier: MIT
// Huffman coding of baseline blocks in place of libjpeg-turbo's, which is unrolled for speed into more than 100 KiB.
//
// A coefficient is its class, the count of its bits, coded together with the zeros before it, and then the bits.
#include <stdint.h>

#define JPEG_INTERNALS
#include "jinclude.h"
#include "jpeglib.h"

#define TABLES (2)
#define ZEROS_16 (0xF0) // sixteen zeros and on
#define END_OF_BLOCK (0x00)

typedef struct {
    uint16_t code[256];
    uint8_t bits[256];
} codes_t;

typedef struct {
    struct jpeg_entropy_encoder entropy; // first: the library gets its address
    codes_t dc[TABLES], ac[TABLES];
    int last_dc[MAX_COMPS_IN_SCAN];
    uint64_t pending; // bits not written yet, the newest lowest
    int pending_bits;
} encoder_t;

// The codes of each length count on from those of the length before, doubled.
static void make_codes(codes_t *codes, const JHUFF_TBL *table) {
    memset(codes, 0, sizeof(*codes));
    int symbol = 0;
    int code = 0;
    for (int bits = 1; bits <= 16; bits++, code <<= 1) {
        for (int i = 0; i < table->bits[bits]; i++, symbol++) {
            codes->code[table->huffval[symbol]] = code++;
            codes->bits[table->huffval[symbol]] = bits;
        }
    }
}

static void start_pass(j_compress_ptr jpeg, boolean gather_statistics) {
    (void)gather_statistics;
    encoder_t *encoder = (encoder_t *)jpeg->entropy;
    for (int i = 0; i < TABLES; i++) {
        make_codes(&encoder->dc[i], jpeg->dc_huff_tbl_ptrs[i]);
        make_codes(&encoder->ac[i], jpeg->ac_huff_tbl_ptrs[i]);
    }
}

static void put_byte(j_compress_ptr jpeg, int byte) {
    struct jpeg_destination_mgr *to = jpeg->dest;
    *to->next_output_byte++ = byte;
    if (--to->free_in_buffer == 0) {
        to->empty_output_buffer(jpeg);
    }
}

// 0xFF begins a marker, unless a zero follows.
static void put_bits(j_compress_ptr jpeg, uint32_t value, int bits) {
    encoder_t *encoder = (encoder_t *)jpeg->entropy;
    encoder->pending = encoder->pending << bits | value;
    encoder->pending_bits += bits;
    while (encoder->pending_bits >= 8) {
        encoder->pending_bits -= 8;
        int byte = encoder->pending >> encoder->pending_bits & 0xFF;
        put_byte(jpeg, byte);
        if (byte == 0xFF) {
            put_byte(jpeg, 0);
        }
    }
}

static void put_symbol(j_compress_ptr jpeg, const codes_t *codes, int symbol) {
    put_bits(jpeg, codes->code[symbol], codes->bits[symbol]);
}

static int class_of(int value) {
    int size = value < 0 ? -value : value;
    return size == 0 ? 0 : 32 - __builtin_clz(size);
}

// A negative value's bits are those of one less.
static void put_value(j_compress_ptr jpeg, int value, int bits) {
    put_bits(jpeg, (value < 0 ? value - 1 : value) & ((1 << bits) - 1), bits);
}

static void put_block(j_compress_ptr jpeg, const JCOEF *block, int dc_difference, const codes_t *dc,
    const codes_t *ac) {
    int bits = class_of(dc_difference);
    put_symbol(jpeg, dc, bits);
    put_value(jpeg, dc_difference, bits);
    int zeros = 0;
    for (int k = 1; k < DCTSIZE2; k++) {
        int value = block[jpeg_natural_order[k]];
        if (value == 0) {
            zeros++;
            continue;
        }
        for (; zeros > 15; zeros -= 16) {
            put_symbol(jpeg, ac, ZEROS_16);
        }
        bits = class_of(value);
        put_symbol(jpeg, ac, zeros << 4 | bits);
        put_value(jpeg, value, bits);
        zeros = 0;
    }
    if (zeros > 0) {
        put_symbol(jpeg, ac, END_OF_BLOCK);
    }
}

static boolean encode_mcu(j_compress_ptr jpeg, JBLOCKROW *blocks) {
    encoder_t *encoder = (encoder_t *)jpeg->entropy;
    for (int i = 0; i < jpeg->blocks_in_MCU; i++) {
        int member = jpeg->MCU_membership[i];
        const jpeg_component_info *component = jpeg->cur_comp_info[member];
        int dc = blocks[i][0][0];
        put_block(jpeg, blocks[i][0], dc - encoder->last_dc[member], &encoder->dc[component->dc_tbl_no],
            &encoder->ac[component->ac_tbl_no]);
        encoder->last_dc[member] = dc;
    }
    return TRUE;
}

static void finish_pass(j_compress_ptr jpeg) {
    put_bits(jpeg, 0x7F, 7); // fills the last byte; what is left over stays behind
}

void jinit_huff_encoder(j_compress_ptr jpeg) {
    encoder_t *encoder = jpeg->mem->alloc_small((j_common_ptr)jpeg, JPOOL_IMAGE, sizeof(*encoder));
    memset(encoder, 0, sizeof(*encoder));
    encoder->entropy = (struct jpeg_entropy_encoder) { start_pass, encode_mcu, finish_pass };
    jpeg->entropy = &encoder->entropy;
}
