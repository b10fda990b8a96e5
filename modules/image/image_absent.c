// SPDX-License-Identifier: MIT
// Names of MaixPy that are not here: AttributeError says what to do instead.
#include <string.h>

#include "py/runtime.h"

#include "image_obj.h"

// Not qstrs: a name that is only looked for costs its letters.
typedef struct {
    const char *names; // with a space around each
    const char *instead;
} absent_t;

#define A_NET "a model finds faces and things: kpu.run_yolo2()"

static const absent_t methods[] = {
    { " find_qrcodes find_barcodes find_apriltags find_datamatrices ",
      "send img.compressed().to_bytes() to a computer that decodes it" },
    { " find_features find_eye find_lbp find_keypoints find_hog find_template find_number selective_search"
      " draw_keypoints match_descriptor ", A_NET },
    { " find_circles find_rects find_lines find_line_segments get_regression flood_fill find_domain ",
      "img.find_blobs() finds areas of a colour" },
    { " find_edges gaussian gaussian_blur blur laplacian morph mean ",
      "img.conv3() takes any kernel of 3x3, blurring with (1/9,) * 9" },
    { " add sub mul div min max difference ",
      "img.draw_image(other, 0, 0, alpha=, mask=) and img.blend() mix images" },
    { " mean_pool mean_pooled midpoint_pool midpoint_pooled lens_corr linpolar logpolar scale ",
      "img.resize(), img.copy(roi, x_scale, y_scale) and img.rotation_corr() change size and place" },
    { " to_bitmap ", "img.to_grayscale() and img.binary([(low, high)])" },
    { " erode dilate open close top_hat black_hat b_and b_nand b_or b_nor b_xor b_xnor and nand or nor xor xnor median"
      " mode midpoint bilateral histeq gamma_corr cartoon remove_shadows chrominvar illuminvar get_similarity"
      " find_displacement dump_roi ",
      "img.to_bytes() gives the pixels to a loop of your own" },
    { " mask_rectangle mask_circle mask_ellipse ", "an image that is drawn white where wanted is a mask" },
    { " compress_for_ide compressed_for_ide ", "img.compressed() is a JPEG" },
};

static const absent_t functions[] = {
    { " HaarCascade load_descriptor save_descriptor match_descriptor load_cascade SEARCH_EX SEARCH_DS EDGE_CANNY"
      " EDGE_SIMPLE CORNER_FAST CORNER_AGAST ", A_NET },
    { " font_load font_free UTF8 ASCII ", "img.draw_font(x, y, w, h, bits) draws a glyph that you read from a font file" },
    { " ImageReader ImageWriter ", "img.save() keeps a picture, image.Image(path) shows it again" },
    { " TAG16H5 TAG25H7 TAG25H9 TAG36H10 TAG36H11 ARTOOLKIT EAN2 EAN5 EAN8 UPCE ISBN10 UPCA EAN13 ISBN13 I25 DATABAR"
      " DATABAR_EXP CODABAR CODE39 PDF417 CODE93 CODE128 ", "a computer finds codes in img.compressed().to_bytes()" },
};

static void raise_where_absent(const absent_t *table, size_t count, qstr name_qstr) {
    size_t length;
    const char *name = (const char *)qstr_data(name_qstr, &length);
    if (length == 0 || strcspn(name, " ") != length) { // no word
        return;
    }
    for (size_t i = 0; i < count; i++) {
        for (const char *at = table[i].names; (at = strstr(at, name)) != NULL; at += length) {
            if (at[-1] == ' ' && at[length] == ' ') {
                mp_raise_msg_varg(&mp_type_AttributeError, MP_ERROR_TEXT("image has no %s: %s"), name, table[i].instead);
            }
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
