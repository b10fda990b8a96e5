// SPDX-License-Identifier: MIT
// How often each value occurs in a picture, and what follows from that; pure C, the same on the chip and on a PC.
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include "thresholds.h"

#define HISTOGRAM_CHANNELS (3)

// Of a grey picture one channel, 0 to 255; of RGB565 L (0 to 100), a and b (-128 to 127).
typedef struct {
    int low, high;   // of the values
    uint32_t bins;   // 2 to high - low + 1, spread evenly from low to high
    uint32_t *count; // of each bin
} histogram_channel_t;

typedef struct {
    histogram_channel_t channels[HISTOGRAM_CHANNELS];
    int channel_count;
} histogram_t;

// The channels that a picture has, all values apart, without room for the counts.
histogram_t histogram_channels(bool gray);

// Counts the pixels of a part that fit one of the thresholds, or all where that is NULL; `classes` has room for a row.
void histogram_fill(histogram_t *histogram, const canvas_t *canvas, canvas_rect_t part, const thresholds_t *thresholds,
    uint8_t *classes);

// In whole numbers; all 0 where nothing was counted.
enum {
    HISTOGRAM_MEAN,
    HISTOGRAM_MEDIAN,
    HISTOGRAM_MODE, // the lowest of those that are most frequent
    HISTOGRAM_STDEV,
    HISTOGRAM_MIN,
    HISTOGRAM_MAX,
    HISTOGRAM_LOWER_QUARTILE,
    HISTOGRAM_UPPER_QUARTILE,
    HISTOGRAM_STATISTICS
};
void histogram_statistics(int *values, const histogram_channel_t *channel);

// The lowest value that this part (0 to 1) of all does not exceed.
int histogram_percentile(const histogram_channel_t *channel, double part);

// Otsu's threshold: the last value of the darker of the two classes that differ most.
int histogram_otsu(const histogram_channel_t *channel);

#endif // HISTOGRAM_H
