// SPDX-License-Identifier: MIT
// The OV5640: registers with numbers of 16 bits, an array of 2624 x 1952 pixels of which every fourth is
// read in a row and a column, and a scaler.
//
// Registers that its datasheet does not name have the values of kendryte/kendryte-standalone-demo dvp_ov/ov5640cfg.h
// (Apache-2.0), a setting for a clock of 24 MHz; those of the picture's settings are in espressif/esp32-camera too.
#include "modules/sensor/chip.h"
#include "sdk/clint.h"

#define CHIP (&chip_ov5640)
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define SOFT_RESET_US (10000)
// What is seen of the array, and the dark margin that its numbers count.
#define ARRAY_W (2560)
#define ARRAY_H (1936)
#define MARGIN_X (64)
#define MARGIN_Y (16)
#define EVERY (4)
#define LINE_CLOCKS (0x758)
#define FRAME_LINES (0x1F0)

enum {
    SYSTEM = 0x3008,
    CHIP_ID_HIGH = 0x300A,
    CHIP_ID_LOW = 0x300B,
    CLOCK = 0x3103,
    AWB_MANUAL = 0x3406,
    EXPOSURE = 0x3500,
    AEC_MANUAL = 0x3503,
    AGC = 0x350A,
    X_START = 0x3800,
    FLIP = 0x3820,
    MIRROR = 0x3821,
    GAIN_CEILING = 0x3A18,
    FORMAT = 0x4300,
    ISP_FORMAT = 0x501F,
    TEST_PICTURE = 0x503D,
    CONTRAST = 0x5586,
    BRIGHTNESS = 0x5587,
    SIGNS = 0x5588,
};

#define SYSTEM_RESET (0x82)
#define BOTH_FLIPS (0x06)
#define FORMAT_RGB565 (0x61) // the high byte first
#define FORMAT_UYVY (0x32)
#define ISP_RGB (1)
#define TEST_BARS (0x80)

static const chip_register_t defaults[] = {
    { 0x3008, 0x42 }, { 0x3103, 0x03 }, { 0x3017, 0xFF }, { 0x3018, 0xFF }, { 0x3034, 0x1A }, { 0x3035, 0x41 },
    { 0x3036, 0x90 }, { 0x3037, 0x13 }, { 0x3108, 0x01 }, { 0x3630, 0x36 }, { 0x3631, 0x0E }, { 0x3632, 0xE2 },
    { 0x3633, 0x12 }, { 0x3621, 0xE0 }, { 0x3704, 0xA0 }, { 0x3703, 0x5A }, { 0x3715, 0x78 }, { 0x3717, 0x01 },
    { 0x370B, 0x60 }, { 0x3705, 0x1A }, { 0x3905, 0x02 }, { 0x3906, 0x10 }, { 0x3901, 0x0A }, { 0x3731, 0x12 },
    { 0x3600, 0x08 }, { 0x3601, 0x33 }, { 0x302D, 0x60 }, { 0x3620, 0x52 }, { 0x371B, 0x20 }, { 0x471C, 0x50 },
    { 0x3A13, 0x43 }, { 0x3A18, 0x00 }, { 0x3A19, 0xF8 }, { 0x3635, 0x13 }, { 0x3636, 0x03 }, { 0x3634, 0x40 },
    { 0x3622, 0x01 }, { 0x3C01, 0x34 }, { 0x3C04, 0x28 }, { 0x3C05, 0x98 }, { 0x3C06, 0x00 }, { 0x3C07, 0x07 },
    { 0x3C08, 0x00 }, { 0x3C09, 0x1C }, { 0x3C0A, 0x9C }, { 0x3C0B, 0x40 }, { 0x3708, 0x64 }, { 0x4001, 0x02 },
    { 0x4005, 0x1A }, { 0x3000, 0x00 }, { 0x3004, 0xFF }, { 0x300E, 0x58 }, { 0x302E, 0x00 }, { 0x3820, 0x40 },
    { 0x3821, 0x00 }, { 0x3814, 0x71 }, { 0x3815, 0x35 }, { 0x3618, 0x00 }, { 0x3612, 0x29 }, { 0x3709, 0x52 },
    { 0x370C, 0x03 }, { 0x3A02, 0x02 }, { 0x3A03, 0xE0 }, { 0x3A14, 0x02 }, { 0x3A15, 0xE0 }, { 0x4004, 0x02 },
    { 0x3002, 0x1C }, { 0x3006, 0xC3 }, { 0x4713, 0x03 }, { 0x4407, 0x04 }, { 0x460B, 0x37 }, { 0x460C, 0x20 },
    { 0x4837, 0x16 }, { 0x3824, 0x04 }, { 0x5001, 0xA3 }, { 0x3503, 0x00 }, { 0x440E, 0x00 }, { 0x5000, 0xA7 },
    { 0x3A0F, 0x30 }, { 0x3A10, 0x28 }, { 0x3A1B, 0x30 }, { 0x3A1E, 0x26 }, { 0x3A11, 0x60 }, { 0x3A1F, 0x14 },
    { 0x5800, 0x23 }, { 0x5801, 0x14 }, { 0x5802, 0x0F }, { 0x5803, 0x0F }, { 0x5804, 0x12 }, { 0x5805, 0x26 },
    { 0x5806, 0x0C }, { 0x5807, 0x08 }, { 0x5808, 0x05 }, { 0x5809, 0x05 }, { 0x580A, 0x08 }, { 0x580B, 0x0D },
    { 0x580C, 0x08 }, { 0x580D, 0x03 }, { 0x580E, 0x00 }, { 0x580F, 0x00 }, { 0x5810, 0x03 }, { 0x5811, 0x09 },
    { 0x5812, 0x07 }, { 0x5813, 0x03 }, { 0x5814, 0x00 }, { 0x5815, 0x01 }, { 0x5816, 0x03 }, { 0x5817, 0x08 },
    { 0x5818, 0x0D }, { 0x5819, 0x08 }, { 0x581A, 0x05 }, { 0x581B, 0x06 }, { 0x581C, 0x08 }, { 0x581D, 0x0E },
    { 0x581E, 0x29 }, { 0x581F, 0x17 }, { 0x5820, 0x11 }, { 0x5821, 0x11 }, { 0x5822, 0x15 }, { 0x5823, 0x28 },
    { 0x5824, 0x46 }, { 0x5825, 0x26 }, { 0x5826, 0x08 }, { 0x5827, 0x26 }, { 0x5828, 0x64 }, { 0x5829, 0x26 },
    { 0x582A, 0x24 }, { 0x582B, 0x22 }, { 0x582C, 0x24 }, { 0x582D, 0x24 }, { 0x582E, 0x06 }, { 0x582F, 0x22 },
    { 0x5830, 0x40 }, { 0x5831, 0x42 }, { 0x5832, 0x24 }, { 0x5833, 0x26 }, { 0x5834, 0x24 }, { 0x5835, 0x22 },
    { 0x5836, 0x22 }, { 0x5837, 0x26 }, { 0x5838, 0x44 }, { 0x5839, 0x24 }, { 0x583A, 0x26 }, { 0x583B, 0x28 },
    { 0x583C, 0x42 }, { 0x583D, 0xCE }, { 0x5180, 0xFF }, { 0x5181, 0xF2 }, { 0x5182, 0x00 }, { 0x5183, 0x14 },
    { 0x5184, 0x25 }, { 0x5185, 0x24 }, { 0x5186, 0x09 }, { 0x5187, 0x09 }, { 0x5188, 0x09 }, { 0x5189, 0x75 },
    { 0x518A, 0x54 }, { 0x518B, 0xE0 }, { 0x518C, 0xB2 }, { 0x518D, 0x42 }, { 0x518E, 0x3D }, { 0x518F, 0x56 },
    { 0x5190, 0x46 }, { 0x5191, 0xF8 }, { 0x5192, 0x04 }, { 0x5193, 0x70 }, { 0x5194, 0xF0 }, { 0x5195, 0xF0 },
    { 0x5196, 0x03 }, { 0x5197, 0x01 }, { 0x5198, 0x04 }, { 0x5199, 0x12 }, { 0x519A, 0x04 }, { 0x519B, 0x00 },
    { 0x519C, 0x06 }, { 0x519D, 0x82 }, { 0x519E, 0x38 }, { 0x5480, 0x01 }, { 0x5481, 0x08 }, { 0x5482, 0x14 },
    { 0x5483, 0x28 }, { 0x5484, 0x51 }, { 0x5485, 0x65 }, { 0x5486, 0x71 }, { 0x5487, 0x7D }, { 0x5488, 0x87 },
    { 0x5489, 0x91 }, { 0x548A, 0x9A }, { 0x548B, 0xAA }, { 0x548C, 0xB8 }, { 0x548D, 0xCD }, { 0x548E, 0xDD },
    { 0x548F, 0xEA }, { 0x5490, 0x1D }, { 0x5381, 0x1E }, { 0x5382, 0x5B }, { 0x5383, 0x08 }, { 0x5384, 0x0A },
    { 0x5385, 0x7E }, { 0x5386, 0x88 }, { 0x5387, 0x7C }, { 0x5388, 0x6C }, { 0x5389, 0x10 }, { 0x538A, 0x01 },
    { 0x538B, 0x98 }, { 0x5580, 0x06 }, { 0x5583, 0x40 }, { 0x5584, 0x10 }, { 0x5589, 0x10 }, { 0x558A, 0x00 },
    { 0x558B, 0xF8 }, { 0x501D, 0x40 }, { 0x5300, 0x08 }, { 0x5301, 0x30 }, { 0x5302, 0x10 }, { 0x5303, 0x00 },
    { 0x5304, 0x08 }, { 0x5305, 0x30 }, { 0x5306, 0x08 }, { 0x5307, 0x16 }, { 0x5309, 0x08 }, { 0x530A, 0x30 },
    { 0x530B, 0x04 }, { 0x530C, 0x06 }, { 0x5025, 0x00 }, { 0x3008, 0x02 }, { 0x4740, 0x21 },
};

static int identify(uint8_t found[2]) {
    int high = chip_read(CHIP, CHIP_ID_HIGH);
    int low = chip_read(CHIP, CHIP_ID_LOW);
    if (high < 0 || low < 0) {
        return DVP_ERR_TIMEOUT;
    }
    found[0] = high;
    found[1] = low;
    return DVP_OK;
}

static int load_defaults(void) {
    const chip_register_t reset[] = { { CLOCK, 0x11 }, { SYSTEM, SYSTEM_RESET } };
    int result = chip_write_all(CHIP, reset, COUNT(reset));
    clint_wait_us(SOFT_RESET_US);
    return result == DVP_OK ? chip_write_all(CHIP, defaults, COUNT(defaults)) : result;
}

static int set_yuv(bool yuv) {
    const chip_register_t registers[] = {
        { FORMAT, yuv ? FORMAT_UYVY : FORMAT_RGB565 },
        { ISP_FORMAT, yuv ? 0 : ISP_RGB },
    };
    return chip_write_all(CHIP, registers, COUNT(registers));
}

static int set_size(const chip_size_t *size) {
    // The array's pixels for one of the frame, in 1/65536: the frame covers as much of the array as its sides allow.
    uint32_t step_x = (ARRAY_W << 16) / size->frame_w;
    uint32_t step_y = (ARRAY_H << 16) / size->frame_h;
    uint32_t step = step_x < step_y ? step_x : step_y;
    uint32_t left = ((ARRAY_W - (size->frame_w * step >> 16)) / 2 + (size->x * step >> 16)) & ~1u;
    uint32_t top = ((ARRAY_H - (size->frame_h * step >> 16)) / 2 + (size->y * step >> 16)) & ~1u;
    uint32_t right = left + (size->w * step >> 16) + MARGIN_X - 1;
    uint32_t bottom = top + (size->h * step >> 16) + MARGIN_Y - 1;
    // From X_START on, each as high and low byte.
    const uint16_t values[] = {
        left, top, right, bottom, size->w, size->h, LINE_CLOCKS, FRAME_LINES,
        MARGIN_X / 2 / EVERY, MARGIN_Y / 2 / EVERY,
    };
    int result = DVP_OK;
    for (size_t i = 0; result == DVP_OK && i < COUNT(values); i++) {
        uint16_t number = X_START + 2 * i;
        const chip_register_t pair[] = { { number, values[i] >> 8 }, { number + 1, values[i] & 0xFF } };
        result = chip_write_all(CHIP, pair, COUNT(pair));
    }
    return result;
}

static int set_brightness(int level) {
    const chip_register_t registers[] = {
        { BRIGHTNESS, (level < 0 ? -level : level) << 4 },
        { SIGNS, level < 0 ? 0x09 : 0x01 },
    };
    return chip_write_all(CHIP, registers, COUNT(registers));
}

static int set_gain_ceiling(int power) {
    uint32_t sixteenths = (2u << power) * 16;
    sixteenths = sixteenths > 0x3FF ? 0x3FF : sixteenths;
    const chip_register_t registers[] = { { GAIN_CEILING, sixteenths >> 8 }, { GAIN_CEILING + 1, sixteenths & 0xFF } };
    return chip_write_all(CHIP, registers, COUNT(registers));
}

// The exposure is in 1/16 lines, the gain in 1/16 itself.
static int get(chip_setting_t setting) {
    uint32_t value = 0;
    uint16_t last = setting == CHIP_GAIN ? AGC + 1 : EXPOSURE + 2;
    for (uint16_t number = setting == CHIP_GAIN ? AGC : EXPOSURE; number <= last; number++) {
        int byte = chip_read(CHIP, number);
        if (byte < 0) {
            return byte;
        }
        value = value << 8 | byte;
    }
    return setting == CHIP_GAIN ? value & 0x3FF : (value & 0xFFFFF) >> 4;
}

static int set_exposure(int lines) {
    const chip_register_t registers[] = {
        { EXPOSURE, lines >> 12 & 15 }, { EXPOSURE + 1, lines >> 4 }, { EXPOSURE + 2, lines << 4 },
    };
    return chip_write_all(CHIP, registers, COUNT(registers));
}

static int set_gain(int sixteenths) {
    int most = sixteenths > 0x3FF ? 0x3FF : sixteenths;
    const chip_register_t registers[] = { { AGC, most >> 8 }, { AGC + 1, most } };
    return chip_write_all(CHIP, registers, COUNT(registers));
}

static int set(chip_setting_t setting, int value) {
    switch (setting) {
        case CHIP_HMIRROR:
            return chip_update(CHIP, MIRROR, BOTH_FLIPS, value ? BOTH_FLIPS : 0);
        case CHIP_VFLIP:
            return chip_update(CHIP, FLIP, BOTH_FLIPS, value ? BOTH_FLIPS : 0);
        case CHIP_COLORBAR:
            return chip_write(CHIP, TEST_PICTURE, value ? TEST_BARS : 0);
        case CHIP_AUTO_GAIN:
            return chip_update(CHIP, AEC_MANUAL, 2, value ? 0 : 2);
        case CHIP_AUTO_EXPOSURE:
            return chip_update(CHIP, AEC_MANUAL, 1, value ? 0 : 1);
        case CHIP_AUTO_WHITEBAL:
            return chip_update(CHIP, AWB_MANUAL, 1, value ? 0 : 1);
        case CHIP_CONTRAST:
            return chip_write(CHIP, CONTRAST, (value + 4) << 3);
        case CHIP_BRIGHTNESS:
            return set_brightness(value);
        case CHIP_GAINCEILING:
            return set_gain_ceiling(value);
        case CHIP_GAIN:
            return set_gain(value);
        case CHIP_EXPOSURE:
            return set_exposure(value);
        case CHIP_SATURATION: // eleven numbers of a matrix
        case CHIP_FRAMERATE:
            break;
    }
    return CHIP_NO_SUCH_SETTING;
}

const chip_t chip_ov5640 = {
    .name = "ov5640",
    .address = 0x78,
    .reg_len = 16,
    .identity = { 0x56, 0x40 },
    .xclk_hz = 24000000,
    .color = DVP_FORMAT_RGB565,
    .identify = identify,
    .load_defaults = load_defaults,
    .set_yuv = set_yuv,
    .set_size = set_size,
    .set = set,
    .get = get,
    .frame_lines = FRAME_LINES,
};
