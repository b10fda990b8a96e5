// SPDX-License-Identifier: MIT
// What the files of module sensor share: the state of the camera, and what each of them gives to the module's table.
#ifndef SENSOR_H
#define SENSOR_H

#include "py/obj.h"

#include "modules/sensor/chip.h"
#include "modules/sensor/frames.h"

typedef struct {
    const chip_t *chip;  // NULL: none was found, or it has lost its settings
    bool has_format, has_size;
    bool gray, yuv, stopped, off;
    uint8_t buffers;
    uint8_t rate;        // frames a second
    chip_size_t size;
    uint8_t *place;        // in AI RAM, for planes of this size; NULL: frames have their own
    uint16_t place_w, place_h;
} sensor_t;

extern sensor_t sensor;

// Numbers of frame sizes are places in this table, in MaixPy's order.
enum {
    QQCIF = 1,
    QCIF,
    CIF,
    QQSIF,
    QSIF,
    SIF,
    QQQQVGA,
    QQQVGA,
    QQVGA,
    QVGA,
    VGA,
    HQQQVGA,
    HQQVGA,
    HQVGA,
    B64X32,
    B64X64,
    B128X64,
    B128X128,
    B240X240,
    LCD,
    QQVGA2,
    WVGA,
    WVGA2,
    SVGA,
    SXGA,
    UXGA,
    FRAME_SIZES,
};

#define SENSOR_DEFAULT_RATE (30)

enum { RGB565 = IMAGE_RGB565, YUV422 = 3, GRAYSCALE = IMAGE_GRAYSCALE };

// -- modsensor.c

// The sensor, or TypeError.
const chip_t *sensor_chip(void);
// Frames of the present size are not wanted any more.
void sensor_drop_frames(void);
// What a register access gave: OSError where it is an error.
void sensor_check(int result);
// Has the sensor send what the present pixel format needs.
int sensor_send_format(const chip_t *chip);

// -- sensor_reset.c

MP_DECLARE_CONST_FUN_OBJ_KW(sensor_reset_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(sensor_binocular_reset_obj);

// -- sensor_size.c

MP_DECLARE_CONST_FUN_OBJ_KW(sensor_set_pixformat_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(sensor_set_framesize_obj);
MP_DECLARE_CONST_FUN_OBJ_1(sensor_set_windowing_obj);

// -- sensor_settings.c

MP_DECLARE_CONST_FUN_OBJ_1(sensor_set_hmirror_obj);
MP_DECLARE_CONST_FUN_OBJ_1(sensor_set_vflip_obj);
MP_DECLARE_CONST_FUN_OBJ_1(sensor_set_colorbar_obj);
MP_DECLARE_CONST_FUN_OBJ_1(sensor_set_contrast_obj);
MP_DECLARE_CONST_FUN_OBJ_1(sensor_set_brightness_obj);
MP_DECLARE_CONST_FUN_OBJ_1(sensor_set_saturation_obj);
MP_DECLARE_CONST_FUN_OBJ_1(sensor_set_gainceiling_obj);
MP_DECLARE_CONST_FUN_OBJ_1(sensor_set_framerate_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(sensor_set_auto_gain_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(sensor_set_auto_exposure_obj);
MP_DECLARE_CONST_FUN_OBJ_KW(sensor_set_auto_whitebal_obj);
MP_DECLARE_CONST_FUN_OBJ_0(sensor_get_gain_db_obj);
MP_DECLARE_CONST_FUN_OBJ_0(sensor_get_exposure_us_obj);
MP_DECLARE_CONST_FUN_OBJ_0(sensor_get_rgb_gain_db_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR(sensor_not_set_obj);
MP_DECLARE_CONST_FUN_OBJ_2(sensor_write_reg_obj);
MP_DECLARE_CONST_FUN_OBJ_1(sensor_read_reg_obj);

#endif // SENSOR_H
