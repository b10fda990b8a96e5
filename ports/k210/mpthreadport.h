// SPDX-License-Identifier: MIT
// What py/mpthread.h asks of a port, as short as thread.c allows: one thread runs, the register tp holds its state.
#ifndef MPTHREADPORT_H
#define MPTHREADPORT_H

#include <stdbool.h>

typedef struct {
    bool locked;
} mp_thread_mutex_t;

// No other thread is there.
extern bool thread_alone;

int thread_mutex_lock(mp_thread_mutex_t *mutex, int wait);

static inline struct _mp_state_thread_t *mp_thread_get_state(void) {
    return __builtin_thread_pointer();
}

static inline void mp_thread_set_state(struct _mp_state_thread_t *state) {
    __asm__ volatile ("mv tp, %0" : : "r" (state) : "memory");
}

static inline void mp_thread_mutex_init(mp_thread_mutex_t *mutex) {
    mutex->locked = false;
}

static inline int mp_thread_mutex_lock(mp_thread_mutex_t *mutex, int wait) {
    if (thread_alone && !mutex->locked) {
        mutex->locked = true;
        return 1;
    }
    return thread_mutex_lock(mutex, wait);
}

static inline void mp_thread_mutex_unlock(mp_thread_mutex_t *mutex) {
    mutex->locked = false;
}

#endif // MPTHREADPORT_H
