// SPDX-License-Identifier: MIT
// Registers of a sensor over the control bus, and the search for which sensor there is.
#include "modules/sensor/chip.h"
#include "sdk/clint.h"

#define POWER_DOWN_US (10000)
#define WAKE_US (30000)

// Of those at one address first the one whose registers can be read without harm to the other.
static const chip_t *const kinds[CHIP_KINDS] = { &chip_ov2640, &chip_ov7740, &chip_gc0328, &chip_ov5640 };

int chip_write(const chip_t *chip, uint16_t number, uint8_t value) {
    return dvp_sccb_send_data(chip->address, number, value);
}

int chip_read(const chip_t *chip, uint16_t number) {
    return dvp_sccb_receive_data(chip->address, number);
}

int chip_write_all(const chip_t *chip, const chip_register_t *registers, size_t count) {
    int result = DVP_OK;
    for (size_t i = 0; result == DVP_OK && i < count; i++) {
        result = chip_write(chip, registers[i].number, registers[i].value);
    }
    return result;
}

int chip_update(const chip_t *chip, uint16_t number, uint8_t mask, uint8_t bits) {
    int was = chip_read(chip, number);
    return was < 0 ? was : chip_write(chip, number, (was & ~mask) | (bits & mask));
}

uint8_t chip_gain_bits(uint32_t sixteenths) {
    uint8_t doubled = 0;
    for (; sixteenths >= 32 && doubled < 0xF0; sixteenths /= 2) {
        doubled = doubled << 1 | 0x10;
    }
    return doubled | (sixteenths < 16 ? 0 : sixteenths > 31 ? 15 : sixteenths - 16);
}

int chip_gain_of(int bits) {
    return bits < 0 ? bits : (16 + (bits & 15)) << __builtin_popcount(bits >> 4 & 15);
}

static bool is_wanted(const chip_t *chip, bool omnivision, bool galaxycore) {
    return chip->galaxycore ? galaxycore : omnivision;
}

static bool is_there(const chip_t *chip, uint8_t found[2]) {
    dvp_set_reg_len(chip->reg_len);
    return chip->identify(found) == DVP_OK && found[0] == chip->identity[0] && found[1] == chip->identity[1];
}

const chip_t *chip_detect(uint32_t xclk_hz, bool omnivision, bool galaxycore, chip_answer_t answers[CHIP_KINDS]) {
    // Levels of reset and power-down with which a sensor works; all but the first are for boards wired in reverse.
    static const struct {
        bool reset, power_down;
    } levels[] = { { true, false }, { true, true }, { false, false }, { false, true } };
    dvp_set_xclk_rate(xclk_hz);
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        dvp_set_pins(!levels[i].reset, !levels[i].power_down);
        clint_wait_us(POWER_DOWN_US);
        dvp_set_pins(!levels[i].reset, levels[i].power_down);
        clint_wait_us(POWER_DOWN_US);
        dvp_set_pins(levels[i].reset, levels[i].power_down);
        clint_wait_us(WAKE_US);
        for (size_t kind = 0; kind < CHIP_KINDS; kind++) {
            if (!is_wanted(kinds[kind], omnivision, galaxycore)) {
                continue;
            }
            uint8_t found[2] = { 0xFF, 0xFF };
            if (is_there(kinds[kind], found)) {
                return kinds[kind];
            }
            if (i == 0) {
                answers[kind] = (chip_answer_t) { kinds[kind], { found[0], found[1] } };
            }
        }
    }
    return NULL;
}
