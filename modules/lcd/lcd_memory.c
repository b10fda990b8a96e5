// SPDX-License-Identifier: MIT
// The memory that pixels go through on their way to the display: from the pool while the display is on.
#include "py/gc.h"
#include "py/runtime.h"

#include "modules/lcd/lcd.h"
#include "pool.h"

// Lives while the display is on; when the heap goes, its finaliser gives the memory back.
typedef struct {
    mp_obj_base_t base;
    void *block;
} memory_obj_t;

MP_REGISTER_ROOT_POINTER(struct _mp_obj_base_t *lcd_memory);

static mp_obj_t del(mp_obj_t self) {
    memory_obj_t *memory = MP_OBJ_TO_PTR(self);
    pool_free(memory->block);
    memory->block = NULL;
    if (MP_STATE_VM(lcd_memory) == &memory->base) { // else another display's is on by now
        MP_STATE_VM(lcd_memory) = NULL;
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(del_obj, del);

static const mp_rom_map_elem_t locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&del_obj) },
};
static MP_DEFINE_CONST_DICT(locals, locals_table);

static MP_DEFINE_CONST_OBJ_TYPE(
    memory_type,
    MP_QSTR_memory,
    MP_TYPE_FLAG_NONE,
    locals_dict, &locals
    );

void *lcd_memory_take(void) {
    memory_obj_t *memory = (memory_obj_t *)MP_STATE_VM(lcd_memory);
    if (memory != NULL) {
        return memory->block;
    }
    memory = mp_obj_malloc_with_finaliser(memory_obj_t, &memory_type);
    memory->block = pool_alloc(ST7789_MEMORY_BYTES, POOL_DEVICE);
    if (memory->block == NULL) {
        gc_collect(); // images that nobody holds any more give their memory back
        memory->block = pool_alloc(ST7789_MEMORY_BYTES, POOL_DEVICE);
    }
    if (memory->block == NULL) {
        mp_raise_msg_varg(&mp_type_MemoryError,
            MP_ERROR_TEXT("memory overflow: the display needs %u KiB, %u KiB are free: del images and kpu.deinit() models"),
            (unsigned)(ST7789_MEMORY_BYTES / 1024), (unsigned)(pool_free_bytes() / 1024));
    }
    MP_STATE_VM(lcd_memory) = &memory->base;
    return memory->block;
}

void lcd_memory_give(void) {
    if (MP_STATE_VM(lcd_memory) != NULL) {
        del(MP_OBJ_FROM_PTR(MP_STATE_VM(lcd_memory)));
    }
}
