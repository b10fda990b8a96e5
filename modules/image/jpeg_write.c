// SPDX-License-Identifier: MIT
// JPEG files by libjpeg-turbo: baseline, grey or 4:2:0, row by row out of the picture's own place.
//
// The file is the one that libjpeg writes on a PC for the same colours: five and six bits are made eight as for the KPU.
#include <setjmp.h>
#include <string.h>

#include "jpeg/quiet.h"
#include "jerror.h"

#include "picture.h"

#define OUTPUT_BYTES (2048)

typedef struct {
    struct jpeg_compress_struct jpeg; // first: libjpeg's callbacks get its address
    struct jpeg_error_mgr errors;
    struct jpeg_destination_mgr destination;
    picture_io_t memory;
    const picture_out_t *out;
    jmp_buf leave;
    int code;
    JOCTET output[OUTPUT_BYTES];
} encoder_t;

static void leave(encoder_t *encoder, int code) {
    encoder->code = code;
    longjmp(encoder->leave, 1);
}

// The picture and the settings are known to be good, so memory is all that can lack.
static void error_exit(j_common_ptr jpeg) {
    leave((encoder_t *)jpeg, PICTURE_ERR_MEMORY);
}

static void no_warning(j_common_ptr jpeg, int level) {
    (void)jpeg;
    (void)level;
}

static void empty(encoder_t *encoder, size_t bytes) {
    if (!encoder->out->write(encoder->out->context, encoder->output, bytes)) {
        leave(encoder, PICTURE_ERR_WRITE);
    }
    encoder->destination.next_output_byte = encoder->output;
    encoder->destination.free_in_buffer = OUTPUT_BYTES;
}

static boolean empty_output(j_compress_ptr jpeg) {
    empty((encoder_t *)jpeg, OUTPUT_BYTES);
    return TRUE;
}

static void start_output(j_compress_ptr jpeg) {
    (void)jpeg;
}

static void end_output(j_compress_ptr jpeg) {
    empty((encoder_t *)jpeg, OUTPUT_BYTES - jpeg->dest->free_in_buffer);
}

static void set_up(encoder_t *encoder) {
    encoder->errors = quiet_errors(error_exit, no_warning);
    encoder->destination = (struct jpeg_destination_mgr) {
        .next_output_byte = encoder->output, .free_in_buffer = OUTPUT_BYTES,
        .init_destination = start_output, .empty_output_buffer = empty_output, .term_destination = end_output,
    };
    encoder->memory = (picture_io_t) {
        .context = encoder->out->context, .take = encoder->out->take, .give_back = encoder->out->give_back,
    };
    encoder->jpeg.err = &encoder->errors;
    encoder->jpeg.client_data = &encoder->memory;
    jpeg_create_compress(&encoder->jpeg);
    encoder->jpeg.dest = &encoder->destination;
}

static void encode(encoder_t *encoder, const canvas_t *canvas, canvas_rect_t part, int quality) {
    struct jpeg_compress_struct *jpeg = &encoder->jpeg;
    jpeg->image_width = part.w;
    jpeg->image_height = part.h;
    jpeg->input_components = canvas->gray ? 1 : 3;
    jpeg->in_color_space = canvas->gray ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(jpeg);
    jpeg_set_quality(jpeg, quality, TRUE);
    jpeg_start_compress(jpeg, TRUE);
    for (uint32_t y = 0; y < part.h; y++) {
        JSAMPROW row = canvas_row(canvas, part.y + y) + part.x * canvas_pixel_bytes(canvas);
        jpeg_write_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_compress(jpeg);
}

int jpeg_write(const picture_out_t *out, const canvas_t *canvas, canvas_rect_t part, int quality) {
    if (part.w > JPEG_MAX_DIMENSION || part.h > JPEG_MAX_DIMENSION) {
        return PICTURE_ERR_UNSUPPORTED;
    }
    encoder_t *encoder = out->take(out->context, sizeof(*encoder));
    if (encoder == NULL) {
        return PICTURE_ERR_MEMORY;
    }
    memset(encoder, 0, offsetof(encoder_t, output));
    encoder->out = out;
    if (setjmp(encoder->leave) == 0) {
        set_up(encoder);
        encode(encoder, canvas, part, quality);
    }
    int code = encoder->code;
    jpeg_destroy_compress(&encoder->jpeg);
    out->give_back(out->context, encoder);
    return code;
}
