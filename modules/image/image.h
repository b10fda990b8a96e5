// SPDX-License-Identifier: MIT
// An image and its two buffers, as the other modules see it.
//
// pix is what Python draws on (RGB565 in native uint16 order, or one byte of grey); planes is what the KPU reads (planar
// R, G, B, or one grey plane; w * h bytes each, one behind the other). They are two memories: pix_to_ai() and
// ai_to_pix() copy from one to the other, nothing else does.
#ifndef IMAGE_H
#define IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "py/obj.h"

typedef enum { // values as MaixPy's img.format()
    IMAGE_RGB565 = 2,
    IMAGE_GRAYSCALE = 4,
    IMAGE_JPEG = 5,
} image_format_t;

typedef struct _image_obj_t {
    mp_obj_base_t base;
    uint16_t w, h;
    image_format_t format;
    uint8_t *pix;          // cached, POOL_FRAME; NULL once freed; of IMAGE_JPEG the file's bytes
    uint8_t *planes;       // uncached, POOL_PLANES, room for whole words; NULL until pix_to_ai() or a camera made it
    uint8_t plane_count;   // planes that hold data: 1 or 3
    size_t pix_bytes;
    bool pix_borrowed;     // another object owns pix
    bool planes_borrowed;  // another object owns planes
    const uint32_t *planes_of_use; // of planes in AI RAM: what kpu_ai_ram_uses() is as long as they are there; else NULL
    mp_obj_t owner;        // kept alive by this image where it borrows
} image_obj_t;

extern const mp_obj_type_t image_type;

// A new image with pixels (not cleared) and no planes; raises MemoryError.
image_obj_t *image_new(uint16_t w, uint16_t h, image_format_t format);
// Fills the planes from the pixels, allocating them where absent; raises MemoryError, and ValueError of a JPEG.
void image_pix_to_ai(image_obj_t *img);

// ValueError where the planes were in AI RAM and something else is there now.
void image_check_planes(const image_obj_t *img);
// The same, and planes in AI RAM become planes of the image's own: for all but who starts a run with them.
void image_own_planes(image_obj_t *img);

// The built-in font: a character's rows from the top, the highest bit left; a box for what is not ASCII.
#define IMAGE_FONT_W (8)
#define IMAGE_FONT_H (12)
const uint8_t *image_font_rows(unsigned character);

#endif // IMAGE_H
