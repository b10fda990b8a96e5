// SPDX-License-Identifier: MIT
// JPEG by libjpeg-turbo: baseline, extended and progressive, grey or colour, row by row into the picture's own place.
//
// The decoded colours are those of any libjpeg on a PC (accurate integer DCT, fancy upsampling), then the low bits are
// dropped. A file that ends early or whose data does not decode is refused; one that only lacks its last marker is not.
#include <setjmp.h>
#include <string.h>

#include "jpeg/quiet.h"
#include "jerror.h"

#include "picture.h"

#define INPUT_BYTES (2048)
// Real files have some ten scans; each costs a pass over the whole picture, so a small file could keep us for hours.
#define MAX_SCANS (100)

typedef struct {
    struct jpeg_decompress_struct jpeg; // first: libjpeg's callbacks get its address
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    const picture_io_t *io;
    picture_why_t *why;
    jmp_buf leave;
    int code;
    bool ended;  // the input is over, and libjpeg reads end markers
    size_t read; // bytes
    JOCTET input[INPUT_BYTES];
} decoder_t;

typedef struct {
    int message; // libjpeg's number
    int code;
    const char *text;
} refusal_t;

static const refusal_t refusals[] = {
    { JERR_OUT_OF_MEMORY, PICTURE_ERR_MEMORY, NULL },
    { JERR_ARITH_NOTIMPL, PICTURE_ERR_UNSUPPORTED, "jpeg uses arithmetic coding: save it as baseline" },
    { JERR_SOF_UNSUPPORTED, PICTURE_ERR_UNSUPPORTED, "jpeg is of a rare sort (marker 0x%lx): save it as baseline" },
    { JERR_BAD_PRECISION, PICTURE_ERR_UNSUPPORTED, "jpeg has %ld bits per sample, want 8" },
    { JERR_COMPONENT_COUNT, PICTURE_ERR_UNSUPPORTED, "jpeg has %ld components, want 1 or 3" },
    { JERR_CCIR601_NOTIMPL, PICTURE_ERR_UNSUPPORTED, "jpeg has unusual chroma sampling: save it as 4:2:0" },
    { JERR_FRACT_SAMPLE_NOTIMPL, PICTURE_ERR_UNSUPPORTED, "jpeg has unusual chroma sampling: save it as 4:2:0" },
    { JERR_EMPTY_IMAGE, PICTURE_ERR_BROKEN, "jpeg is broken: its width or height is 0" },
    { JERR_NO_IMAGE, PICTURE_ERR_BROKEN, "jpeg is broken: there is no picture in it" },
    { JERR_NO_QUANT_TABLE, PICTURE_ERR_BROKEN, "jpeg is broken: quantisation table %ld is missing" },
    { JERR_NO_HUFF_TABLE, PICTURE_ERR_BROKEN, "jpeg is broken: huffman table %ld is missing" },
    { JERR_BAD_HUFF_TABLE, PICTURE_ERR_BROKEN, "jpeg is broken: bad huffman table" },
    { JWRN_HUFF_BAD_CODE, PICTURE_ERR_BROKEN, "jpeg is broken: bad huffman code" },
    { JWRN_HIT_MARKER, PICTURE_ERR_BROKEN, "jpeg is broken: a marker inside the picture's data" },
    { JWRN_MUST_RESYNC, PICTURE_ERR_BROKEN, "jpeg is broken: found marker 0x%lx, want restart marker %ld" },
};

static void leave(decoder_t *decoder, int code, const char *text, long a, long b) {
    decoder->code = code;
    *decoder->why = (picture_why_t) { text, a, b };
    longjmp(decoder->leave, 1);
}

static const refusal_t *find_refusal(int message) {
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        if (refusals[i].message == message) {
            return &refusals[i];
        }
    }
    return NULL;
}

static void error_exit(j_common_ptr jpeg) {
    decoder_t *decoder = (decoder_t *)jpeg;
    int message = jpeg->err->msg_code;
    const refusal_t *known = find_refusal(message);
    if (known != NULL && known->code == PICTURE_ERR_MEMORY) {
        leave(decoder, PICTURE_ERR_MEMORY, NULL, 0, 0);
    }
    if (decoder->ended) {
        leave(decoder, PICTURE_ERR_BROKEN, "jpeg is truncated: it ends after %ld bytes", decoder->read, 0);
    }
    if (known != NULL) {
        leave(decoder, known->code, known->text, jpeg->err->msg_parm.i[0], jpeg->err->msg_parm.i[1]);
    }
    leave(decoder, PICTURE_ERR_BROKEN, "jpeg is broken (libjpeg's error %ld)", message, 0);
}

// Warnings mean pixels that are not there, or oddities that do no harm.
static void emit_message(j_common_ptr jpeg, int level) {
    if (level < 0 && find_refusal(jpeg->err->msg_code) != NULL) {
        error_exit(jpeg);
    }
}

static void count_scans(j_common_ptr common) {
    decoder_t *decoder = (decoder_t *)common;
    if (decoder->jpeg.input_scan_number > MAX_SCANS) {
        leave(decoder, PICTURE_ERR_UNSUPPORTED, "jpeg has more than %ld scans: save it as baseline", MAX_SCANS, 0);
    }
}

static void no_source(j_decompress_ptr jpeg) {
    (void)jpeg;
}

// After the end come end markers for ever: the decoder then has its data together, or says that some is missing.
static boolean fill_input(j_decompress_ptr jpeg) {
    decoder_t *decoder = (decoder_t *)jpeg;
    size_t bytes = decoder->ended ? 0 : decoder->io->read(decoder->io->context, decoder->input, INPUT_BYTES);
    decoder->read += bytes;
    if (bytes == 0) {
        decoder->ended = true;
        decoder->input[0] = 0xFF;
        decoder->input[1] = JPEG_EOI;
        bytes = 2;
    }
    jpeg->src->next_input_byte = decoder->input;
    jpeg->src->bytes_in_buffer = bytes;
    return TRUE;
}

static void skip_input(j_decompress_ptr jpeg, long bytes) {
    const decoder_t *decoder = (const decoder_t *)jpeg;
    while (bytes > (long)jpeg->src->bytes_in_buffer && !decoder->ended) {
        bytes -= jpeg->src->bytes_in_buffer;
        fill_input(jpeg);
    }
    if (bytes > 0 && !decoder->ended) {
        jpeg->src->next_input_byte += bytes;
        jpeg->src->bytes_in_buffer -= bytes;
    }
}

static void set_up(decoder_t *decoder, const uint8_t *head, size_t head_bytes) {
    decoder->errors = quiet_errors(error_exit, emit_message);
    decoder->source = (struct jpeg_source_mgr) {
        .init_source = no_source, .fill_input_buffer = fill_input, .skip_input_data = skip_input,
        .resync_to_restart = jpeg_resync_to_restart, .term_source = no_source,
        .next_input_byte = decoder->input, .bytes_in_buffer = head_bytes,
    };
    memcpy(decoder->input, head, head_bytes);
    decoder->read = head_bytes;
    decoder->progress = (struct jpeg_progress_mgr) { .progress_monitor = count_scans };
    decoder->jpeg.err = &decoder->errors;
    decoder->jpeg.client_data = (void *)decoder->io;
    jpeg_create_decompress(&decoder->jpeg);
    decoder->jpeg.src = &decoder->source;
    decoder->jpeg.progress = &decoder->progress;
}

static void decode(decoder_t *decoder) {
    struct jpeg_decompress_struct *jpeg = &decoder->jpeg;
    jpeg_read_header(jpeg, TRUE);
    bool gray = jpeg->jpeg_color_space == JCS_GRAYSCALE;
    if (!gray && jpeg->jpeg_color_space != JCS_YCbCr && jpeg->jpeg_color_space != JCS_RGB) {
        leave(decoder, PICTURE_ERR_UNSUPPORTED, "jpeg has %ld components (CMYK?): save it as RGB or grayscale",
            jpeg->num_components, 0);
    }
    uint8_t *pixels = decoder->io->place(decoder->io->context, jpeg->image_width, jpeg->image_height, gray);
    if (pixels == NULL) {
        leave(decoder, PICTURE_ERR_MEMORY, NULL, 0, 0);
    }
    jpeg->out_color_space = gray ? JCS_GRAYSCALE : JCS_RGB565;
    jpeg->dct_method = JDCT_ISLOW;
    jpeg->do_fancy_upsampling = TRUE;
    jpeg_start_decompress(jpeg);
    if (decoder->ended && jpeg_has_multiple_scans(jpeg)) {
        // The scans are all read by now, and who knows how many are missing.
        leave(decoder, PICTURE_ERR_BROKEN, "jpeg is truncated: it ends after %ld bytes", decoder->read, 0);
    }
    size_t pitch = (size_t)jpeg->output_width * (gray ? 1 : 2);
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row = pixels + pitch * jpeg->output_scanline;
        jpeg_read_scanlines(jpeg, &row, 1);
    }
}

int jpeg_read(const picture_io_t *io, const uint8_t *head, size_t head_bytes, picture_why_t *why) {
    decoder_t *decoder = io->take(io->context, sizeof(*decoder));
    if (decoder == NULL) {
        return PICTURE_ERR_MEMORY;
    }
    memset(decoder, 0, offsetof(decoder_t, input));
    decoder->io = io;
    decoder->why = why;
    if (setjmp(decoder->leave) == 0) {
        set_up(decoder, head, head_bytes);
        decode(decoder);
    }
    int code = decoder->code;
    jpeg_destroy_decompress(&decoder->jpeg);
    io->give_back(io->context, decoder);
    return code;
}
