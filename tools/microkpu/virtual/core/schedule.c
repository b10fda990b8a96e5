// SPDX-License-Identifier: MIT
// Which hart runs until when: one clock, the same interleaving however a run is cut.
#include "core.h"

uint64_t schedule_next_timer(const machine_t *m) {
    uint64_t first = NEVER;
    for (unsigned i = 0; i < HARTS; i++) {
        const hart_t *h = &m->hart[i];
        if (!(h->mie >> IRQ_MTI & 1)) {
            continue;
        }
        uint64_t tick = clint_timer(m, h, m->now);
        if (!tick && h->waiting) { // it is about to wake
            return m->now;
        }
        if (tick && tick < first) {
            first = tick;
        }
    }
    return first;
}

void schedule_cut(machine_t *m, uint64_t time) {
    if (!time) {
        m->cut_now = true;
    } else if (time < m->limit) {
        m->limit = time;
    }
    m->attention = m->replan = true;
}

void schedule_attend(machine_t *m, const hart_t *h) {
    m->attention = true;
    if (h->waiting) {
        m->replan = true;
    }
}

static bool is_over(const machine_t *m) {
    return m->failed || m->stop || m->broke || m->cut_now;
}

// Lets a hart run until `until`, wfi, or a reason to look at the schedule again.
static void run_hart(machine_t *m, hart_t *h, uint64_t until) {
    m->running = h;
    while (h->time < until && !h->waiting && !m->replan) {
        trap_interrupt(m, h);
        uint64_t timer = h->mie >> IRQ_MTI & 1 ? clint_timer(m, h, h->time) : 0;
        m->attention = false;
        execute(m, h, timer && timer < until ? timer : until);
    }
    m->running = NULL;
}

static void wake(machine_t *m) {
    for (unsigned i = 0; i < HARTS; i++) {
        hart_t *h = &m->hart[i];
        if (h->waiting && trap_pending(m, h, m->now) & h->mie) {
            h->waiting = false;
        }
        if (!h->waiting) {
            hart_wait_until(h, m->now);
        }
    }
}

static void run_quantum(machine_t *m) {
    hart_t *h = &m->hart[m->turn];
    run_hart(m, h, m->quantum_end);
    if (h->time < m->quantum_end && !h->waiting) {
        if (is_over(m) && h->time > m->now) {
            m->now = h->time;
        }
        return;
    }
    if (++m->turn == HARTS) {
        m->now = m->quantum_end;
        m->quantum_end = 0;
    }
}

static reason_t reason_to_end(const machine_t *m) {
    if (m->failed) {
        return FAILURE;
    }
    return m->stop ? STOPPED : m->broke ? BREAK : LIMIT;
}

reason_t schedule_run(machine_t *m, uint64_t limit) {
    m->limit = limit;
    m->stop = m->cut_now = m->broke = m->failed = false;
    m->watch_hit = 0;
    for (;;) {
        m->replan = false;
        if (is_over(m)) {
            return reason_to_end(m);
        }
        if (m->quantum_end) {
            run_quantum(m);
            continue;
        }
        if (m->now >= m->limit) {
            return LIMIT;
        }
        wake(m);
        hart_t *first = !m->hart[0].waiting ? &m->hart[0] : !m->hart[1].waiting ? &m->hart[1] : NULL;
        uint64_t timer = schedule_next_timer(m);
        if (!first) {
            m->now = timer < m->limit ? timer : m->limit;
            if (timer > m->limit) {
                return IDLE;
            }
            continue;
        }
        if (!m->hart[0].waiting && !m->hart[1].waiting) {
            m->quantum_end = (m->now / QUANTUM_TICKS + 1) * QUANTUM_TICKS;
            m->turn = 0;
            continue;
        }
        // The other hart's timer may wake it.
        run_hart(m, first, timer < m->limit ? timer : m->limit);
        if (first->time > m->now) {
            m->now = first->time;
        }
    }
}

reason_t schedule_step(machine_t *m, hart_t *h) {
    m->limit = NEVER;
    m->stop = m->cut_now = m->broke = m->failed = m->replan = false;
    m->watch_hit = 0;
    if (h->waiting && !(trap_pending(m, h, m->now) & h->mie)) {
        return IDLE;
    }
    h->waiting = false;
    if (!m->quantum_end) {
        hart_wait_until(h, m->now);
    }
    m->running = h;
    trap_interrupt(m, h);
    m->attention = false;
    execute_one(m, h);
    m->running = NULL;
    h->past_break = false;
    if (!m->quantum_end && h->time > m->now) {
        m->now = h->time;
    }
    return reason_to_end(m);
}
