// SPDX-License-Identifier: MIT
// Threads of Python, all on hart 0: one runs, and others take their turn where it waits or the interpreter lets them.
#ifndef THREAD_H
#define THREAD_H

#include <stdint.h>

#include "py/mpconfig.h"

#if MICROPY_PY_THREAD

#include "py/mpthread.h"

// Before anything that asks for the running thread's state.
void thread_init(void);

// Lets others run until the time or the next interrupt; sleeps where all wait. With threads, for mphalport.c.
void thread_wait_until(uint64_t mtime);

// The collector's roots on the stacks of threads that do not run.
void thread_collect(void);

// SystemExit in every thread but the main one, which this is; those that go on in spite of it are dropped.
void thread_end_all(void);

#else

#define thread_alone (true)
static inline void thread_init(void) {
}
static inline void thread_wait_until(uint64_t mtime) {
    (void)mtime;
}
static inline void thread_collect(void) {
}
static inline void thread_end_all(void) {
}

#endif

#endif // THREAD_H
