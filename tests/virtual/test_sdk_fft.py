# SPDX-License-Identifier: MIT
"""sdk/fft.c on the virtual board, against numpy, forth and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from virtual.bare import build

SOURCE = """
#include "fft.h"
static uint64_t area[512] IOMEM_UNCACHED_ONLY;
static void steps(void) {
    fft_data_t *points = iomem_uncached(area);
    uint64_t *words = iomem_uncached(area), *out = words + 256;
    for (int i = 0; i < %(count)d / 2; i++) {
        points[i] = (fft_data_t){ .R1 = i * 37 %% 101 - 50, .I1 = i * 11 %% 90, .R2 = i, .I2 = -i };
    }
    result[0] = fft_complex_uint16_dma(DMAC_CHANNEL0, DMAC_CHANNEL1, 0, FFT_DIR_FORWARD, words, %(count)d, out);
    for (int i = 0; i < %(count)d / 2; i++) {
        ((volatile uint64_t *)result)[128 + i %% 128] = out[i];
    }
    result[1] = fft_complex_uint16_dma(DMAC_CHANNEL0, DMAC_CHANNEL1, 0x1ff, FFT_DIR_BACKWARD, out, %(count)d, out);
    for (int i = 0; i < %(count)d / 2; i++) {
        const fft_data_t *back = (const fft_data_t *)(out + i);
        int64_t error = llabs(back->R1 - points[i].R1) + llabs(back->I2 - points[i].I2);
        result[2] = error > result[2] ? error : result[2];
    }
    result[3] = fft_complex_uint16_dma(DMAC_CHANNEL0, DMAC_CHANNEL1, 0, FFT_DIR_FORWARD, words, 100, out);
    result[4] = fft_complex_uint16_dma(DMAC_CHANNEL0, DMAC_CHANNEL0, 0, FFT_DIR_FORWARD, words, 64, out);
    result[5] = fft_complex_uint16_dma(DMAC_CHANNEL0, DMAC_CHANNEL1, 0, FFT_DIR_FORWARD, (uint64_t *)0x80000000ul,
        64, out);
}
"""  # noqa: E501


@pytest.mark.parametrize("count", [64, 256])
def test_forth_and_back(tmp_path: Path, count: int) -> None:
    built = build(tmp_path, "#include <stdlib.h>\n" + SOURCE % {"count": count})
    built.run()
    assert [built.result(index) for index in (0, 1, 3, 4, 5)] == [0, 0, -1, -1, -1]
    assert built.result(2) <= 6
    halves = np.frombuffer(built.bytes("result", 4 * count, 128 * 8), "<i2").astype(float)
    got = halves[1::2] + 1j * halves[0::2]
    i = np.arange(count // 2)
    points = np.empty(count, complex)
    points[0::2] = (i * 37 % 101 - 50) + 1j * (i * 11 % 90)
    points[1::2] = i - 1j * i
    wanted = np.fft.fft(points)
    assert np.abs(got - wanted).max() < 4e-3 * np.abs(wanted).max()
