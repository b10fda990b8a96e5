// SPDX-License-Identifier: MIT
// time.clock of time_clock.h: tick() begins a frame, fps() and avg() end it and give the rate and the milliseconds of all
// since reset().
#include "py/mphal.h"
#include "py/runtime.h"

#include "time_clock.h"

typedef struct {
    mp_obj_base_t base;
    uint64_t start, sum; // us
    uint32_t frames;
} clock_obj_t;

static mp_obj_t make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    (void)args;
    mp_arg_check_num(n_args, n_kw, 0, 0, false);
    clock_obj_t *self = mp_obj_malloc(clock_obj_t, type);
    self->start = mp_hal_ticks_us64();
    self->sum = self->frames = 0;
    return MP_OBJ_FROM_PTR(self);
}

static mp_obj_t tick(mp_obj_t self_in) {
    clock_obj_t *self = MP_OBJ_TO_PTR(self_in);
    self->start = mp_hal_ticks_us64();
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(tick_obj, tick);

static mp_float_t end(clock_obj_t *self) {
    self->sum += mp_hal_ticks_us64() - self->start;
    self->frames++;
    return (mp_float_t)self->sum / self->frames;
}

static mp_obj_t fps(mp_obj_t self) {
    mp_float_t us = end(MP_OBJ_TO_PTR(self));
    return mp_obj_new_float(us > 0 ? 1e6 / us : 0);
}
static MP_DEFINE_CONST_FUN_OBJ_1(fps_obj, fps);

static mp_obj_t avg(mp_obj_t self) {
    return mp_obj_new_float(end(MP_OBJ_TO_PTR(self)) / 1000);
}
static MP_DEFINE_CONST_FUN_OBJ_1(avg_obj, avg);

static mp_obj_t reset(mp_obj_t self_in) {
    clock_obj_t *self = MP_OBJ_TO_PTR(self_in);
    self->start = mp_hal_ticks_us64();
    self->sum = self->frames = 0;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(reset_obj, reset);

static const mp_rom_map_elem_t locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_tick), MP_ROM_PTR(&tick_obj) },
    { MP_ROM_QSTR(MP_QSTR_fps), MP_ROM_PTR(&fps_obj) },
    { MP_ROM_QSTR(MP_QSTR_avg), MP_ROM_PTR(&avg_obj) },
    { MP_ROM_QSTR(MP_QSTR_reset), MP_ROM_PTR(&reset_obj) },
};
static MP_DEFINE_CONST_DICT(locals, locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    time_clock_type,
    MP_QSTR_clock,
    MP_TYPE_FLAG_NONE,
    make_new, make_new,
    locals_dict, &locals
    );
