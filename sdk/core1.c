// SPDX-License-Identifier: MIT
// Where hart 1 sleeps, and the queue of its jobs.
#include <stddef.h>

#include "clint.h"
#include "core1.h"
#include "csr.h"
#include "iomem.h"

#define PARK_LIMIT_US (100000)
// A shared work's parts: few enough to cost little, enough that no hart waits long for the other.
#define SHARES (16)

// Part of the image, not of what hart 0 clears: hart 1 may be here first.
#define IN_IMAGE __attribute__((section(".data.core1")))

enum { FREE, POSTED, TAKEN, TAKEN_BACK };

typedef struct {
    core1_function function;
    void *ctx;
    int state;
} job_t;

static job_t jobs[CORE1_JOBS] IN_IMAGE = { { 0 } };
// Numbers go round.
#define NUMBERS (1u << 30)
static uint32_t posted IN_IMAGE = 0; // number of the next job; hart 0 writes it
static uint32_t ended IN_IMAGE = 0;  // number of the first job that has not ended; hart 1 writes it
static bool worked IN_IMAGE = false;
static bool parked IN_IMAGE = false;

static job_t *job_of(uint32_t number) {
    return &jobs[number % CORE1_JOBS];
}

// -- hart 1

// Whether there was a job.
static bool do_next(void) {
    job_t *job = job_of(ended);
    int state = POSTED;
    if (__atomic_compare_exchange_n(&job->state, &state, TAKEN, false, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)) {
        __atomic_store_n(&worked, true, __ATOMIC_RELAXED);
        job->function(job->ctx);
    } else if (state != TAKEN_BACK) {
        return false;
    }
    __atomic_store_n(&job->state, FREE, __ATOMIC_RELEASE);
    __atomic_store_n(&ended, (ended + 1) % NUMBERS, __ATOMIC_RELEASE);
    return true;
}

// Called by startup.S, with interrupts off.
void core1_park(void);

void core1_park(void) {
    csr_write(mie, CSR_MIE_SOFTWARE);
    // This hart's cache holds what it wrote to the boot ROM's stack, and hart 0 cannot drive that out.
    iomem_evict_here();
    csr_fence();
    __atomic_store_n(&parked, true, __ATOMIC_RELEASE);
    for (;;) {
        // Cleared before the look, so that a call in between is seen now or wakes the wfi.
        clint_ipi_clear(1);
        csr_fence();
        if (!do_next()) {
            csr_wait_for_interrupt();
        }
    }
}

// -- hart 0

int core1_wait_parked(void) {
    uint64_t end = clint_time_after_us(PARK_LIMIT_US);
    while (!__atomic_load_n(&parked, __ATOMIC_ACQUIRE)) {
        if (clint_get_time() > end) {
            return CORE1_ERR_TIMEOUT;
        }
    }
    return CORE1_OK;
}

int core1_post(core1_function function, void *ctx) {
    job_t *job = job_of(posted);
    if (__atomic_load_n(&job->state, __ATOMIC_ACQUIRE) != FREE) {
        return CORE1_BUSY;
    }
    job->function = function;
    job->ctx = ctx;
    __atomic_store_n(&job->state, POSTED, __ATOMIC_RELEASE);
    clint_ipi_send(1);
    uint32_t number = posted;
    posted = (posted + 1) % NUMBERS;
    return (int)number;
}

bool core1_has_ended(int job) {
    return (__atomic_load_n(&ended, __ATOMIC_ACQUIRE) - (uint32_t)job - 1) % NUMBERS < NUMBERS / 2;
}

// Without a limit, since nothing could be done after it: what the job works on may lie on the caller's stack. A job waits
// for no device, so it ends, and a trap in it resets the chip.
void core1_wait(int job) {
    while (!core1_has_ended(job)) {
    }
}

bool core1_take_back(int job) {
    int state = POSTED;
    return __atomic_compare_exchange_n(&job_of(job)->state, &state, TAKEN_BACK, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

bool core1_has_worked(void) {
    return __atomic_load_n(&worked, __ATOMIC_RELAXED);
}

void core1_is_clean(void) {
    __atomic_store_n(&worked, false, __ATOMIC_RELAXED);
}

// -- both

typedef struct {
    core1_part part;
    void *ctx;
    uint32_t count, step;
    uint32_t next; // the first piece that nobody has
} share_t;

static void do_parts(void *ctx) {
    share_t *share = ctx;
    for (;;) {
        uint32_t first = __atomic_fetch_add(&share->next, share->step, __ATOMIC_RELAXED);
        if (first >= share->count) {
            return;
        }
        uint32_t left = share->count - first;
        share->part(share->ctx, first, first + (left < share->step ? left : share->step));
    }
}

void core1_share(core1_part part, void *ctx, uint32_t count) {
    share_t share = { part, ctx, count, (count + SHARES - 1) / SHARES, 0 };
    int job = core1_post(do_parts, &share);
    do_parts(&share);
    if (job >= 0 && !core1_take_back(job)) {
        core1_wait(job);
    }
}
