// SPDX-License-Identifier: MIT
// The OV2640: two banks of 8-bit registers, an array of 800 x 600 or 400 x 296 pixels and a scaler behind it.
//
// Registers that its datasheet does not name have the values that these drivers agree on (both Apache-2.0):
// kendryte/kendryte-standalone-demo dvp_ov/ov2640.c for the order and RGB565 output, espressif/esp32-camera
// sensors/private_include/ov2640_settings.h for the array's sizes and the picture's settings.
#include "modules/sensor/chip.h"
#include "sdk/clint.h"

#define CHIP (&chip_ov2640)
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define SOFT_RESET_US (10000)
#define FULL_RATE (30)

enum {
    BANK = 0xFF,
    DSP = 0,
    ARRAY = 1,
    // the DSP's bank
    CTRLI = 0x50,
    HSIZE = 0x51,
    VSIZE = 0x52,
    XOFFL = 0x53,
    YOFFL = 0x54,
    VHYX = 0x55,
    TEST = 0x57,
    ZMOW = 0x5A,
    ZMOH = 0x5B,
    ZMHH = 0x5C,
    BPADDR = 0x7C,
    BPDATA = 0x7D,
    CTRL2 = 0x86,
    HSIZE8 = 0xC0,
    VSIZE8 = 0xC1,
    CTRL1 = 0xC3,
    R_DVP_SP = 0xD3,
    IMAGE_MODE = 0xDA,
    RESET = 0xE0,
    // the array's bank
    GAIN = 0x00,
    REG04 = 0x04,
    PIDH = 0x0A,
    PIDL = 0x0B,
    AEC = 0x10,
    CLKRC = 0x11,
    COM7 = 0x12,
    COM8 = 0x13,
    COM9 = 0x14,
    HSTART = 0x17,
    HSTOP = 0x18,
    VSTART = 0x19,
    VSTOP = 0x1A,
    REG32 = 0x32,
    REG45 = 0x45,
};

#define COM7_RESET (0x80)
#define COM7_SVGA (0x40)
#define COM7_CIF (0x20)
#define COM7_COLORBAR (0x02)
#define REG04_MIRROR (0x80)
#define REG04_FLIP (0x50) // with the line that the colours then start at
#define COM8_AGC (0x04)
#define COM8_AEC (0x01)
#define CTRL1_AWB (0x0C)
#define IMAGE_MODE_RGB565 (0x08)
#define IMAGE_MODE_UYVY (0x01)
#define RESET_DVP (0x04)

static const chip_register_t defaults[] = {
    { 0xFF, 0x00 },
    { 0x2C, 0xFF }, { 0x2E, 0xDF },
    { 0xFF, 0x01 },
    { 0x3C, 0x32 }, { 0x11, 0x00 }, { 0x09, 0x02 }, { 0x04, 0x28 }, { 0x13, 0xE5 }, { 0x14, 0xA8 }, { 0x15, 0x00 },
    { 0x2C, 0x0C }, { 0x33, 0x78 }, { 0x3A, 0x33 }, { 0x3B, 0xFB }, { 0x3E, 0x00 }, { 0x43, 0x11 }, { 0x16, 0x10 },
    { 0x39, 0x92 }, { 0x35, 0xDA }, { 0x22, 0x1A }, { 0x23, 0x00 }, { 0x34, 0xC0 }, { 0x06, 0x88 }, { 0x07, 0xC0 },
    { 0x0D, 0x87 }, { 0x0E, 0x41 }, { 0x4C, 0x00 }, { 0x48, 0x00 }, { 0x5B, 0x00 }, { 0x42, 0x03 }, { 0x4A, 0x81 },
    { 0x21, 0x99 }, { 0x24, 0x40 }, { 0x25, 0x38 }, { 0x26, 0x82 }, { 0x5C, 0x00 }, { 0x63, 0x00 }, { 0x61, 0x70 },
    { 0x62, 0x80 }, { 0x7C, 0x05 }, { 0x20, 0x80 }, { 0x28, 0x30 }, { 0x6C, 0x00 }, { 0x6D, 0x80 }, { 0x6E, 0x00 },
    { 0x70, 0x02 }, { 0x71, 0x94 }, { 0x73, 0xC1 }, { 0x0C, 0x3C }, { 0x5D, 0x55 }, { 0x5E, 0x7D }, { 0x5F, 0x7D },
    { 0x60, 0x55 }, { 0x37, 0x42 }, { 0x4F, 0xBB }, { 0x50, 0x9C }, { 0x6D, 0x80 }, { 0x35, 0x88 }, { 0x22, 0x0A },
    { 0x6D, 0x80 }, { 0x3D, 0xEF },
    { 0xFF, 0x00 },
    { 0xE5, 0x7F }, { 0xF9, 0xC0 }, { 0x41, 0x24 }, { 0x44, 0x06 }, { 0xE0, 0x14 }, { 0x76, 0xFF }, { 0x33, 0xA0 },
    { 0x42, 0x20 }, { 0x43, 0x18 }, { 0x4C, 0x00 }, { 0x87, 0xD0 }, { 0x88, 0x3F }, { 0xD7, 0x03 }, { 0xD9, 0x10 },
    { 0xD3, 0x82 }, { 0xC8, 0x08 }, { 0xC9, 0x80 }, { 0x7C, 0x00 }, { 0x7D, 0x00 }, { 0x7C, 0x03 }, { 0x7D, 0x48 },
    { 0x7D, 0x48 }, { 0x7C, 0x08 }, { 0x7D, 0x20 }, { 0x7D, 0x10 }, { 0x7D, 0x0E }, { 0x90, 0x00 }, { 0x91, 0x0E },
    { 0x91, 0x1A }, { 0x91, 0x31 }, { 0x91, 0x5A }, { 0x91, 0x69 }, { 0x91, 0x75 }, { 0x91, 0x7E }, { 0x91, 0x88 },
    { 0x91, 0x8F }, { 0x91, 0x96 }, { 0x91, 0xA3 }, { 0x91, 0xAF }, { 0x91, 0xC4 }, { 0x91, 0xD7 }, { 0x91, 0xE8 },
    { 0x91, 0x20 }, { 0x92, 0x00 }, { 0x93, 0x06 }, { 0x93, 0xE3 }, { 0x93, 0x03 }, { 0x93, 0x03 }, { 0x93, 0x00 },
    { 0x93, 0x02 }, { 0x93, 0x00 }, { 0x93, 0x00 }, { 0x93, 0x00 }, { 0x93, 0x00 }, { 0x93, 0x00 }, { 0x93, 0x00 },
    { 0x93, 0x00 }, { 0x96, 0x00 }, { 0x97, 0x08 }, { 0x97, 0x19 }, { 0x97, 0x02 }, { 0x97, 0x0C }, { 0x97, 0x24 },
    { 0x97, 0x30 }, { 0x97, 0x28 }, { 0x97, 0x26 }, { 0x97, 0x02 }, { 0x97, 0x98 }, { 0x97, 0x80 }, { 0x97, 0x00 },
    { 0x97, 0x00 }, { 0xA4, 0x00 }, { 0xA8, 0x00 }, { 0xC5, 0x11 }, { 0xC6, 0x51 }, { 0xBF, 0x80 }, { 0xC7, 0x10 },
    { 0xB6, 0x66 }, { 0xB8, 0xA5 }, { 0xB7, 0x64 }, { 0xB9, 0x7C }, { 0xB3, 0xAF }, { 0xB4, 0x97 }, { 0xB5, 0xFF },
    { 0xB0, 0xC5 }, { 0xB1, 0x94 }, { 0xB2, 0x0F }, { 0xC4, 0x5C }, { 0xA6, 0x00 }, { 0xA7, 0x20 }, { 0xA7, 0xD8 },
    { 0xA7, 0x1B }, { 0xA7, 0x31 }, { 0xA7, 0x00 }, { 0xA7, 0x18 }, { 0xA7, 0x20 }, { 0xA7, 0xD8 }, { 0xA7, 0x19 },
    { 0xA7, 0x31 }, { 0xA7, 0x00 }, { 0xA7, 0x18 }, { 0xA7, 0x20 }, { 0xA7, 0xD8 }, { 0xA7, 0x19 }, { 0xA7, 0x31 },
    { 0xA7, 0x00 }, { 0xA7, 0x18 }, { 0xC3, 0xEF }, { 0x7F, 0x00 }, { 0xE5, 0x1F }, { 0xE1, 0x67 }, { 0xDD, 0x7F },
    { 0x05, 0x00 }, { 0xE0, 0x00 },
};

static int bank(uint8_t number) {
    return chip_write(CHIP, BANK, number);
}

static int update(uint8_t in_bank, uint8_t number, uint8_t mask, uint8_t bits) {
    int result = bank(in_bank);
    return result == DVP_OK ? chip_update(CHIP, number, mask, bits) : result;
}

static int identify(uint8_t found[2]) {
    int result = bank(ARRAY);
    int high = chip_read(CHIP, PIDH);
    int low = chip_read(CHIP, PIDL);
    if (result != DVP_OK || high < 0 || low < 0) {
        return DVP_ERR_TIMEOUT;
    }
    found[0] = high;
    found[1] = low == 0x41 ? 0x42 : low; // its two versions
    return DVP_OK;
}

static int load_defaults(void) {
    const chip_register_t reset[] = { { BANK, ARRAY }, { COM7, COM7_RESET } };
    int result = chip_write_all(CHIP, reset, COUNT(reset));
    clint_wait_us(SOFT_RESET_US);
    return result == DVP_OK ? chip_write_all(CHIP, defaults, COUNT(defaults)) : result;
}

static int set_yuv(bool yuv) {
    const chip_register_t registers[] = {
        { BANK, DSP },
        { RESET, RESET_DVP },
        { IMAGE_MODE, yuv ? IMAGE_MODE_UYVY : IMAGE_MODE_RGB565 },
        { RESET, 0 },
    };
    return chip_write_all(CHIP, registers, COUNT(registers));
}

// The scaler halves and a bit more at best from the array's whole picture, so small frames take the smaller array.
static int set_size(const chip_size_t *size) {
    bool cif = size->frame_w <= 200 && size->frame_h <= 148;
    uint32_t array_w = cif ? 400 : 800;
    uint32_t array_h = cif ? 296 : 600;
    // Sides are sent in fours; the DVP leaves what is too much. Then the array's pixels for one of the frame, in
    // 1/65536: the frame covers as much of the array as its sides allow.
    uint32_t out_w = (size->w + 3u) / 4;
    uint32_t out_h = (size->h + 3u) / 4;
    uint32_t step_x = (array_w << 16) / size->frame_w;
    uint32_t step_y = (array_h << 16) / ((size->frame_h + 3u) & ~3u);
    uint32_t step = step_x < step_y ? step_x : step_y;
    uint32_t left = (array_w - (size->frame_w * step >> 16)) / 2 + (size->x * step >> 16);
    uint32_t top = (array_h - (size->frame_h * step >> 16)) / 2 + (size->y * step >> 16);
    uint32_t w = out_w * step >> 16;
    uint32_t h = out_h * step >> 16;
    const chip_register_t array[] = {
        { REG32, cif ? 0x89 : 0x09 },
        { HSTART, 0x11 },
        { HSTOP, 0x43 },
        { VSTART, 0x00 },
        { VSTOP, cif ? 0x25 : 0x4B },
        { BANK, DSP },
        { RESET, RESET_DVP },
        { HSIZE8, array_w / 8 },
        { VSIZE8, array_h / 8 },
        { CTRL2, 0x3D },
        { CTRLI, 0x80 },
        { HSIZE, w },
        { VSIZE, h },
        { XOFFL, left },
        { YOFFL, top },
        { VHYX, (h >> 8 & 1) << 7 | (top >> 8 & 7) << 4 | (w >> 8 & 1) << 3 | (left >> 8 & 7) },
        { TEST, (w >> 9 & 1) << 7 },
        { ZMOW, out_w },
        { ZMOH, out_h },
        { ZMHH, (out_h >> 8 & 1) << 2 | (out_w >> 8 & 3) },
        { R_DVP_SP, 0x82 },
        { RESET, 0 },
    };
    int result = update(ARRAY, COM7, (uint8_t) ~COM7_COLORBAR, cif ? COM7_CIF : COM7_SVGA);
    return result == DVP_OK ? chip_write_all(CHIP, array, COUNT(array)) : result;
}

// -- the picture's settings, which the DSP keeps behind an address and a data register

static int set_contrast(int level) {
    static const uint8_t values[][2] = {
        { 0x18, 0x34 }, { 0x1C, 0x2A }, { 0x20, 0x20 }, { 0x24, 0x16 }, { 0x28, 0x0C },
    };
    const chip_register_t registers[] = {
        { BANK, DSP }, { BPADDR, 0x00 }, { BPDATA, 0x04 }, { BPADDR, 0x07 }, { BPDATA, 0x20 },
        { BPDATA, values[level + 2][0] }, { BPDATA, values[level + 2][1] }, { BPDATA, 0x06 },
    };
    return chip_write_all(CHIP, registers, COUNT(registers));
}

static int set_brightness(int level) {
    const chip_register_t registers[] = {
        { BANK, DSP }, { BPADDR, 0x00 }, { BPDATA, 0x04 }, { BPADDR, 0x09 }, { BPDATA, (level + 2) * 0x10 },
        { BPDATA, 0x00 },
    };
    return chip_write_all(CHIP, registers, COUNT(registers));
}

static int set_saturation(int level) {
    uint8_t value = 0x48 + level * 0x10;
    const chip_register_t registers[] = {
        { BANK, DSP }, { BPADDR, 0x00 }, { BPDATA, 0x02 }, { BPADDR, 0x03 }, { BPDATA, value }, { BPDATA, value },
    };
    return chip_write_all(CHIP, registers, COUNT(registers));
}

static int set_framerate(int rate) {
    int divider = rate >= FULL_RATE ? 1 : FULL_RATE / rate;
    return update(ARRAY, CLKRC, 0x3F, divider - 1);
}

// Sixteen bits in three registers.
static int set_exposure(int lines) {
    const chip_register_t registers[] = { { REG45, lines >> 10 & 0x3F }, { AEC, lines >> 2 } };
    int result = update(ARRAY, REG04, 3, lines & 3);
    return result == DVP_OK ? chip_write_all(CHIP, registers, COUNT(registers)) : result;
}

static int get(chip_setting_t setting) {
    int result = bank(ARRAY);
    if (result != DVP_OK) {
        return result;
    }
    if (setting == CHIP_GAIN) {
        return chip_gain_of(chip_read(CHIP, GAIN));
    }
    int high = chip_read(CHIP, REG45), middle = chip_read(CHIP, AEC), low = chip_read(CHIP, REG04);
    return high < 0 || middle < 0 || low < 0 ? DVP_ERR_TIMEOUT : (high & 0x3F) << 10 | middle << 2 | (low & 3);
}

static int set(chip_setting_t setting, int value) {
    switch (setting) {
        case CHIP_HMIRROR:
            return update(ARRAY, REG04, REG04_MIRROR, value ? REG04_MIRROR : 0);
        case CHIP_VFLIP:
            return update(ARRAY, REG04, REG04_FLIP, value ? REG04_FLIP : 0);
        case CHIP_COLORBAR:
            return update(ARRAY, COM7, COM7_COLORBAR, value ? COM7_COLORBAR : 0);
        case CHIP_AUTO_GAIN:
            return update(ARRAY, COM8, COM8_AGC, value ? COM8_AGC : 0);
        case CHIP_AUTO_EXPOSURE:
            return update(ARRAY, COM8, COM8_AEC, value ? COM8_AEC : 0);
        case CHIP_AUTO_WHITEBAL:
            return update(DSP, CTRL1, CTRL1_AWB, value ? CTRL1_AWB : 0);
        case CHIP_CONTRAST:
            return set_contrast(value);
        case CHIP_BRIGHTNESS:
            return set_brightness(value);
        case CHIP_SATURATION:
            return set_saturation(value);
        case CHIP_GAINCEILING:
            return update(ARRAY, COM9, 0xE0, value << 5);
        case CHIP_FRAMERATE:
            return set_framerate(value);
        case CHIP_GAIN:
            return update(ARRAY, GAIN, 0xFF, chip_gain_bits(value));
        case CHIP_EXPOSURE:
            return set_exposure(value);
    }
    return CHIP_NO_SUCH_SETTING;
}

const chip_t chip_ov2640 = {
    .name = "ov2640",
    .address = 0x60,
    .reg_len = 8,
    .identity = { 0x26, 0x42 },
    .xclk_hz = 24000000,
    .color = DVP_FORMAT_RGB565,
    .identify = identify,
    .load_defaults = load_defaults,
    .set_yuv = set_yuv,
    .set_size = set_size,
    .set = set,
    .get = get,
    .frame_lines = 672,
};
