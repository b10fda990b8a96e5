// SPDX-License-Identifier: MIT
// What a small variant leaves out of module image: AttributeError says so.
#include "py/runtime.h"

#include "image_obj.h"
#include "absent.h"

static const char methods[] =
    "binary\0" "compress\0" "compressed\0" "find_blobs\0" "get_hist\0" "get_histogram\0" "get_statistics\0" "get_stats\0"
    "histogram\0" "rotation_corr\0" "statistics\0";
static const char functions[] = "grayscale_to_rgb\0" "lab_to_rgb\0" "rgb_to_grayscale\0" "rgb_to_lab\0";

void image_check_absent(qstr name) {
    absent_check(MP_QSTR_image, methods, name);
}

// Asked for what the module's table does not have.
void image_module_attr(mp_obj_t self, qstr name, mp_obj_t *dest) {
    (void)self;
    if (dest[0] == MP_OBJ_NULL) {
        absent_check(MP_QSTR_image, functions, name);
    }
}
