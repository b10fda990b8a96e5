// SPDX-License-Identifier: MIT
// DVP: a camera's clock, control bus and frames.
//
// Frames are taken on demand: each goes into memory that was queued for it, as RGB565 (two pixels a word, the first in
// the high half) and as three planes of bytes, and the block is idle in between. The block writes memory, not the
// cache, so it is given uncached addresses only, and from dvp_queue() until the frame is done they belong to it.
#ifndef DVP_H
#define DVP_H

#include <stdbool.h>
#include <stdint.h>

enum {
    DVP_OK = 0,
    DVP_ERR_ARG = -1,     // a size, address or format that the block cannot have, or two frames are queued already
    DVP_ERR_TIMEOUT = -2, // the control bus or a frame did not finish
};

typedef enum {
    DVP_FORMAT_RGB565, // what the sensor sends, the high byte first
    DVP_FORMAT_YUV422, // colour first
    DVP_FORMAT_Y,      // as YUV422, and only the brightness is taken
} dvp_format_t;

typedef enum {
    DVP_FRAME_FREE,
    DVP_FRAME_QUEUED, // waits for the start of a frame, or is being written
    DVP_FRAME_DONE,
} dvp_frame_state_t;

typedef struct {
    void *rgb565;           // NULL: not wanted
    uint8_t *r, *g, *b;
    volatile uint8_t state; // a dvp_frame_state_t; done is set by the interrupt
} dvp_frame_t;

// Clock, reset, interrupt; control bus with register numbers of 8 or 16 bits. The sensor is held in reset, and has no
// clock.
void dvp_init(uint8_t reg_len);
void dvp_set_reg_len(uint8_t reg_len);
// The sensor's clock, the rate nearest to hz, which is returned.
uint32_t dvp_set_xclk_rate(uint32_t hz);
// Levels of the sensor's pins.
void dvp_set_pins(bool reset, bool power_down);

// The bus has no acknowledge: a sensor that is not there reads as 0xFF. dev_addr is the address with room for the
// direction bit. Receive gives the byte, or an error.
int dvp_sccb_send_data(uint8_t dev_addr, uint16_t reg_addr, uint8_t reg_data);
int dvp_sccb_receive_data(uint8_t dev_addr, uint16_t reg_addr);

// Width a multiple of 8, at most 640 x 480. Nothing may be queued.
int dvp_set_image(dvp_format_t format, uint32_t width, uint32_t height);
// Takes the next frame that begins into this memory, after one that is queued already.
int dvp_queue(dvp_frame_t *frame);
// Drops what is queued; after this the block writes nothing. A frame that is being written is waited for, half a
// second at most: then the block is reset, and with its pins the sensor, and the error says so.
int dvp_stop(void);

#endif // DVP_H
