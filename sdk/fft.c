// SPDX-License-Identifier: MIT
// Runs the FFT block between two DMA channels.
#include "fft.h"
#include "regs/fft.h"
#include "sysctl.h"

#define SHIFT_MASK (0x1FFu)

int fft_complex_uint16_dma(dmac_channel_number_t dma_send_channel_num, dmac_channel_number_t dma_receive_channel_num,
    uint16_t shift, fft_direction_t direction, const uint64_t *input, size_t point_num, uint64_t *output) {
    uint32_t size = 0;
    while (size < 4 && (size_t)FFT_POINTS_MAX >> size != point_num) {
        size++;
    }
    if (size == 4 || shift > SHIFT_MASK || (unsigned)direction >= FFT_DIR_MAX
        || dma_send_channel_num == dma_receive_channel_num) {
        return FFT_ERR_ARG;
    }
    sysctl_clock_enable(SYSCTL_CLOCK_FFT);
    sysctl_reset(SYSCTL_RESET_FFT);
    FFT->ctrl = size | (direction == FFT_DIR_FORWARD ? FFT_CTRL_FORWARD : 0)
        | (uint32_t)shift << FFT_CTRL_SHIFT_SHIFT | FFT_CTRL_DMA | FFT_CTRL_ENABLE;
    sysctl_dma_select((sysctl_dma_channel_t)dma_receive_channel_num, SYSCTL_DMA_SELECT_FFT_RX_REQ);
    sysctl_dma_select((sysctl_dma_channel_t)dma_send_channel_num, SYSCTL_DMA_SELECT_FFT_TX_REQ);
    int result = dmac_set_single_mode(dma_receive_channel_num, (void *)&FFT->output_fifo, output, DMAC_ADDR_NOCHANGE,
        DMAC_ADDR_INCREMENT, DMAC_MSIZE_4, DMAC_TRANS_WIDTH_64, point_num / 2);
    if (result != DMAC_OK) {
        return FFT_ERR_ARG;
    }
    result = dmac_set_single_mode(dma_send_channel_num, input, (void *)&FFT->input_fifo, DMAC_ADDR_INCREMENT,
        DMAC_ADDR_NOCHANGE, DMAC_MSIZE_4, DMAC_TRANS_WIDTH_64, point_num / 2);
    if (result != DMAC_OK) {
        dmac_abort(dma_receive_channel_num);
        return FFT_ERR_ARG;
    }
    int sent = dmac_wait_done(dma_send_channel_num);
    int received = dmac_wait_done(dma_receive_channel_num);
    return sent == DMAC_OK && received == DMAC_OK ? FFT_OK : FFT_ERR_TIMEOUT;
}
