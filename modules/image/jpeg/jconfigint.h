// SPDX-License-Identifier: MIT
// What libjpeg-turbo wants to know of the compiler.
#ifndef JCONFIGINT_H
#define JCONFIGINT_H

// First, as the C library may have a macro of the same name without the semicolon that libjpeg-turbo relies on.
#include <stdlib.h>
#undef FALLTHROUGH
#define FALLTHROUGH __attribute__((fallthrough));
#define INLINE inline
#define SIZEOF_SIZE_T 8
#define THREAD_LOCAL
// What a version text is made of that nobody reads.
#define PACKAGE_NAME "libjpeg-turbo"
#define VERSION "2.1.5"
#define BUILD ""

#endif // JCONFIGINT_H
