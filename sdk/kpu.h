// SPDX-License-Identifier: MIT
// The KPU: layers go in as twelve words each, feature maps live in AI RAM, one result can be streamed to memory.
//
// This header is a contract: sdk/kpu.c and kpu_maps.c keep it with the chip's registers, and
// tools/microkpu/native/kpu_host.c keeps it on a PC, so that the model runtime is the same code on both.
#ifndef KPU_H
#define KPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Layers that fit in the argument FIFO (the vendor's driver pushes this many at once; more is unknown).
#define KPU_FIFO_LAYERS (12)
// AI RAM is addressed in rows of 64 bytes.
#define KPU_ROW_BYTES (64)
#define KPU_ROWS (32768)
#define KPU_LAYER_WORDS (12)

enum {
    KPU_OK = 0,
    KPU_BUSY = -1,        // a run is still going on
    KPU_ERR_ARG = -2,     // a count, row or size outside what the chip has
    KPU_ERR_TIMEOUT = -3, // the chip did not finish in time; kpu_abort() has been done
    KPU_ERR_DMA = -4,     // the DMA controller reported an error; kpu_abort() has been done
};

typedef struct {
    uint64_t word[KPU_LAYER_WORDS];
} kpu_layer_t;

// Clocks, reset pulse, interrupt. Safe to call again. 0 or negative.
int kpu_init(void);

// The 32-bit bus address at which the KPU finds the bytes that the CPU has at p (the uncached alias on the chip).
uint32_t kpu_bus_address(const void *p);

// Marks in the words where the CPU must act: which layers raise an interrupt, and whether the last one's result is
// streamed. Done once to layers that will be started together, whatever their files said; the words are then the tape.
void kpu_prepare(kpu_layer_t *layers, size_t count, bool streams);

// Starts `count` prepared layers whose address fields are final; returns at once. A map that kpu_feed_map() still brings
// is waited for.
// dst == NULL: the last layer only writes AI RAM. Otherwise they were prepared with `streams`, and the last layer's result
// is also streamed, CHW and dense, to dst by DMA: dst is 64-byte aligned, given by its uncached alias, has room for `bytes`
// rounded up to 8, plus 8; the KPU owns it until kpu_poll() says otherwise.
// `layers` must stay in place until the run has ended.
int kpu_start(const kpu_layer_t *layers, size_t count, bool eight_bit_weights, void *dst, size_t bytes);

// Called at the end of every run, good or bad, in an interrupt; NULL: nobody. On a PC nobody is called.
void kpu_on_end(void (*tell)(void));

// KPU_BUSY, or the end of the run: KPU_OK or an error. On the chip the caller waits (wfi) between calls; an interrupt
// wakes it. After the end it keeps the same answer until the next start.
int kpu_poll(void);

// Ends a run and what is on its way to it at once: DMA channels off, KPU reset, interrupts quiet. Does nothing when idle.
void kpu_abort(void);

// Copies a dense planar CHW u8 map into AI RAM in the layout that the width asks for (four channels share a
// row up to width 16, two up to 32, else whole rows). By DMA where src is an uncached alias, 8-aligned and w a
// multiple of 64, else by the CPU. Gaps keep what they had. A map of such a width that lies in place already is not
// copied. Must not be called during a run.
int kpu_write_map(uint32_t row, const uint8_t *src, uint32_t w, uint32_t h, uint32_t channels);

// The same for the input of the run that is started next: a DMA transfer may still go on at the return, and src must
// stay as it is while kpu_feeding().
//
// Who takes pictures meanwhile: AI RAM is the KPU's from here to the end of the run. Planes that a camera fills during a
// run lie in SRAM, in another block than those that are still fed; those that it fills between runs may lie in AI RAM,
// at the row that the model reads.
int kpu_feed_map(uint32_t row, const uint8_t *src, uint32_t w, uint32_t h, uint32_t channels);
bool kpu_feeding(void);

// The reverse: AI RAM to dense planar CHW.
int kpu_read_map(uint8_t *dst, uint32_t row, uint32_t w, uint32_t h, uint32_t channels);

// Changes with everything that the calls above write into AI RAM, a map that lies in place not counted. Who keeps a
// picture there sees by it whether it is still there.
uint32_t kpu_ai_ram_uses(void);

// The bytes of AI RAM themselves, for AddPadding and the like: volatile, uncached on the chip.
volatile uint8_t *kpu_ai_ram(void);

#endif // KPU_H
