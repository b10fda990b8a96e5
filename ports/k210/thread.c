// SPDX-License-Identifier: MIT
// The threads of thread.h: a ring of stacks from the pool, switched by a function call, so never inside a C function that
// does not wait. Interrupts run on a stack of their own and switch nothing.
#include <string.h>

#include "py/gc.h"
#include "py/mphal.h"
#include "py/runtime.h"

#include "pool.h"
#include "sdk/clint.h"
#include "sdk/trap.h"
#include "thread.h"

#if MICROPY_PY_THREAD

#define STACK_BYTES (24 * 1024)
#define STACK_BYTES_MIN (6 * 1024)
#define STACK_BYTES_MAX (8 * 1024 * 1024) // more than there is, so what asks for more gets MemoryError
// Below the interpreter's limit, for what C functions need that it calls.
#define STACK_BYTES_SPARE (6 * 1024)
// So long threads have for what SystemExit makes them do.
#define END_LIMIT_US (500000)

typedef struct thread {
    struct thread *next;
    mp_state_thread_t *state; // NULL before it has run
    uintptr_t *sp;            // while it does not run
    uintptr_t *top;
    void *(*entry)(void *);
    void *arg;
    // What it waits for: the time, an interrupt, or the mutex, whichever is first.
    bool waits;
    uint32_t interrupts_seen;
    uint64_t wake_at;
    const mp_thread_mutex_t *wants;
} thread_t;

bool thread_alone = true;
static thread_t main_thread = { .next = &main_thread };
static thread_t *running = &main_thread;

void thread_init(void) {
    mp_thread_set_state(&mp_state_ctx.thread);
}

// -- switching

// ra, s0 to s11, tp: what a function keeps. Nothing keeps floats across calls, see NO_SAVED_FLOATS in the Makefile.
#define SAVED_WORDS (14)

__attribute__((naked, noinline)) static void swap(uintptr_t **saved_sp, uintptr_t *sp) {
    __asm__ volatile (
        "addi sp, sp, -112\n"
        "sd ra, 0(sp)\n"
        "sd tp, 8(sp)\n"
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11\n"
        "sd s\\n, 16 + 8 * \\n(sp)\n"
        ".endr\n"
        "sd sp, 0(a0)\n"
        "mv sp, a1\n"
        "ld ra, 0(sp)\n"
        "ld tp, 8(sp)\n"
        ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11\n"
        "ld s\\n, 16 + 8 * \\n(sp)\n"
        ".endr\n"
        "addi sp, sp, 112\n"
        "ret\n");
}

// Not inlined, so that nothing of the caller's is taken for the same after the switch.
static MP_NOINLINE void switch_to(thread_t *thread) {
    thread_t *from = running;
    from->state = mp_thread_get_state();
    running = thread;
    swap(&from->sp, thread->sp);
}

static bool is_ready(const thread_t *thread) {
    return !thread->waits
           || thread->interrupts_seen != trap_interrupts
           || (thread->wants != NULL && !thread->wants->locked)
           || clint_get_time() >= thread->wake_at;
}

// The next one that can go on, the running one last; NULL where all wait.
static thread_t *next_ready(void) {
    thread_t *thread = running;
    do {
        thread = thread->next;
        if (is_ready(thread)) {
            return thread;
        }
    } while (thread != running);
    return NULL;
}

// A collection has the heap half swept while it calls finalisers.
static bool may_switch(void) {
    return !(MP_STATE_THREAD(gc_lock_depth) & GC_COLLECT_FLAG);
}

static void yield(void) {
    thread_t *next = next_ready();
    if (next != NULL && next != running && may_switch()) {
        switch_to(next);
    }
}

// -- waiting

static void sleep_until_one_is_ready(void) {
    uint64_t first = CLINT_NEVER;
    thread_t *thread = running;
    do {
        first = thread->wake_at < first ? thread->wake_at : first;
        thread = thread->next;
    } while (thread != running);
    uintptr_t status = csr_interrupts_off();
    if (next_ready() == NULL) {
        clint_sleep_until(first);
        trap_serve();
    }
    csr_interrupts_restore(status);
}

static void wait(uint64_t mtime, const mp_thread_mutex_t *wants) {
    running->waits = true;
    running->wake_at = mtime;
    running->wants = wants;
    thread_t *next = may_switch() ? next_ready() : running;
    while (next == NULL) {
        sleep_until_one_is_ready();
        next = next_ready();
    }
    if (next != running) {
        switch_to(next);
    }
    running->waits = false;
    running->interrupts_seen = trap_interrupts;
}

void thread_wait_until(uint64_t mtime) {
    wait(mtime, NULL);
}

// The interpreter's own lock is where threads take turns; whoever runs has it.
int thread_mutex_lock(mp_thread_mutex_t *mutex, int may_wait) {
    if (mutex == &MP_STATE_VM(gil_mutex)) {
        yield();
    } else {
        while (mutex->locked) {
            if (!may_wait) {
                return 0;
            }
            mp_handle_pending(true);
            wait(CLINT_NEVER, mutex);
        }
    }
    mutex->locked = true;
    return 1;
}

// -- beginning and ending

mp_uint_t mp_thread_get_id(void) {
    return (mp_uint_t)running;
}

void mp_thread_start(void) {
}

void mp_thread_finish(void) {
}

static thread_t *before(const thread_t *thread) {
    thread_t *other = &main_thread;
    while (other->next != thread) {
        other = other->next;
    }
    return other;
}

static void drop(thread_t *thread) {
    before(thread)->next = thread->next;
    thread_alone = main_thread.next == &main_thread;
    pool_free(thread);
}

// The stack is nobody's from drop() on, and nothing is taken from the pool before it is left.
static NORETURN void begin(void) {
    running->entry(running->arg);
    thread_t *next = running->next;
    drop(running);
    switch_to(next);
    MP_UNREACHABLE
}

// The control block lies at the stack's low end.
mp_uint_t mp_thread_create(void *(*entry)(void *), void *arg, size_t *stack_size) {
    size_t usable = *stack_size == 0 ? STACK_BYTES : MIN(MAX(*stack_size, STACK_BYTES_MIN), STACK_BYTES_MAX);
    usable = (usable + 15) & ~(size_t)15;
    size_t bytes = sizeof(thread_t) + STACK_BYTES_SPARE + usable;
    thread_t *thread = pool_alloc(bytes, POOL_WORK);
    if (thread == NULL) {
        gc_collect();
        thread = pool_alloc(bytes, POOL_WORK);
    }
    if (thread == NULL) {
        mp_raise_msg_varg(&mp_type_MemoryError, MP_ERROR_TEXT("no memory for a thread's stack of %u bytes"),
            (unsigned)bytes);
    }
    uintptr_t *top = (uintptr_t *)(((uintptr_t)thread + bytes) & ~(uintptr_t)15);
    *thread = (thread_t) { .next = running, .sp = top - SAVED_WORDS, .top = top, .entry = entry, .arg = arg };
    memset(thread->sp, 0, SAVED_WORDS * sizeof(uintptr_t));
    thread->sp[0] = (uintptr_t)begin;
    thread->sp[1] = (uintptr_t)mp_thread_get_state(); // until it has its own
    before(running)->next = thread; // its turn is the last
    thread_alone = false;
    *stack_size = usable;
    return (mp_uint_t)thread;
}

// C functions on its stack do what they do when an exception passes them.
static void unwind(const thread_t *thread) {
    if (thread->state != NULL) {
        mp_thread_set_state(thread->state);
        while (MP_STATE_THREAD(nlr_jump_callback_top) != NULL) {
            nlr_pop_jump_callback(true);
        }
        mp_thread_set_state(&mp_state_ctx.thread);
    }
}

void thread_end_all(void) {
    uint64_t end = clint_time_after_us(END_LIMIT_US);
    while (!thread_alone && clint_get_time() < end) {
        for (thread_t *thread = main_thread.next; thread != &main_thread; thread = thread->next) {
            if (thread->state != NULL) {
                thread->state->mp_pending_exception = mp_obj_new_exception(&mp_type_SystemExit);
                thread->waits = false;
            }
        }
        yield();
    }
    while (!thread_alone) {
        unwind(main_thread.next);
        drop(main_thread.next);
    }
}

// -- memory

void thread_collect(void) {
    for (thread_t *thread = running->next; thread != running; thread = thread->next) {
        uintptr_t *top = thread == &main_thread ? (uintptr_t *)thread->state->stack_top : thread->top;
        gc_collect_root((void **)thread->sp, top - thread->sp);
        gc_collect_root(&thread->arg, 1);
    }
    gc_collect_root(&running->arg, 1);
}

#endif // MICROPY_PY_THREAD
