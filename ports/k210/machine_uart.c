// SPDX-License-Identifier: MIT
// machine.UART: UART1 to 3, received by interrupt into a ring, sent through the chip's FIFO. Included by extmod.
#include "py/mphal.h"
#include "py/ringbuf.h"

#include "machine_pin.h"
#include "machine_uart.h"
#include "sdk/fpioa.h"
#include "sdk/plic.h"
#include "sdk/uart.h"

#define RX_BYTES_DEFAULT (512)
#define RX_BYTES_MAX (32766)

// As upstream: None, 0 even, 1 odd; and by their names, as MaixPy: 1 odd, 2 even.
enum { PARITY_EVEN_UPSTREAM, PARITY_ODD, PARITY_EVEN };

#define MICROPY_PY_MACHINE_UART_CLASS_CONSTANTS \
    { MP_ROM_QSTR(MP_QSTR_UART1), MP_ROM_INT(1) }, \
    { MP_ROM_QSTR(MP_QSTR_UART2), MP_ROM_INT(2) }, \
    { MP_ROM_QSTR(MP_QSTR_UART3), MP_ROM_INT(3) }, \
    { MP_ROM_QSTR(MP_QSTR_PARITY_ODD), MP_ROM_INT(PARITY_ODD) }, \
    { MP_ROM_QSTR(MP_QSTR_PARITY_EVEN), MP_ROM_INT(PARITY_EVEN) }, \
    { MP_ROM_QSTR(MP_QSTR_IRQ_RX), MP_ROM_INT(UART_ON_RECEIVE) }, \
    { MP_ROM_QSTR(MP_QSTR_IRQ_RXIDLE), MP_ROM_INT(UART_ON_PAUSE) },

struct _machine_uart_obj_t {
    mp_obj_base_t base;
    uart_device_number_t channel;
    bool open;
    uint8_t bits;
    uart_parity_t parity;
    uart_stopbit_t stop;
    uint32_t baudrate;
    uint32_t timeout;      // ms until the first byte
    uint32_t timeout_char; // ms between bytes
    uint32_t lost;         // bytes that came while the ring was full
    ringbuf_t ring;
    mp_irq_obj_t *irq;
    uint16_t irq_trigger;
    volatile uint16_t irq_flags;
};

// The ports that were opened, so that the collector knows their rings.
MP_REGISTER_ROOT_POINTER(struct _machine_uart_obj_t *machine_uarts[3]);

static int uart_interrupt(void *context) {
    machine_uart_obj_t *self = context;
    uint32_t cause = uart_interrupt_cause(self->channel);
    for (int byte = uart_get(self->channel); byte >= 0; byte = uart_get(self->channel)) {
        self->lost += ringbuf_put(&self->ring, byte) < 0;
    }
    self->irq_flags = cause;
    if (cause & self->irq_trigger && self->irq->handler != mp_const_none) {
        mp_sched_schedule(self->irq->handler, self->irq->parent);
    }
    return 0;
}

static void mp_machine_uart_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    static const char *const parities[] = { "None", "1", "0" };
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print, "UART(%u, baudrate=%u, bits=%u, parity=%s, stop=%u, rxbuf=%u, timeout=%u, timeout_char=%u)",
        self->channel + 1, (unsigned)self->baudrate, self->bits, parities[self->parity],
        self->stop == UART_STOP_1 ? 1 : 2, (unsigned)self->ring.size - 1, (unsigned)self->timeout,
        (unsigned)self->timeout_char);
}

static uart_parity_t parity_of(mp_obj_t given, bool as_maixpy) {
    if (given == mp_const_none) {
        return UART_PARITY_NONE;
    }
    switch (mp_obj_get_int(given)) {
        case PARITY_EVEN_UPSTREAM:
            return as_maixpy ? UART_PARITY_NONE : UART_PARITY_EVEN;
        case PARITY_ODD:
            return UART_PARITY_ODD;
        case PARITY_EVEN:
            return UART_PARITY_EVEN;
    }
    mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("parity %d: want None, UART.PARITY_EVEN or UART.PARITY_ODD"),
        (int)mp_obj_get_int(given));
}

static void close(machine_uart_obj_t *self) {
    if (self->open) {
        plic_irq_disable((plic_irq_t)(IRQN_UART1_INTERRUPT + self->channel));
        uart_interrupts(self->channel, 0);
        self->open = false;
    }
}

// init(baudrate=115200, bits=8, parity=None, stop=1, *, tx, rx, timeout=0, timeout_char=0, rxbuf=, read_buf_len=). MaixPy's
// scripts say 8, 0, 0 for no parity and one stop bit: nobody else has 0 stop bits.
static void mp_machine_uart_init_helper(machine_uart_obj_t *self, size_t n_args, const mp_obj_t *pos_args,
    mp_map_t *kw_args) {
    enum { ARG_baudrate, ARG_bits, ARG_parity, ARG_stop, ARG_timeout, ARG_timeout_char, ARG_read_buf_len, ARG_rxbuf,
           ARG_txbuf, ARG_tx, ARG_rx };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_baudrate, MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_bits, MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_parity, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_INT(-1) } },
        { MP_QSTR_stop, MP_ARG_INT, { .u_int = -1 } },
        { MP_QSTR_timeout, MP_ARG_INT, { .u_int = -1 } },
        { MP_QSTR_timeout_char, MP_ARG_INT, { .u_int = -1 } },
        { MP_QSTR_read_buf_len, MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_rxbuf, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_txbuf, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_tx, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_rx, MP_ARG_KW_ONLY | MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, pos_args, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    uint32_t baudrate = args[ARG_baudrate].u_int > 0 ? (uint32_t)args[ARG_baudrate].u_int : self->baudrate;
    uint32_t bits = args[ARG_bits].u_int > 0 ? (uint32_t)args[ARG_bits].u_int : self->bits;
    mp_int_t stop = args[ARG_stop].u_int;
    uart_stopbit_t stops = stop < 0 ? self->stop : stop == 2 ? UART_STOP_2 : UART_STOP_1;
    mp_obj_t parity_in = args[ARG_parity].u_obj;
    uart_parity_t parity = parity_in == MP_OBJ_NEW_SMALL_INT(-1) ? self->parity : parity_of(parity_in, stop == 0);
    mp_int_t ring = args[ARG_rxbuf].u_int > 0 ? args[ARG_rxbuf].u_int : args[ARG_read_buf_len].u_int;
    if (ring < 0 || ring > RX_BYTES_MAX) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("rxbuf %d: want up to %d bytes"), (int)ring, RX_BYTES_MAX);
    }
    if (stop > 2) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("stop %d: want 1 or 2"), (int)stop);
    }
    size_t size = ring > 0 ? (size_t)ring + 1 : self->ring.size > 0 ? self->ring.size : RX_BYTES_DEFAULT + 1;
    uint8_t *bytes = size == self->ring.size ? self->ring.buf : m_new(uint8_t, size);

    close(self);
    if (args[ARG_tx].u_obj != mp_const_none) {
        fpioa_set_function(machine_pin_pad(args[ARG_tx].u_obj),
            (fpioa_function_t)(FUNC_UART1_TX + 2 * self->channel));
    }
    if (args[ARG_rx].u_obj != mp_const_none) {
        uint8_t pad = machine_pin_pad(args[ARG_rx].u_obj);
        fpioa_set_function(pad, (fpioa_function_t)(FUNC_UART1_RX + 2 * self->channel));
        fpioa_set_io_pull(pad, FPIOA_PULL_UP); // an open line must not look like a break
    }
    if (uart_configure(self->channel, baudrate, bits, stops, parity) != UART_OK) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%d baud of %d bits: want 186 to 12187500 of 5 to 8"),
            (int)baudrate, (int)bits);
    }
    self->baudrate = baudrate;
    self->bits = bits;
    self->stop = stops;
    self->parity = parity;
    self->timeout = args[ARG_timeout].u_int >= 0 ? (uint32_t)args[ARG_timeout].u_int : self->timeout;
    // Between bytes at least the time of two.
    uint32_t two_bytes_ms = 2 * 12 * 1000 / baudrate + 1;
    self->timeout_char = args[ARG_timeout_char].u_int >= 0 ? (uint32_t)args[ARG_timeout_char].u_int
        : self->timeout_char;
    self->timeout_char = self->timeout_char < two_bytes_ms ? two_bytes_ms : self->timeout_char;
    self->ring = (ringbuf_t) { bytes, size, 0, 0 };
    MP_STATE_PORT(machine_uarts)[self->channel] = self;
    plic_irq_t line = (plic_irq_t)(IRQN_UART1_INTERRUPT + self->channel);
    plic_set_priority(line, 2);
    plic_irq_register(line, uart_interrupt, self);
    plic_irq_enable(line);
    uart_interrupts(self->channel, UART_ON_RECEIVE);
    self->open = true;
}

static mp_obj_t mp_machine_uart_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw,
    const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 1, MP_OBJ_FUN_ARGS_MAX, true);
    mp_int_t id = mp_obj_get_int(args[0]);
    if (id < 1 || id > UART_DEVICE_MAX) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("UART %d: want UART.UART1 to UART.UART3, 1 to 3"), (int)id);
    }
    machine_uart_obj_t *self = MP_STATE_PORT(machine_uarts)[id - 1];
    if (self == NULL) {
        self = mp_obj_malloc(machine_uart_obj_t, type);
        memset((char *)self + sizeof(self->base), 0, sizeof(*self) - sizeof(self->base));
        self->channel = (uart_device_number_t)(id - 1);
        self->baudrate = 115200;
        self->bits = 8;
    }
    mp_map_t kw_args;
    mp_map_init_fixed_table(&kw_args, n_kw, args + n_args);
    mp_machine_uart_init_helper(self, n_args - 1, args + 1, &kw_args);
    return MP_OBJ_FROM_PTR(self);
}

static void mp_machine_uart_deinit(machine_uart_obj_t *self) {
    close(self);
    MP_STATE_PORT(machine_uarts)[self->channel] = NULL;
}

void machine_uart_deinit_all(void) {
    for (int channel = 0; channel < UART_DEVICE_MAX; channel++) {
        if (MP_STATE_PORT(machine_uarts)[channel] != NULL) {
            mp_machine_uart_deinit(MP_STATE_PORT(machine_uarts)[channel]);
        }
    }
}

static mp_int_t mp_machine_uart_any(machine_uart_obj_t *self) {
    return ringbuf_avail(&self->ring);
}

static bool mp_machine_uart_txdone(machine_uart_obj_t *self) {
    return !self->open || uart_is_sent(self->channel);
}

static void mp_machine_uart_sendbreak(machine_uart_obj_t *self) {
    while (!mp_machine_uart_txdone(self)) {
        mp_event_wait_ms(1);
    }
    uart_break(self->channel, true);
    mp_hal_delay_us(13 * 1000000 / self->baudrate + 1); // longer than any frame
    uart_break(self->channel, false);
}

// Waits until there is a byte to read; false when `ms` have gone.
static bool wait_for_byte(machine_uart_obj_t *self, uint32_t ms) {
    mp_uint_t start = mp_hal_ticks_ms();
    while (ringbuf_peek(&self->ring) < 0) {
        mp_uint_t passed = mp_hal_ticks_ms() - start;
        if (passed >= ms || !self->open) {
            return false;
        }
        mp_event_wait_ms(ms - passed);
    }
    return true;
}

static mp_int_t mp_machine_uart_readchar(machine_uart_obj_t *self) {
    return wait_for_byte(self, self->timeout) ? ringbuf_get(&self->ring) : -1;
}

static mp_uint_t mp_machine_uart_read(mp_obj_t self_in, void *buf_in, mp_uint_t size, int *errcode) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    uint8_t *bytes = buf_in;
    uint32_t wait = self->timeout;
    for (mp_uint_t got = 0; got < size; got++) {
        if (!wait_for_byte(self, wait)) {
            if (got == 0) {
                *errcode = MP_EAGAIN;
                return MP_STREAM_ERROR;
            }
            return got;
        }
        bytes[got] = ringbuf_get(&self->ring);
        wait = self->timeout_char;
    }
    return size;
}

static void mp_machine_uart_writechar(machine_uart_obj_t *self, uint16_t data) {
    while (self->open && uart_put(self->channel, data) < 0) {
        mp_event_handle_nowait();
    }
}

// All of it: at the port's own rate nothing can stop it.
static mp_uint_t mp_machine_uart_write(mp_obj_t self_in, const void *buf_in, mp_uint_t size, int *errcode) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    const uint8_t *bytes = buf_in;
    if (!self->open) {
        *errcode = MP_EIO;
        return MP_STREAM_ERROR;
    }
    for (mp_uint_t i = 0; i < size; i++) {
        mp_machine_uart_writechar(self, bytes[i]);
    }
    return size;
}

static mp_uint_t mp_machine_uart_ioctl(mp_obj_t self_in, mp_uint_t request, uintptr_t arg, int *errcode) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (request == MP_STREAM_POLL) {
        uintptr_t ready = 0;
        if (arg & MP_STREAM_POLL_RD && ringbuf_peek(&self->ring) >= 0) {
            ready |= MP_STREAM_POLL_RD;
        }
        return ready | (arg & MP_STREAM_POLL_WR);
    }
    if (request == MP_STREAM_FLUSH) {
        while (!mp_machine_uart_txdone(self)) {
            mp_event_handle_nowait();
        }
        return 0;
    }
    *errcode = MP_EINVAL;
    return MP_STREAM_ERROR;
}

static mp_uint_t uart_irq_trigger(mp_obj_t self_in, mp_uint_t trigger) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    self->irq_trigger = trigger;
    return 0;
}

static mp_uint_t uart_irq_info(mp_obj_t self_in, mp_uint_t what) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    return what == MP_IRQ_INFO_FLAGS ? self->irq_flags : self->irq_trigger;
}

static const mp_irq_methods_t uart_irq_methods = { .trigger = uart_irq_trigger, .info = uart_irq_info };

static mp_irq_obj_t *mp_machine_uart_irq(machine_uart_obj_t *self, bool any_args, mp_arg_val_t *args) {
    if (self->irq == NULL) {
        self->irq_trigger = 0;
        self->irq = mp_irq_new(&uart_irq_methods, MP_OBJ_FROM_PTR(self));
    }
    if (any_args) {
        mp_int_t trigger = args[MP_IRQ_ARG_INIT_trigger].u_int;
        if (trigger & ~(UART_ON_RECEIVE | UART_ON_PAUSE)) {
            mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("trigger %d: want UART.IRQ_RX, UART.IRQ_RXIDLE or both"),
                (int)trigger);
        }
        if (args[MP_IRQ_ARG_INIT_hard].u_bool) {
            mp_raise_ValueError(MP_ERROR_TEXT("hard=True: interrupts of this chip save no floats; leave it away"));
        }
        self->irq_trigger = 0; // no handler while it is changed
        self->irq->handler = args[MP_IRQ_ARG_INIT_handler].u_obj;
        self->irq_trigger = trigger;
    }
    return self->irq;
}
