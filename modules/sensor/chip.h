// SPDX-License-Identifier: MIT
// What a kind of camera sensor is to this module: a table of facts and of calls that set its registers.
#ifndef SENSOR_CHIP_H
#define SENSOR_CHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sdk/dvp.h"

// A part of a frame: `frame_w` x `frame_h` is how far the picture is scaled down, the rest what of it is sent.
typedef struct {
    uint16_t frame_w, frame_h;
    uint16_t x, y, w, h;
} chip_size_t;

typedef enum {
    CHIP_HMIRROR,
    CHIP_VFLIP,
    CHIP_COLORBAR,
    CHIP_AUTO_GAIN,
    CHIP_AUTO_EXPOSURE,
    CHIP_AUTO_WHITEBAL,
    CHIP_CONTRAST,    // -2 to 2, and so the next two
    CHIP_BRIGHTNESS,
    CHIP_SATURATION,
    CHIP_GAINCEILING, // 0 to 6: 2 to 128 times
    CHIP_FRAMERATE,   // frames a second
    CHIP_GAIN,        // in 1/16; it stays where the automatic one is off, and so the next
    CHIP_EXPOSURE,    // lines of a frame
} chip_setting_t;

#define CHIP_NO_SUCH_SETTING (1)

// Calls give 0, an error of dvp.h, or CHIP_NO_SUCH_SETTING.
typedef struct {
    const char *name;
    bool galaxycore;          // the maker, else OmniVision
    uint8_t address;          // with room for the direction bit
    uint8_t reg_len;          // bits of a register's number
    uint8_t identity[2];      // what identify() finds
    uint32_t xclk_hz;
    dvp_format_t color;       // what is sent where nothing else is asked for
    int (*identify)(uint8_t found[2]);
    int (*load_defaults)(void); // soft reset, then the settings that nobody changes
    int (*set_yuv)(bool yuv);   // YUV422 with the colour first, or `color`
    int (*set_size)(const chip_size_t *size);
    int (*set)(chip_setting_t setting, int value);
    int (*get)(chip_setting_t setting); // gain or exposure, below 0 an error; NULL: neither can be set
    uint16_t frame_lines;               // dark ones, too, at the rate that was set
} chip_t;

extern const chip_t chip_ov2640;
extern const chip_t chip_ov7740;
extern const chip_t chip_gc0328;
extern const chip_t chip_ov5640;

// -- chip.c

typedef struct {
    uint16_t number;
    uint8_t value;
} chip_register_t;

// In order: some registers are written twice, or mean something else after another one.
int chip_write_all(const chip_t *chip, const chip_register_t *registers, size_t count);
int chip_write(const chip_t *chip, uint16_t number, uint8_t value);
int chip_read(const chip_t *chip, uint16_t number);
// Sets some bits and leaves the others.
int chip_update(const chip_t *chip, uint16_t number, uint8_t mask, uint8_t bits);

// Gains as OmniVision's 8-bit registers have them: each of the four high bits doubles, the low ones are 1/16.
uint8_t chip_gain_bits(uint32_t sixteenths);
int chip_gain_of(int bits);

typedef struct {
    const chip_t *chip; // tried
    uint8_t found[2];   // in place of its identity
} chip_answer_t;

#define CHIP_KINDS (4)

// Powers the sensor up and finds out what it is; NULL where no kind's identity is found, and then what was read.
const chip_t *chip_detect(uint32_t xclk_hz, bool omnivision, bool galaxycore, chip_answer_t answers[CHIP_KINDS]);

#endif // SENSOR_CHIP_H
