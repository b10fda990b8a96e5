// SPDX-License-Identifier: MIT
// The OV7740: 8-bit registers without banks, an array of 640 x 480 pixels, and a scaler behind a window of it.
//
// Registers that its datasheet does not name have the values of sipeed/MaixPy-v1 components/micropython/port/src/omv/
// ov7740.c (MIT), which sends YUV; so do the picture's settings. Of the sizes that one knows 640x480, 320x240 and
// 160x120; all others rest on the datasheet's word that the scaler fits the window to the size.
#include "modules/sensor/chip.h"
#include "sdk/clint.h"

#define CHIP (&chip_ov7740)
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define SOFT_RESET_US (2000)
#define ARRAY_W (640)
#define ARRAY_H (480)
// Where the picture begins in the array's own numbers.
#define FIRST_COLUMN (0x25 * 4)
#define FIRST_ROW (0x03 * 2)
#define FULL_RATE (60)

enum {
    AGC = 0x00,
    PIDH = 0x0A,
    PIDL = 0x0B,
    ORDER = 0x0C,
    EXPOSURE = 0x0F,
    CLOCK = 0x11,
    SYSTEM = 0x12,
    AUTO = 0x13,
    WINDOW_LOW = 0x16,
    LEFT = 0x17,
    WIDTH = 0x18,
    TOP = 0x19,
    HEIGHT = 0x1A,
    OUT_WIDTH = 0x31,
    OUT_HEIGHT = 0x32,
    OUT_LOW = 0x34,
    EFFECTS = 0x81,
    SCALER = 0x82,
    TEST = 0x84,
    EFFECT = 0xDA,
    SATURATION_U = 0xDD,
    SATURATION_V = 0xDE,
    OFFSET = 0xE1,
    GAIN = 0xE2,
    BRIGHTNESS = 0xE3,
    SIGNS = 0xE4,
};

#define SYSTEM_RESET (0x80)
#define ORDER_FLIP (0x80)
#define ORDER_MIRROR (0x40)
#define START_ODD (0x01) // a mirrored line begins a pixel later, or its colours are of the wrong pairs
#define AUTO_EXPOSURE (0x01)
#define AUTO_WHITEBAL (0x02)
#define AUTO_GAIN (0x04)
#define EFFECTS_ON (0x20)
#define EFFECT_SATURATION (0x02)
#define EFFECT_CONTRAST (0x04)
#define TEST_BARS (0x02)

static const chip_register_t defaults[] = {
    { 0x47, 0x02 }, { 0x17, 0x27 }, { 0x04, 0x40 }, { 0x1B, 0x81 }, { 0x29, 0x17 }, { 0x5F, 0x03 }, { 0x3A, 0x09 },
    { 0x33, 0x44 }, { 0x68, 0x1A }, { 0x14, 0x38 }, { 0x5F, 0x04 }, { 0x64, 0x00 }, { 0x67, 0x90 }, { 0x27, 0x80 },
    { 0x45, 0x41 }, { 0x4B, 0x40 }, { 0x36, 0x2F }, { 0x11, 0x01 }, { 0x36, 0x3F }, { 0x12, 0x00 }, { 0x17, 0x25 },
    { 0x18, 0xA0 }, { 0x1A, 0xF0 }, { 0x31, 0x50 }, { 0x32, 0x78 }, { 0x82, 0x3F }, { 0x85, 0x08 }, { 0x86, 0x02 },
    { 0x87, 0x01 }, { 0xD5, 0x10 }, { 0x0D, 0x34 }, { 0x19, 0x03 }, { 0x2B, 0xF8 }, { 0x2C, 0x01 }, { 0x53, 0x00 },
    { 0x89, 0x30 }, { 0x8D, 0x30 }, { 0x8F, 0x85 }, { 0x93, 0x30 }, { 0x95, 0x85 }, { 0x99, 0x30 }, { 0x9B, 0x85 },
    { 0xAC, 0x6E }, { 0xBE, 0xFF }, { 0xBF, 0x00 }, { 0x38, 0x14 }, { 0xE9, 0x00 }, { 0x3D, 0x08 }, { 0x3E, 0x80 },
    { 0x3F, 0x40 }, { 0x40, 0x7F }, { 0x41, 0x6A }, { 0x42, 0x29 }, { 0x49, 0x64 }, { 0x4A, 0xA1 }, { 0x4E, 0x13 },
    { 0x4D, 0x50 }, { 0x44, 0x58 }, { 0x4C, 0x1A }, { 0x4E, 0x14 }, { 0x38, 0x11 }, { 0x84, 0x70 },
};

static int identify(uint8_t found[2]) {
    int high = chip_read(CHIP, PIDH);
    int low = chip_read(CHIP, PIDL);
    if (high < 0 || low < 0) {
        return DVP_ERR_TIMEOUT;
    }
    found[0] = high;
    found[1] = low;
    return DVP_OK;
}

static int load_defaults(void) {
    int result = chip_write(CHIP, SYSTEM, SYSTEM_RESET);
    clint_wait_us(SOFT_RESET_US);
    return result == DVP_OK ? chip_write_all(CHIP, defaults, COUNT(defaults)) : result;
}

// It sends YUV always; of that the DVP takes colours or brightness.
static int set_yuv(bool yuv) {
    (void)yuv;
    return DVP_OK;
}

static int set_size(const chip_size_t *size) {
    // The array's pixels for one of the frame, in 1/65536: the frame covers as much of it as its sides allow.
    uint32_t step_x = (ARRAY_W << 16) / size->frame_w;
    uint32_t step_y = (ARRAY_H << 16) / size->frame_h;
    uint32_t step = step_x < step_y ? step_x : step_y;
    uint32_t left = (ARRAY_W - (size->frame_w * step >> 16)) / 2 + (size->x * step >> 16) + FIRST_COLUMN;
    uint32_t top = (ARRAY_H - (size->frame_h * step >> 16)) / 2 + (size->y * step >> 16) + FIRST_ROW;
    uint32_t w = size->w * step >> 16;
    uint32_t h = size->h * step >> 16;
    int order = chip_read(CHIP, ORDER);
    bool mirrored = order >= 0 && order & ORDER_MIRROR;
    bool scaled = size->w != w || size->h != h;
    const chip_register_t registers[] = {
        { WINDOW_LOW, (h & 1) << 5 | (w & 3) << 3 | (top & 1) << 2 | (left & 2) | (mirrored ? START_ODD : 0) },
        { LEFT, left >> 2 },
        { WIDTH, w >> 2 },
        { TOP, top >> 1 },
        { HEIGHT, h >> 1 },
        { OUT_WIDTH, size->w >> 2 },
        { OUT_HEIGHT, size->h >> 1 },
        { OUT_LOW, (size->w & 3) << 1 | (size->h & 1) },
        { SCALER, scaled ? 0x3F : 0x32 },
    };
    return order < 0 ? order : chip_write_all(CHIP, registers, COUNT(registers));
}

// -- the picture's settings

static int set_mirror(bool on) {
    int result = chip_update(CHIP, ORDER, ORDER_MIRROR, on ? ORDER_MIRROR : 0);
    return result == DVP_OK ? chip_update(CHIP, WINDOW_LOW, START_ODD, on ? START_ODD : 0) : result;
}

static int enable_effect(uint8_t effect) {
    int result = chip_update(CHIP, EFFECTS, EFFECTS_ON, EFFECTS_ON);
    return result == DVP_OK ? chip_update(CHIP, EFFECT, effect, effect) : result;
}

static int set_contrast(int level) {
    static const uint8_t brightness[] = { 0x48, 0x20, 0x00, 0x00, 0x00 };
    const chip_register_t registers[] = {
        { OFFSET, 0x20 }, { GAIN, 0x20 + 4 * level }, { BRIGHTNESS, brightness[level + 2] },
    };
    int result = enable_effect(EFFECT_CONTRAST);
    result = result == DVP_OK ? chip_write_all(CHIP, registers, COUNT(registers)) : result;
    return result == DVP_OK ? chip_update(CHIP, SIGNS, 0x04, 0) : result;
}

static int set_brightness(int level) {
    const chip_register_t registers[] = {
        { SIGNS, level < 0 ? 0x06 : 0x0E }, { BRIGHTNESS, 0x10 * (level < 0 ? -level : level) },
    };
    int result = enable_effect(EFFECT_CONTRAST);
    return result == DVP_OK ? chip_write_all(CHIP, registers, COUNT(registers)) : result;
}

static int set_saturation(int level) {
    uint8_t value = 0x40 + 0x10 * level;
    const chip_register_t registers[] = { { SATURATION_U, value }, { SATURATION_V, value } };
    int result = enable_effect(EFFECT_SATURATION);
    return result == DVP_OK ? chip_write_all(CHIP, registers, COUNT(registers)) : result;
}

static int get(chip_setting_t setting) {
    if (setting == CHIP_GAIN) {
        return chip_gain_of(chip_read(CHIP, AGC));
    }
    int high = chip_read(CHIP, EXPOSURE), low = chip_read(CHIP, EXPOSURE + 1);
    return high < 0 || low < 0 ? DVP_ERR_TIMEOUT : high << 8 | low;
}

static int set_exposure(int lines) {
    const chip_register_t registers[] = { { EXPOSURE, lines >> 8 }, { EXPOSURE + 1, lines } };
    return chip_write_all(CHIP, registers, COUNT(registers));
}

static int set(chip_setting_t setting, int value) {
    switch (setting) {
        case CHIP_HMIRROR:
            return set_mirror(value);
        case CHIP_VFLIP:
            return chip_update(CHIP, ORDER, ORDER_FLIP, value ? ORDER_FLIP : 0);
        case CHIP_COLORBAR:
            return chip_update(CHIP, TEST, TEST_BARS, value ? TEST_BARS : 0);
        case CHIP_AUTO_GAIN:
            return chip_update(CHIP, AUTO, AUTO_GAIN, value ? AUTO_GAIN : 0);
        case CHIP_AUTO_EXPOSURE:
            return chip_update(CHIP, AUTO, AUTO_EXPOSURE, value ? AUTO_EXPOSURE : 0);
        case CHIP_AUTO_WHITEBAL:
            return chip_update(CHIP, AUTO, AUTO_WHITEBAL, value ? AUTO_WHITEBAL : 0);
        case CHIP_CONTRAST:
            return set_contrast(value);
        case CHIP_BRIGHTNESS:
            return set_brightness(value);
        case CHIP_SATURATION:
            return set_saturation(value);
        case CHIP_FRAMERATE:
            return chip_update(CHIP, CLOCK, 0x3F, FULL_RATE / value - 1);
        case CHIP_GAIN:
            return chip_write(CHIP, AGC, chip_gain_bits(value));
        case CHIP_EXPOSURE:
            return set_exposure(value);
        case CHIP_GAINCEILING:
            break;
    }
    return CHIP_NO_SUCH_SETTING;
}

const chip_t chip_ov7740 = {
    .name = "ov7740",
    .address = 0x42,
    .reg_len = 8,
    .identity = { 0x77, 0x42 },
    .xclk_hz = 22000000,
    .color = DVP_FORMAT_YUV422,
    .identify = identify,
    .load_defaults = load_defaults,
    .set_yuv = set_yuv,
    .set_size = set_size,
    .set = set,
    .get = get,
    .frame_lines = 504,
};
