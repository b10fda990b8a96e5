// SPDX-License-Identifier: MIT
// What a small variant leaves out, said where a script asks for it instead of "no module" and "no attribute".
#ifndef ABSENT_H
#define ABSENT_H

#include "py/obj.h"

// AttributeError where `name` is one of `names`: texts with a zero behind each, and another behind the last.
void absent_check(qstr owner, const char *names, qstr name);

// __import__ of the variants that lack modules.
mp_obj_t absent_import(size_t n_args, const mp_obj_t *args);

#endif // ABSENT_H
