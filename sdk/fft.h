// SPDX-License-Identifier: MIT
// FFT by the chip, moved by two DMA channels.
#ifndef FFT_H
#define FFT_H

#include <stddef.h>
#include <stdint.h>

#include "dmac.h"

enum {
    FFT_OK = 0,
    FFT_ERR_ARG = -1,     // another number of points than 64, 128, 256 and 512, or buffers that DMA cannot have
    FFT_ERR_TIMEOUT = -2, // the block or the DMA controller did not finish
};

#define FFT_POINTS_MAX (512)

// Two points, as the block takes and gives them.
typedef struct {
    int16_t I1;
    int16_t R1;
    int16_t I2;
    int16_t R2;
} fft_data_t;

typedef enum {
    FFT_DIR_BACKWARD,
    FFT_DIR_FORWARD,
    FFT_DIR_MAX,
} fft_direction_t;

// Transforms point_num points. Bit n of `shift` halves what layer n of the butterflies gives: without enough of them
// large signals overflow, with all of them a backward transform gives the mean. Both buffers are uncached, aligned to
// 8 bytes, belong to DMA until the function returns, and may be the same.
int fft_complex_uint16_dma(dmac_channel_number_t dma_send_channel_num, dmac_channel_number_t dma_receive_channel_num,
    uint16_t shift, fft_direction_t direction, const uint64_t *input, size_t point_num, uint64_t *output);

#endif // FFT_H
