// SPDX-License-Identifier: MIT
// Names of MaixPy that are not here: AttributeError says what to do instead.
#include "py/runtime.h"

#include "image_obj.h"

typedef struct {
    qstr_short_t name;
    uint8_t instead;
} absent_t;

enum {
    ON_A_PC,
    A_NET,
    BLOBS,
    CONV3,
    DRAW_IMAGE,
    RESIZE,
    GRAYSCALE,
    BYTES,
    FONT,
};

static const char *const instead[] = {
    [ON_A_PC] = "send img.compressed().to_bytes() to a computer that decodes it",
    [A_NET] = "a model finds faces and things: kpu.run_yolo2()",
    [BLOBS] = "img.find_blobs() finds areas of a colour",
    [CONV3] = "img.conv3() takes any kernel of 3x3, blurring with (1/9,) * 9",
    [DRAW_IMAGE] = "img.draw_image(other, 0, 0, alpha=, mask=) and img.blend() mix images",
    [RESIZE] = "img.resize(), img.copy(roi, x_scale, y_scale) and img.rotation_corr() change size and place",
    [GRAYSCALE] = "img.to_grayscale() and img.binary([(low, high)])",
    [BYTES] = "img.to_bytes() gives the pixels to a loop of your own",
    [FONT] = "img.draw_font(x, y, w, h, bits) draws a glyph that you read from a font file",
};

static const absent_t methods[] = {
    { MP_QSTR_find_qrcodes, ON_A_PC }, { MP_QSTR_find_barcodes, ON_A_PC }, { MP_QSTR_find_apriltags, ON_A_PC },
    { MP_QSTR_find_datamatrices, ON_A_PC },
    { MP_QSTR_find_features, A_NET }, { MP_QSTR_find_eye, A_NET }, { MP_QSTR_find_lbp, A_NET },
    { MP_QSTR_find_keypoints, A_NET }, { MP_QSTR_find_hog, A_NET }, { MP_QSTR_find_template, A_NET },
    { MP_QSTR_selective_search, A_NET },
    { MP_QSTR_find_circles, BLOBS }, { MP_QSTR_find_rects, BLOBS }, { MP_QSTR_find_lines, BLOBS },
    { MP_QSTR_find_line_segments, BLOBS }, { MP_QSTR_get_regression, BLOBS }, { MP_QSTR_flood_fill, BLOBS },
    { MP_QSTR_find_domain, BLOBS },
    { MP_QSTR_find_edges, CONV3 }, { MP_QSTR_gaussian, CONV3 }, { MP_QSTR_gaussian_blur, CONV3 },
    { MP_QSTR_blur, CONV3 }, { MP_QSTR_laplacian, CONV3 }, { MP_QSTR_morph, CONV3 }, { MP_QSTR_mean, CONV3 },
    { MP_QSTR_add, DRAW_IMAGE }, { MP_QSTR_sub, DRAW_IMAGE }, { MP_QSTR_min, DRAW_IMAGE }, { MP_QSTR_max, DRAW_IMAGE },
    { MP_QSTR_difference, DRAW_IMAGE },
    { MP_QSTR_mean_pool, RESIZE }, { MP_QSTR_mean_pooled, RESIZE }, { MP_QSTR_midpoint_pool, RESIZE },
    { MP_QSTR_midpoint_pooled, RESIZE }, { MP_QSTR_lens_corr, RESIZE },
    { MP_QSTR_to_bitmap, GRAYSCALE },
    { MP_QSTR_erode, BYTES }, { MP_QSTR_dilate, BYTES }, { MP_QSTR_median, BYTES }, { MP_QSTR_mode, BYTES },
    { MP_QSTR_midpoint, BYTES }, { MP_QSTR_histeq, BYTES }, { MP_QSTR_gamma_corr, BYTES },
    { MP_QSTR_get_similarity, BYTES }, { MP_QSTR_dump_roi, BYTES },
};

static const absent_t functions[] = {
    { MP_QSTR_HaarCascade, A_NET }, { MP_QSTR_load_descriptor, A_NET }, { MP_QSTR_match_descriptor, A_NET },
    { MP_QSTR_font_load, FONT }, { MP_QSTR_font_free, FONT },
};

static void raise_where_absent(const absent_t *table, size_t count, qstr name) {
    for (size_t i = 0; i < count; i++) {
        if (table[i].name == name) {
            mp_raise_msg_varg(&mp_type_AttributeError, MP_ERROR_TEXT("image has no %q(): %s"), name,
                instead[table[i].instead]);
        }
    }
}

void image_check_absent(qstr name) {
    raise_where_absent(methods, MP_ARRAY_SIZE(methods), name);
}

// Asked for what the module's table does not have.
void image_module_attr(mp_obj_t self, qstr name, mp_obj_t *dest) {
    (void)self;
    if (dest[0] == MP_OBJ_NULL) {
        raise_where_absent(functions, MP_ARRAY_SIZE(functions), name);
    }
}
