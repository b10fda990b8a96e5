// SPDX-License-Identifier: MIT
// YOLOv2's decoder: candidates by their object plane, softmax over classes, non-maximum suppression class by class.
#include <math.h>

#include "kpu_yolo2.h"

// The object plane is compared before its sigmoid is taken; what is so close to the limit is computed in full.
#define LIMIT_MARGIN (0.01f)
#define PIXEL_LIMIT (65535.0f)

typedef struct {
    float x, y, w, h; // centre and size, shares of the image
} box_t;

// Candidate i has box[i], and a probability for each class from probability[i * classes] on: 0 where too small or
// suppressed.
typedef struct {
    box_t *box;
    float *probability;
    uint32_t *order;
} work_t;

static float sigmoid(float x) {
    return 1 / (1 + expf(-x));
}

static size_t cells(const kpu_yolo2_t *yolo) {
    return (size_t)yolo->w * yolo->h;
}

// The planes of an anchor.
static const float *planes(const kpu_yolo2_t *yolo, uint32_t anchor) {
    return yolo->output + anchor * cells(yolo) * (KPU_YOLO2_BOX_PLANES + yolo->classes);
}

// What the object plane must exceed for a probability, at most 1 of it, to exceed the threshold.
static float object_limit(const kpu_yolo2_t *yolo) {
    if (yolo->threshold <= 0) {
        return -INFINITY;
    }
    if (yolo->threshold >= 1) {
        return INFINITY;
    }
    return logf(yolo->threshold / (1 - yolo->threshold)) - LIMIT_MARGIN;
}

size_t kpu_yolo2_candidates(const kpu_yolo2_t *yolo) {
    float limit = object_limit(yolo);
    size_t count = 0;
    for (uint32_t anchor = 0; anchor < yolo->anchor_count; anchor++) {
        const float *object = planes(yolo, anchor) + 4 * cells(yolo);
        for (size_t cell = 0; cell < cells(yolo); cell++) {
            count += object[cell] > limit;
        }
    }
    return count;
}

size_t kpu_yolo2_work_bytes(const kpu_yolo2_t *yolo, size_t candidates) {
    return candidates * (sizeof(box_t) + sizeof(float) * yolo->classes + sizeof(uint32_t));
}

// -- candidates

static box_t box_at(const kpu_yolo2_t *yolo, uint32_t anchor, size_t cell) {
    const float *at = planes(yolo, anchor) + cell;
    size_t stride = cells(yolo);
    box_t box;
    box.x = (cell % yolo->w + sigmoid(at[0])) / yolo->w;
    box.y = (cell / yolo->w + sigmoid(at[stride])) / yolo->h;
    box.w = expf(at[2 * stride]) * yolo->anchors[2 * anchor] / yolo->w;
    box.h = expf(at[3 * stride]) * yolo->anchors[2 * anchor + 1] / yolo->h;
    return box;
}

// The classes' shares of the object's probability, 0 where not above the threshold.
static void classify(const kpu_yolo2_t *yolo, uint32_t anchor, size_t cell, float *probability) {
    size_t stride = cells(yolo);
    const float *object = planes(yolo, anchor) + cell + 4 * stride;
    const float *class_plane = object + stride;
    float most = class_plane[0];
    for (uint32_t i = 1; i < yolo->classes; i++) {
        most = fmaxf(most, class_plane[i * stride]);
    }
    float sum = 0;
    for (uint32_t i = 0; i < yolo->classes; i++) {
        probability[i] = expf(class_plane[i * stride] - most);
        sum += probability[i];
    }
    float scale = sigmoid(*object);
    for (uint32_t i = 0; i < yolo->classes; i++) {
        float share = scale * (probability[i] / sum);
        probability[i] = share > yolo->threshold ? share : 0;
    }
}

static void collect(const kpu_yolo2_t *yolo, size_t candidates, work_t *work) {
    float limit = object_limit(yolo);
    size_t count = 0;
    for (uint32_t anchor = 0; anchor < yolo->anchor_count; anchor++) {
        const float *object = planes(yolo, anchor) + 4 * cells(yolo);
        for (size_t cell = 0; cell < cells(yolo) && count < candidates; cell++) {
            if (object[cell] > limit) {
                work->box[count] = box_at(yolo, anchor, cell);
                classify(yolo, anchor, cell, work->probability + count * yolo->classes);
                count++;
            }
        }
    }
}

// -- suppression

// How far two spans overlap; negative where they do not.
static float overlap(float centre_a, float size_a, float centre_b, float size_b) {
    float left = fmaxf(centre_a - size_a / 2, centre_b - size_b / 2);
    float right = fminf(centre_a + size_a / 2, centre_b + size_b / 2);
    return right - left;
}

static float intersection_over_union(const box_t *a, const box_t *b) {
    float w = overlap(a->x, a->w, b->x, b->w);
    float h = overlap(a->y, a->h, b->y, b->h);
    if (w <= 0 || h <= 0) {
        return 0;
    }
    float shared = w * h;
    return shared / (a->w * a->h + b->w * b->h - shared);
}

// The candidates that have a class, the surest first; equally sure ones in their order.
static size_t sort_class(const kpu_yolo2_t *yolo, size_t candidates, uint32_t class_id, work_t *work) {
    size_t count = 0;
    for (size_t i = 0; i < candidates; i++) {
        float value = work->probability[i * yolo->classes + class_id];
        if (value == 0) {
            continue;
        }
        size_t place = count++;
        while (place > 0 && work->probability[work->order[place - 1] * yolo->classes + class_id] < value) {
            work->order[place] = work->order[place - 1];
            place--;
        }
        work->order[place] = i;
    }
    return count;
}

static void suppress(const kpu_yolo2_t *yolo, size_t candidates, uint32_t class_id, work_t *work) {
    size_t count = sort_class(yolo, candidates, class_id, work);
    float *probability = work->probability + class_id;
    for (size_t i = 0; i < count; i++) {
        uint32_t surer = work->order[i];
        if (probability[surer * yolo->classes] == 0) {
            continue;
        }
        for (size_t j = i + 1; j < count; j++) {
            uint32_t other = work->order[j];
            if (intersection_over_union(&work->box[surer], &work->box[other]) > yolo->nms) {
                probability[other * yolo->classes] = 0;
            }
        }
    }
}

// -- results

// A pixel's number, not below 0; boxes without end stop at the limit.
static int32_t pixel(float value) {
    return value > 0 ? (int32_t)fminf(value, PIXEL_LIMIT) : 0;
}

static kpu_yolo2_find_t found_box(const kpu_yolo2_t *yolo, const box_t *box, uint32_t class_id, float value) {
    float half_w = box->w * yolo->image_w / 2;
    float half_h = box->h * yolo->image_h / 2;
    int32_t x = pixel(box->x * yolo->image_w - half_w);
    int32_t y = pixel(box->y * yolo->image_h - half_h);
    int32_t right = pixel(box->x * yolo->image_w + half_w);
    int32_t bottom = pixel(box->y * yolo->image_h + half_h);
    return (kpu_yolo2_find_t) { x, y, right - x, bottom - y, class_id, value };
}

size_t kpu_yolo2_find(const kpu_yolo2_t *yolo, size_t candidates, void *memory, kpu_yolo2_find_t *found) {
    work_t work = { .box = memory };
    work.probability = (float *)(work.box + candidates);
    work.order = (uint32_t *)(work.probability + candidates * yolo->classes);
    collect(yolo, candidates, &work);
    for (uint32_t class_id = 0; class_id < yolo->classes; class_id++) {
        suppress(yolo, candidates, class_id, &work);
    }
    size_t count = 0;
    for (size_t i = 0; i < candidates; i++) {
        const float *probability = work.probability + i * yolo->classes;
        uint32_t best = 0;
        for (uint32_t class_id = 1; class_id < yolo->classes; class_id++) {
            best = probability[class_id] > probability[best] ? class_id : best;
        }
        if (probability[best] > 0) {
            found[count++] = found_box(yolo, &work.box[i], best, probability[best]);
        }
    }
    return count;
}
