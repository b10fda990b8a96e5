// SPDX-License-Identifier: MIT
// The search of blobs.h: runs of one class, joined to those of the row above.
#include <math.h>
#include <string.h>

#include "blobs.h"

#define NOBODY (UINT32_MAX)
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

typedef struct {
    uint32_t left, right; // pixels, both inside
    uint32_t area;        // index of what it belongs to
    uint8_t class;
} run_t;

// What runs grow together to; each run of the two last rows can have its own.
typedef struct {
    blob_t blob;
    uint32_t joined; // the area that took this one in; itself where none did
    uint32_t row;    // the last one with a run of it, while it is not joined
    bool seen;       // has a pixel on the grid
    bool in_use;
} area_t;

typedef struct {
    const blobs_search_t *search;
    area_t *areas;
    uint32_t *unused; // a stack of indexes
    uint32_t unused_count;
    run_t *runs, *above;
    uint32_t run_count, above_count;
    uint8_t *classes;
    void (*found)(void *context, const blob_t *blob);
    void *context;
} scan_t;

// With one threshold there is a gap between two runs.
static uint32_t most_runs(uint32_t w, uint32_t thresholds) {
    return thresholds > 1 ? w : (w + 1) / 2;
}

size_t blobs_workspace_bytes(uint32_t w, uint32_t thresholds) {
    return 2 * (size_t)most_runs(w, thresholds) * (sizeof(area_t) + sizeof(run_t) + sizeof(uint32_t)) + w;
}

static void set_up(scan_t *scan, void *workspace, uint32_t w) {
    uint32_t runs = most_runs(w, scan->search->thresholds->count);
    uint32_t areas = 2 * runs;
    scan->areas = workspace;
    scan->runs = (run_t *)(scan->areas + areas);
    scan->above = scan->runs + runs;
    scan->unused = (uint32_t *)(scan->above + runs);
    scan->classes = (uint8_t *)(scan->unused + areas);
    for (uint32_t i = 0; i < areas; i++) {
        scan->areas[i].in_use = false;
        scan->unused[i] = areas - 1 - i;
    }
    scan->unused_count = areas;
}

// -- areas

static uint32_t area_of(const scan_t *scan, uint32_t index) {
    while (scan->areas[index].joined != index) {
        index = scan->areas[index].joined;
    }
    return index;
}

static uint32_t new_area(scan_t *scan, const run_t *run, uint32_t y) {
    uint32_t index = scan->unused[--scan->unused_count];
    scan->areas[index] = (area_t) {
        .blob = {
            .left = run->left, .top = y, .right = run->right, .bottom = y, .first_x = run->left,
            .code = (uint32_t)1 << run->class, .count = 1,
        },
        .joined = index,
        .in_use = true,
    };
    return index;
}

static void drop(scan_t *scan, uint32_t index) {
    scan->areas[index].in_use = false;
    scan->unused[scan->unused_count++] = index;
}

static void add_sums(blob_t *to, const blob_t *from) {
    to->pixels += from->pixels;
    to->x += from->x;
    to->y += from->y;
    to->xx += from->xx;
    to->xy += from->xy;
    to->yy += from->yy;
}

static void unite(blob_t *to, const blob_t *from) {
    bool earlier = from->top < to->top || (from->top == to->top && from->first_x < to->first_x);
    to->first_x = earlier ? from->first_x : to->first_x;
    to->left = MIN(to->left, from->left);
    to->top = MIN(to->top, from->top);
    to->right = MAX(to->right, from->right);
    to->bottom = MAX(to->bottom, from->bottom);
    to->code |= from->code;
    add_sums(to, from);
}

static uint32_t join(scan_t *scan, uint32_t a, uint32_t b) {
    if (a != b) {
        unite(&scan->areas[a].blob, &scan->areas[b].blob);
        scan->areas[a].seen |= scan->areas[b].seen;
        scan->areas[b].joined = a;
    }
    return a;
}

// -- rows

// The sum of the squares of 0 to n.
static uint64_t squares(uint64_t n) {
    return n * (n + 1) * (2 * n + 1) / 6;
}

static void add_run(blob_t *blob, const run_t *run, uint64_t y) {
    uint64_t pixels = run->right - run->left + 1;
    uint64_t x = ((uint64_t)run->left + run->right) * pixels / 2;
    uint64_t xx = squares(run->right) - (run->left > 0 ? squares(run->left - 1) : 0);
    const blob_t sums = { .pixels = pixels, .x = x, .y = y * pixels, .xx = xx, .xy = x * y, .yy = y * y * pixels };
    add_sums(blob, &sums);
    blob->left = MIN(blob->left, run->left);
    blob->right = MAX(blob->right, run->right);
    blob->bottom = y;
}

// The grid's columns move on by one from row to row, so that thin upright lines meet one.
static bool is_on_grid(const blobs_search_t *search, const run_t *run, uint32_t y) {
    if ((y - search->part.y) % search->y_stride != 0) {
        return false;
    }
    uint64_t first = (uint64_t)search->part.x + y % search->x_stride;
    if (run->left > first) {
        first += (run->left - first + search->x_stride - 1) / search->x_stride * search->x_stride;
    }
    return first <= run->right;
}

static void find_runs(scan_t *scan) {
    const canvas_rect_t *part = &scan->search->part;
    scan->run_count = 0;
    for (uint32_t x = 0; x < part->w;) {
        uint32_t end = x;
        while (end < part->w && scan->classes[end] == scan->classes[x]) {
            end++;
        }
        if (scan->classes[x] != THRESHOLDS_NONE) {
            scan->runs[scan->run_count++] = (run_t) { part->x + x, part->x + end - 1, NOBODY, scan->classes[x] };
        }
        x = end;
    }
}

static void join_runs(scan_t *scan, uint32_t y) {
    uint32_t first = 0;
    for (uint32_t i = 0; i < scan->run_count; i++) {
        run_t *run = &scan->runs[i];
        while (first < scan->above_count && scan->above[first].right < run->left) {
            first++;
        }
        for (uint32_t k = first; k < scan->above_count && scan->above[k].left <= run->right; k++) {
            if (scan->above[k].class == run->class) {
                uint32_t area = area_of(scan, scan->above[k].area);
                run->area = run->area == NOBODY ? area : join(scan, area_of(scan, run->area), area);
            }
        }
        if (run->area == NOBODY) {
            run->area = new_area(scan, run, y);
        }
        area_t *area = &scan->areas[run->area];
        add_run(&area->blob, run, y);
        area->seen |= is_on_grid(scan->search, run, y);
    }
    for (uint32_t i = 0; i < scan->run_count; i++) {
        run_t *run = &scan->runs[i];
        run->area = area_of(scan, run->area);
        scan->areas[run->area].row = y;
    }
}

static void report(const scan_t *scan, const area_t *area) {
    const blob_t *blob = &area->blob;
    uint64_t size = (uint64_t)(blob->right - blob->left + 1) * (blob->bottom - blob->top + 1);
    if (area->seen && size >= scan->search->least_area && blob->pixels >= scan->search->least_pixels) {
        scan->found(scan->context, blob);
    }
}

// Areas of the row above that were joined to others, or that row y did not touch: their indexes are used again.
static void complete(scan_t *scan, uint32_t y) {
    for (uint32_t i = 0; i < scan->above_count; i++) {
        uint32_t index = scan->above[i].area;
        const area_t *area = &scan->areas[index];
        if (!area->in_use || area->row == y) {
            continue;
        }
        if (area->joined == index) {
            report(scan, area);
        }
        drop(scan, index);
    }
}

void blobs_find(const canvas_t *canvas, const blobs_search_t *search, void *workspace,
    void (*found)(void *context, const blob_t *blob), void *context) {
    scan_t scan = { .search = search, .found = found, .context = context };
    const canvas_rect_t *part = &search->part;
    set_up(&scan, workspace, part->w);
    for (uint32_t y = part->y; y < part->y + part->h; y++) {
        thresholds_classify(scan.classes, search->thresholds, canvas, canvas_row(canvas, y), part->x, part->w);
        find_runs(&scan);
        join_runs(&scan, y);
        complete(&scan, y);
        run_t *runs = scan.runs;
        scan.runs = scan.above;
        scan.above = runs;
        scan.above_count = scan.run_count;
    }
    complete(&scan, part->y + part->h);
}

// -- lists

static bool is_before(const blob_t *a, const blob_t *b) {
    if (a->code != b->code) {
        return a->code < b->code;
    }
    return a->top < b->top || (a->top == b->top && a->first_x < b->first_x);
}

void blobs_sort(blob_t *blobs, size_t count) {
    for (size_t gap = count / 2; gap > 0; gap /= 2) {
        for (size_t i = gap; i < count; i++) {
            blob_t blob = blobs[i];
            size_t k = i;
            for (; k >= gap && is_before(&blob, &blobs[k - gap]); k -= gap) {
                blobs[k] = blobs[k - gap];
            }
            blobs[k] = blob;
        }
    }
}

static bool overlap(int64_t low_a, int64_t high_a, int64_t low_b, int64_t high_b, int64_t margin) {
    return low_a <= high_b + margin && low_b <= high_a + margin;
}

static bool are_near(const blob_t *a, const blob_t *b, int64_t margin) {
    return overlap(a->left, a->right, b->left, b->right, margin)
           && overlap(a->top, a->bottom, b->top, b->bottom, margin);
}

size_t blobs_merge(blob_t *blobs, size_t count, int32_t margin,
    bool (*may)(void *context, const blob_t *a, const blob_t *b), void *context) {
    bool merged;
    do {
        merged = false;
        for (size_t i = 0; i < count; i++) {
            for (size_t k = i + 1; k < count;) {
                blob_t *a = &blobs[i];
                blob_t *b = &blobs[k];
                if (!are_near(a, b, margin) || (may != NULL && !may(context, a, b))) {
                    k++;
                    continue;
                }
                unite(a, b);
                a->count += b->count;
                count--;
                memmove(b, b + 1, (count - k) * sizeof(*b));
                merged = true;
            }
        }
    } while (merged);
    return count;
}

double blobs_rotation(const blob_t *blob) {
    double n = blob->pixels;
    double x = blob->x / n;
    double y = blob->y / n;
    double wide = blob->xx / n - x * x;
    double high = blob->yy / n - y * y;
    double slant = blob->xy / n - x * y;
    return atan2(2 * slant, wide - high) / 2;
}
