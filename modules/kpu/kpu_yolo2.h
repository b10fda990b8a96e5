// SPDX-License-Identifier: MIT
// Boxes out of a YOLOv2 output: any number of anchors, classes and boxes; pure C, the same on the chip and on a PC.
#ifndef KPU_YOLO2_H
#define KPU_YOLO2_H

#include <stddef.h>
#include <stdint.h>

// For each anchor the planes x, y, w, h, object, then one for each class.
#define KPU_YOLO2_BOX_PLANES (5)

typedef struct {
    const float *output; // planes of w * h
    uint32_t w, h;
    uint32_t classes;
    uint32_t anchor_count;
    const float *anchors; // width and height of each, in cells
    float threshold;      // boxes of a class less sure than this are none
    float nms;            // of two boxes of a class that overlap more (intersection over union) the surer stays
    uint32_t image_w, image_h;
} kpu_yolo2_t;

typedef struct {
    int32_t x, y, w, h; // pixels; x and y are not below 0, the far corner may be outside
    uint32_t class_id;
    float value;
} kpu_yolo2_find_t;

// How many boxes are sure enough of an object to be looked at: most for which kpu_yolo2_find() needs room.
size_t kpu_yolo2_candidates(const kpu_yolo2_t *yolo);

// Bytes of work memory, 8-aligned, for so many candidates.
size_t kpu_yolo2_work_bytes(const kpu_yolo2_t *yolo, size_t candidates);

// Writes what was found, at most `candidates`, and returns how many; anchor after anchor, row after row.
size_t kpu_yolo2_find(const kpu_yolo2_t *yolo, size_t candidates, void *work, kpu_yolo2_find_t *found);

#endif // KPU_YOLO2_H
