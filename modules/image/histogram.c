// SPDX-License-Identifier: MIT
// The counting of histogram.h.
#include <math.h>
#include <string.h>

#include "histogram.h"

histogram_t histogram_channels(bool gray) {
    if (gray) {
        return (histogram_t) { { { 0, 255, 256, NULL } }, 1 };
    }
    return (histogram_t) { { { 0, 100, 101, NULL }, { -128, 127, 256, NULL }, { -128, 127, 256, NULL } }, 3 };
}

static void count_value(histogram_channel_t *channel, int value) {
    int span = channel->high - channel->low;
    uint32_t bin = value - channel->low;
    if (channel->bins <= (uint32_t)span) {
        bin = (2 * bin * (channel->bins - 1) + span) / (2 * span);
    }
    channel->count[bin]++;
}

void histogram_fill(histogram_t *histogram, const canvas_t *canvas, canvas_rect_t part, const thresholds_t *thresholds,
    uint8_t *classes) {
    for (int i = 0; i < histogram->channel_count; i++) {
        memset(histogram->channels[i].count, 0, histogram->channels[i].bins * sizeof(uint32_t));
    }
    // Neighbours are often the same.
    unsigned last = 0;
    lab_t lab = thresholds_lab(last);
    for (uint32_t y = part.y; y < part.y + part.h; y++) {
        const uint8_t *row = canvas_row(canvas, y);
        if (thresholds != NULL) {
            thresholds_classify(classes, thresholds, canvas, row, part.x, part.w);
        }
        for (uint32_t x = 0; x < part.w; x++) {
            if (thresholds != NULL && classes[x] == THRESHOLDS_NONE) {
                continue;
            }
            unsigned pixel = canvas_get(canvas, row, part.x + x);
            if (canvas->gray) {
                count_value(&histogram->channels[0], pixel);
                continue;
            }
            if (pixel != last) {
                last = pixel;
                lab = thresholds_lab(pixel);
            }
            count_value(&histogram->channels[0], lab.l);
            count_value(&histogram->channels[1], lab.a);
            count_value(&histogram->channels[2], lab.b);
        }
    }
}

// -- what follows

static double value_of(const histogram_channel_t *channel, uint32_t bin) {
    return channel->low + (double)bin * (channel->high - channel->low) / (channel->bins - 1);
}

static int rounded(double value) {
    return floor(value + 0.5);
}

static uint64_t total(const histogram_channel_t *channel) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < channel->bins; i++) {
        sum += channel->count[i];
    }
    return sum;
}

int histogram_percentile(const histogram_channel_t *channel, double part) {
    double wanted = part * total(channel);
    uint64_t sum = 0;
    uint32_t last = 0;
    for (uint32_t i = 0; i < channel->bins; i++) {
        sum += channel->count[i];
        last = channel->count[i] > 0 ? i : last;
        if (sum > 0 && sum >= wanted) {
            return rounded(value_of(channel, i));
        }
    }
    return sum > 0 ? rounded(value_of(channel, last)) : 0;
}

void histogram_statistics(int *values, const histogram_channel_t *channel) {
    memset(values, 0, HISTOGRAM_STATISTICS * sizeof(*values));
    double sum = 0;
    double squares = 0;
    uint32_t mode = 0;
    for (uint32_t i = 0; i < channel->bins; i++) {
        double value = value_of(channel, i);
        sum += value * channel->count[i];
        squares += value * value * channel->count[i];
        mode = channel->count[i] > channel->count[mode] ? i : mode;
    }
    uint64_t count = total(channel);
    if (count == 0) {
        return;
    }
    double mean = sum / count;
    values[HISTOGRAM_MEAN] = rounded(mean);
    values[HISTOGRAM_MEDIAN] = histogram_percentile(channel, 0.5);
    values[HISTOGRAM_MODE] = rounded(value_of(channel, mode));
    values[HISTOGRAM_STDEV] = rounded(sqrt(fmax(squares / count - mean * mean, 0)));
    values[HISTOGRAM_MIN] = histogram_percentile(channel, 0);
    values[HISTOGRAM_MAX] = histogram_percentile(channel, 1);
    values[HISTOGRAM_LOWER_QUARTILE] = histogram_percentile(channel, 0.25);
    values[HISTOGRAM_UPPER_QUARTILE] = histogram_percentile(channel, 0.75);
}

int histogram_otsu(const histogram_channel_t *channel) {
    double count = 0;
    double sum = 0;
    for (uint32_t i = 0; i < channel->bins; i++) {
        count += channel->count[i];
        sum += (double)i * channel->count[i];
    }
    double below = 0;
    double sum_below = 0;
    double most = 0;
    uint32_t threshold = 0;
    for (uint32_t i = 0; i < channel->bins; i++) {
        below += channel->count[i];
        sum_below += (double)i * channel->count[i];
        if (below == 0 || below == count) {
            continue;
        }
        double apart = sum_below * count - sum * below;
        double variance = apart * apart / (below * (count - below));
        if (variance > most) {
            most = variance;
            threshold = i;
        }
    }
    return rounded(value_of(channel, threshold));
}
