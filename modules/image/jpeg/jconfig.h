// SPDX-License-Identifier: MIT
// What libjpeg-turbo is asked to be here: the classic interface, eight bits, no arithmetic coding, no files.
#ifndef JCONFIG_H
#define JCONFIG_H

#define JPEG_LIB_VERSION 62
#define LIBJPEG_TURBO_VERSION_NUMBER 2001005
#define BITS_IN_JSAMPLE 8
// There is no environment to ask.
#define NO_GETENV
#define NO_PUTENV

#endif // JCONFIG_H
