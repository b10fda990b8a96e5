// SPDX-License-Identifier: MIT
// The conversions of lab.h, in fixed point from sRGB and in floats back.
#include <math.h>

#include "lab.h"

#define LEVELS (256)
#define STEPS (1024)
#define LINEAR_ONE (1u << 20)
#define ROOT_ONE (1 << 15)
// Where CIE's root becomes a straight line, and that line.
#define KINK (216.0 / 24389)
#define SLOPE (841.0 / 108)
#define OFFSET (4.0 / 29)

// The linear light of an eight-bit value in 2^-20, and CIE's root of 0 to 1 in 2^-15.
static uint32_t linear[LEVELS];
static uint16_t root[STEPS + 1];

// X, Y and Z over the white point's, in 2^-16; every row has the sum 1, so that grey has no colour.
static const uint16_t to_xyz[3][3] = {
    { 28439, 24656, 12441 },
    { 13938, 46868, 4730 },
    { 1164, 7174, 57198 },
};

static const double from_xyz[3][3] = {
    { 3.2404542, -1.5371385, -0.4985314 },
    { -0.9692660, 1.8760108, 0.0415560 },
    { 0.0556434, -0.2040259, 1.0572252 },
};
static const double white[3] = { 0.95047, 1, 1.08883 };

static void make_tables(void) {
    for (int i = 0; i < LEVELS; i++) {
        double v = i / 255.0;
        linear[i] = lround(LINEAR_ONE * (v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4)));
    }
    for (int i = 0; i <= STEPS; i++) {
        double t = (double)i / STEPS;
        root[i] = lround(ROOT_ONE * (t > KINK ? cbrt(t) : SLOPE * t + OFFSET));
    }
}

static int root_of(const uint16_t *factors, const uint32_t *light) {
    uint64_t t = (uint64_t)factors[0] * light[0] + (uint64_t)factors[1] * light[1] + (uint64_t)factors[2] * light[2];
    uint32_t step = t >> 26;
    int part = t >> 10 & 0xFFFF;
    return step == STEPS ? root[STEPS] : root[step] + ((root[step + 1] - root[step]) * part >> 16);
}

static int rounded(int scaled) {
    return (scaled + ROOT_ONE / 2) >> 15;
}

lab_t lab_of(rgb_t rgb) {
    if (root[STEPS] == 0) {
        make_tables();
    }
    const uint32_t light[] = { linear[rgb.r], linear[rgb.g], linear[rgb.b] };
    int x = root_of(to_xyz[0], light);
    int y = root_of(to_xyz[1], light);
    int z = root_of(to_xyz[2], light);
    return (lab_t) { rounded(116 * y - 16 * ROOT_ONE), rounded(500 * (x - y)), rounded(200 * (y - z)) };
}

static uint8_t level(double light) {
    double v = light <= 0.0031308 ? light * 12.92 : 1.055 * pow(light, 1 / 2.4) - 0.055;
    return lround(255 * fmin(fmax(v, 0), 1));
}

rgb_t lab_to_rgb(lab_t lab) {
    double y = (lab.l + 16) / 116.0;
    const double roots[] = { y + lab.a / 500.0, y, y - lab.b / 200.0 };
    double xyz[3];
    for (int i = 0; i < 3; i++) {
        double cube = roots[i] * roots[i] * roots[i];
        xyz[i] = white[i] * (cube > KINK ? cube : (roots[i] - OFFSET) / SLOPE);
    }
    uint8_t rgb[3];
    for (int i = 0; i < 3; i++) {
        rgb[i] = level(from_xyz[i][0] * xyz[0] + from_xyz[i][1] * xyz[1] + from_xyz[i][2] * xyz[2]);
    }
    return (rgb_t) { rgb[0], rgb[1], rgb[2] };
}
