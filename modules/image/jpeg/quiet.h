// SPDX-License-Identifier: MIT
// An error manager for libjpeg-turbo that has numbers but no texts; what happens at an error is the caller's.
#ifndef QUIET_H
#define QUIET_H

#include <stddef.h>
#include <stdio.h>

#include "jpeglib.h"

static inline void quiet_message(j_common_ptr jpeg) {
    (void)jpeg;
}

static inline void quiet_text(j_common_ptr jpeg, char *text) {
    (void)jpeg;
    text[0] = '\0';
}

static inline struct jpeg_error_mgr quiet_errors(void (*error_exit)(j_common_ptr jpeg),
    void (*emit_message)(j_common_ptr jpeg, int level)) {
    struct jpeg_error_mgr errors = {
        .error_exit = error_exit, .emit_message = emit_message, .output_message = quiet_message,
        .format_message = quiet_text, .reset_error_mgr = quiet_message,
    };
    return errors;
}

#endif // QUIET_H
