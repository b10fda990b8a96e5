// SPDX-License-Identifier: MIT
// Histograms and statistics of an image as Python sees them.
#include "py/objlist.h"
#include "py/runtime.h"

#include "histogram.h"
#include "image_obj.h"
#include "image_record.h"

// -- records

#define STATISTICS(prefix, first) \
    { MP_QSTR_##prefix##mean, first }, { MP_QSTR_##prefix##median, first + 1 }, { MP_QSTR_##prefix##mode, first + 2 }, \
    { MP_QSTR_##prefix##stdev, first + 3 }, { MP_QSTR_##prefix##min, first + 4 }, { MP_QSTR_##prefix##max, first + 5 }, \
    { MP_QSTR_##prefix##lq, first + 6 }, { MP_QSTR_##prefix##uq, first + 7 }

static const image_record_name_t gray_statistics[] = { STATISTICS(, 0), STATISTICS(l_, 0) };
static const image_record_name_t color_statistics[] = {
    STATISTICS(l_, 0), STATISTICS(a_, 8), STATISTICS(b_, 16), STATISTICS(, 0),
};
static const image_record_name_t gray_value[] = { { MP_QSTR_value, 0 }, { MP_QSTR_l_value, 0 } };
static const image_record_name_t color_value[] = {
    { MP_QSTR_l_value, 0 }, { MP_QSTR_a_value, 1 }, { MP_QSTR_b_value, 2 }, { MP_QSTR_value, 0 },
};

// Of grey and of colour.
static const image_record_kind_t statistics_kinds[] = {
    IMAGE_RECORD_KIND(gray_statistics, 8, 8), IMAGE_RECORD_KIND(color_statistics, 24, 24),
};
static const image_record_kind_t value_kinds[] = {
    IMAGE_RECORD_KIND(gray_value, 1, 1), IMAGE_RECORD_KIND(color_value, 3, 3),
};

// -- counting

static uint32_t arg_bins(const image_args_t *given, qstr name, mp_int_t otherwise, const histogram_channel_t *channel) {
    mp_int_t most = channel->high - channel->low + 1;
    mp_int_t bins = image_arg_int(given, SIZE_MAX, name, MIN(otherwise, most));
    if (bins < 2 || bins > most) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%q is %ld, want 2 to %ld"), name, (long)bins, (long)most);
    }
    return bins;
}

// thresholds, invert=False, roi; by name: bins, l_bins, a_bins, b_bins
static histogram_t count(const image_args_t *given) {
    const image_obj_t *img = image_get(given->args[0]);
    canvas_t canvas = image_canvas(img);
    thresholds_t thresholds;
    bool invert = image_arg_bool(given, 2, MP_QSTR_invert, false);
    image_thresholds(&thresholds, image_arg(given, 1, MP_QSTR_thresholds), invert);
    canvas_rect_t part = image_arg_roi(given, 3, img);
    static const uint16_t names[] = { MP_QSTR_l_bins, MP_QSTR_a_bins, MP_QSTR_b_bins };
    histogram_t histogram = histogram_channels(canvas.gray);
    mp_int_t bins = image_arg_int(given, SIZE_MAX, MP_QSTR_bins, INT16_MAX);
    for (int i = 0; i < histogram.channel_count; i++) {
        histogram_channel_t *channel = &histogram.channels[i];
        channel->bins = arg_bins(given, names[i], bins, channel);
        channel->count = m_new(uint32_t, channel->bins);
    }
    uint8_t *classes = m_new(uint8_t, part.w);
    histogram_fill(&histogram, &canvas, part, thresholds.count > 0 ? &thresholds : NULL, classes);
    m_del(uint8_t, classes, part.w);
    return histogram;
}

static mp_obj_t statistics_of(const histogram_t *histogram) {
    int values[HISTOGRAM_CHANNELS * HISTOGRAM_STATISTICS];
    mp_obj_t items[HISTOGRAM_CHANNELS * HISTOGRAM_STATISTICS];
    for (int i = 0; i < histogram->channel_count; i++) {
        histogram_statistics(values + i * HISTOGRAM_STATISTICS, &histogram->channels[i]);
    }
    for (int i = 0; i < histogram->channel_count * HISTOGRAM_STATISTICS; i++) {
        items[i] = MP_OBJ_NEW_SMALL_INT(values[i]);
    }
    return image_record(&statistics_kinds[histogram->channel_count > 1], items);
}

// get_statistics(thresholds, invert=False, roi, bins)
static mp_obj_t get_statistics(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    IMAGE_ARGS(n_args, args, names);
    histogram_t histogram = count(&given);
    return statistics_of(&histogram);
}
MP_DEFINE_CONST_FUN_OBJ_KW(image_get_statistics_obj, 1, get_statistics);

// -- class histogram: three lists of each bin's share

typedef struct {
    mp_obj_base_t base;
    histogram_t histogram;
} histogram_obj_t;

static mp_obj_t bins_of(const histogram_channel_t *channel) {
    uint64_t total = 0;
    for (uint32_t i = 0; i < channel->bins; i++) {
        total += channel->count[i];
    }
    mp_obj_list_t *list = MP_OBJ_TO_PTR(mp_obj_new_list(channel->bins, NULL));
    for (uint32_t i = 0; i < channel->bins; i++) {
        list->items[i] = mp_obj_new_float(total > 0 ? (mp_float_t)channel->count[i] / total : 0);
    }
    return MP_OBJ_FROM_PTR(list);
}

static mp_obj_t channel_bins(mp_obj_t self, int channel) {
    const histogram_t *histogram = &((histogram_obj_t *)MP_OBJ_TO_PTR(self))->histogram;
    return channel < histogram->channel_count ? bins_of(&histogram->channels[channel]) : mp_obj_new_list(0, NULL);
}

static mp_obj_t l_bins(mp_obj_t self) {
    return channel_bins(self, 0);
}
static MP_DEFINE_CONST_FUN_OBJ_1(l_bins_obj, l_bins);

static mp_obj_t a_bins(mp_obj_t self) {
    return channel_bins(self, 1);
}
static MP_DEFINE_CONST_FUN_OBJ_1(a_bins_obj, a_bins);

static mp_obj_t b_bins(mp_obj_t self) {
    return channel_bins(self, 2);
}
static MP_DEFINE_CONST_FUN_OBJ_1(b_bins_obj, b_bins);

static mp_obj_t values_of(mp_obj_t self, mp_float_t part, bool otsu) {
    const histogram_t *histogram = &((histogram_obj_t *)MP_OBJ_TO_PTR(self))->histogram;
    mp_obj_t items[HISTOGRAM_CHANNELS];
    for (int i = 0; i < histogram->channel_count; i++) {
        const histogram_channel_t *channel = &histogram->channels[i];
        items[i] = MP_OBJ_NEW_SMALL_INT(otsu ? histogram_otsu(channel) : histogram_percentile(channel, part));
    }
    return image_record(&value_kinds[histogram->channel_count > 1], items);
}

static mp_obj_t get_percentile(mp_obj_t self, mp_obj_t part_in) {
    mp_float_t part = mp_obj_get_float(part_in);
    if (!(part >= 0 && part <= 1)) {
        mp_raise_ValueError(MP_ERROR_TEXT("percentile must be 0 to 1"));
    }
    return values_of(self, part, false);
}
static MP_DEFINE_CONST_FUN_OBJ_2(get_percentile_obj, get_percentile);

static mp_obj_t get_threshold(mp_obj_t self) {
    return values_of(self, 0, true);
}
static MP_DEFINE_CONST_FUN_OBJ_1(get_threshold_obj, get_threshold);

static mp_obj_t statistics(mp_obj_t self) {
    return statistics_of(&((histogram_obj_t *)MP_OBJ_TO_PTR(self))->histogram);
}
static MP_DEFINE_CONST_FUN_OBJ_1(statistics_obj, statistics);

static void print(const mp_print_t *out, mp_obj_t self, mp_print_kind_t kind) {
    const histogram_t *histogram = &((histogram_obj_t *)MP_OBJ_TO_PTR(self))->histogram;
    for (int i = 0; i < histogram->channel_count; i++) {
        const char *prefix = histogram->channel_count == 1 ? "" : i == 0 ? "l_" : i == 1 ? "a_" : "b_";
        mp_printf(out, "%s\"%sbins\":", i == 0 ? "{" : ", ", prefix);
        mp_obj_print_helper(out, bins_of(&histogram->channels[i]), kind);
    }
    mp_print_str(out, "}");
}

static mp_obj_t subscr(mp_obj_t self, mp_obj_t index, mp_obj_t value) {
    if (value != MP_OBJ_SENTINEL) {
        return MP_OBJ_NULL;
    }
    mp_obj_t lists[] = { l_bins(self), a_bins(self), b_bins(self) };
    return mp_obj_subscr(mp_obj_new_tuple(MP_ARRAY_SIZE(lists), lists), index, MP_OBJ_SENTINEL);
}

static const mp_rom_map_elem_t locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_bins), MP_ROM_PTR(&l_bins_obj) },
    { MP_ROM_QSTR(MP_QSTR_l_bins), MP_ROM_PTR(&l_bins_obj) },
    { MP_ROM_QSTR(MP_QSTR_a_bins), MP_ROM_PTR(&a_bins_obj) },
    { MP_ROM_QSTR(MP_QSTR_b_bins), MP_ROM_PTR(&b_bins_obj) },
    { MP_ROM_QSTR(MP_QSTR_get_percentile), MP_ROM_PTR(&get_percentile_obj) },
    { MP_ROM_QSTR(MP_QSTR_get_threshold), MP_ROM_PTR(&get_threshold_obj) },
    { MP_ROM_QSTR(MP_QSTR_get_stats), MP_ROM_PTR(&statistics_obj) },
    { MP_ROM_QSTR(MP_QSTR_get_statistics), MP_ROM_PTR(&statistics_obj) },
    { MP_ROM_QSTR(MP_QSTR_statistics), MP_ROM_PTR(&statistics_obj) },
};
static MP_DEFINE_CONST_DICT(locals, locals_table);

static MP_DEFINE_CONST_OBJ_TYPE(
    histogram_type,
    MP_QSTR_histogram,
    MP_TYPE_FLAG_NONE,
    print, print,
    subscr, subscr,
    locals_dict, &locals
    );

// get_histogram(thresholds, invert=False, roi, bins)
static mp_obj_t get_histogram(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    IMAGE_ARGS(n_args, args, names);
    histogram_t histogram = count(&given);
    histogram_obj_t *result = mp_obj_malloc(histogram_obj_t, &histogram_type);
    result->histogram = histogram;
    return MP_OBJ_FROM_PTR(result);
}
MP_DEFINE_CONST_FUN_OBJ_KW(image_get_histogram_obj, 1, get_histogram);
