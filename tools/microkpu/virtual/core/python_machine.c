// SPDX-License-Identifier: MIT
// The Python type Machine: methods that parse, check and call the core.
#include "python_machine.h"

#define ABOUT(name, flags, text) { #name, (PyCFunction)name, flags, text }

static PyObject *machine_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    if (PyTuple_GET_SIZE(args) || (keywords && PyDict_GET_SIZE(keywords))) {
        PyErr_SetString(PyExc_TypeError, "Machine() takes no arguments");
        return NULL;
    }
    PyObject *self = type->tp_alloc(type, 0);
    if (!self) {
        return NULL;
    }
    machine_t *m = machine_of(self);
    if (!machine_init(m)) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    m->device_read = python_device_read;
    m->device_write = python_device_write;
    return self;
}

static int machine_traverse(PyObject *self, visitproc visit, void *arg) {
    return python_device_traverse(machine_of(self), visit, arg);
}

static int machine_clear(PyObject *self) {
    python_device_clear(machine_of(self));
    return 0;
}

static void machine_dealloc(PyObject *self) {
    PyObject_GC_UnTrack(self);
    machine_clear(self);
    machine_free(machine_of(self));
    Py_TYPE(self)->tp_free(self);
}

// Every view of ram keeps the machine alive.
static int get_buffer(PyObject *self, Py_buffer *view, int flags) {
    return PyBuffer_FillInfo(view, self, machine_of(self)->ram, RAM_BYTES, 0, flags);
}

static bool parse_hart(machine_t *m, unsigned index, hart_t **h) {
    if (index >= HARTS) {
        PyErr_Format(PyExc_ValueError, "hart %u: there are %d", index, HARTS);
        return false;
    }
    *h = &m->hart[index];
    return true;
}

static bool parse_register(unsigned index) {
    if (index >= 32) {
        PyErr_Format(PyExc_ValueError, "register %u: there are 32", index);
        return false;
    }
    return true;
}

static bool parse_hart_of(PyObject *self, PyObject *args, const char *format, hart_t **h) {
    unsigned index;
    return PyArg_ParseTuple(args, format, &index) && parse_hart(machine_of(self), index, h);
}

static bool must_stand(const machine_t *m, const char *what) {
    if (m->running) {
        PyErr_Format(PyExc_RuntimeError, "%s inside a device call: stop() the run first", what);
        return false;
    }
    return true;
}

static PyObject *number(uint64_t value) {
    return PyLong_FromUnsignedLongLong(value);
}

// Running.

static PyObject *ended(machine_t *m, reason_t reason) {
    if (reason != FAILURE) {
        return PyLong_FromLong(reason);
    }
    if (!PyErr_Occurred()) {
        PyErr_SetString(python_core_error, m->failure);
    }
    return NULL;
}

static PyObject *run(PyObject *self, PyObject *limit) {
    machine_t *m = machine_of(self);
    unsigned long long cycles = PyLong_AsUnsignedLongLong(limit);
    if ((cycles == UINT64_MAX && PyErr_Occurred()) || !must_stand(m, "run()")) {
        return NULL;
    }
    uint64_t ticks;
    if (__builtin_mul_overflow(cycles, (unsigned long long)TICKS_PER_CYCLE, &ticks)) {
        PyErr_Format(PyExc_ValueError, "limit of %zu cycles: want less than 2**63", (size_t)cycles);
        return NULL;
    }
    return ended(m, schedule_run(m, ticks));
}

static PyObject *step(PyObject *self, PyObject *args) {
    machine_t *m = machine_of(self);
    hart_t *h;
    if (!parse_hart_of(self, args, "I:step", &h) || !must_stand(m, "step()")) {
        return NULL;
    }
    return ended(m, schedule_step(m, h));
}

static PyObject *cut(PyObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = { "cycle", NULL };
    unsigned long long cycle = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|K:cut", names, &cycle)) {
        return NULL;
    }
    schedule_cut(machine_of(self), cycle > NEVER / TICKS_PER_CYCLE ? NEVER : cycle * TICKS_PER_CYCLE);
    Py_RETURN_NONE;
}

static PyObject *stop(PyObject *self, PyObject *unused) {
    (void)unused;
    machine_t *m = machine_of(self);
    m->stop = m->attention = m->replan = true;
    Py_RETURN_NONE;
}

static PyObject *reset_harts(PyObject *self, PyObject *unused) {
    (void)unused;
    if (!must_stand(machine_of(self), "reset_harts()")) {
        return NULL;
    }
    machine_reset_harts(machine_of(self));
    Py_RETURN_NONE;
}

static PyObject *next_timer(PyObject *self, PyObject *unused) {
    (void)unused;
    const machine_t *m = machine_of(self);
    uint64_t tick = schedule_next_timer(m);
    for (unsigned i = 0; i < HARTS; i++) {
        const hart_t *h = &m->hart[i];
        bool pending = h->mtimecmp <= clint_mtime(m, m->now);
        tick = h->waiting && pending && h->mie >> IRQ_MTI & 1 ? m->now : tick;
    }
    return tick == NEVER ? PyLong_FromLong(-1) : number(tick / TICKS_PER_CYCLE);
}

// Lines, memory and code.

static PyObject *set_external(PyObject *self, PyObject *args) {
    unsigned index;
    int level;
    hart_t *h;
    if (!PyArg_ParseTuple(args, "Ip:set_external", &index, &level) || !parse_hart(machine_of(self), index, &h)) {
        return NULL;
    }
    h->external = level;
    schedule_attend(machine_of(self), h);
    Py_RETURN_NONE;
}

static PyObject *set_code(PyObject *self, PyObject *unused) {
    (void)unused;
    blocks_flush(machine_of(self));
    Py_RETURN_NONE;
}

static PyObject *set_ai_ram(PyObject *self, PyObject *enabled) {
    machine_t *m = machine_of(self);
    int value = PyObject_IsTrue(enabled);
    if (value < 0) {
        return NULL;
    }
    m->ai_ram = value;
    machine_set_limits(m);
    if (blocks_in_ai_ram(m)) {
        blocks_flush(m);
    }
    Py_RETURN_NONE;
}

static PyObject *set_strict(PyObject *self, PyObject *strict) {
    int value = PyObject_IsTrue(strict);
    if (value < 0) {
        return NULL;
    }
    machine_of(self)->strict = value;
    Py_RETURN_NONE;
}

static PyObject *add_breakpoint(PyObject *self, PyObject *args) {
    unsigned long long address;
    if (!PyArg_ParseTuple(args, "K:add_breakpoint", &address)) {
        return NULL;
    }
    if (!blocks_add_breakpoint(machine_of(self), address)) {
        return PyErr_NoMemory();
    }
    Py_RETURN_NONE;
}

static PyObject *remove_breakpoint(PyObject *self, PyObject *args) {
    unsigned long long address;
    if (!PyArg_ParseTuple(args, "K:remove_breakpoint", &address)) {
        return NULL;
    }
    blocks_remove_breakpoint(machine_of(self), address);
    Py_RETURN_NONE;
}

// Harts.

static PyObject *pc(PyObject *self, PyObject *args) {
    hart_t *h;
    return parse_hart_of(self, args, "I:pc", &h) ? number(h->pc) : NULL;
}

static PyObject *set_pc(PyObject *self, PyObject *args) {
    unsigned index;
    unsigned long long value;
    hart_t *h;
    if (!PyArg_ParseTuple(args, "IK:set_pc", &index, &value) || !parse_hart(machine_of(self), index, &h)
        || !must_stand(machine_of(self), "set_pc()")) {
        return NULL;
    }
    h->pc = value & ~1ull;
    h->past_break = false;
    Py_RETURN_NONE;
}

static PyObject *x(PyObject *self, PyObject *args) {
    unsigned index, reg;
    hart_t *h;
    if (!PyArg_ParseTuple(args, "II:x", &index, &reg) || !parse_hart(machine_of(self), index, &h)
        || !parse_register(reg)) {
        return NULL;
    }
    return number(h->x[reg]);
}

static PyObject *set_x(PyObject *self, PyObject *args) {
    unsigned index, reg;
    unsigned long long value;
    hart_t *h;
    if (!PyArg_ParseTuple(args, "IIK:set_x", &index, &reg, &value) || !parse_hart(machine_of(self), index, &h)
        || !parse_register(reg)) {
        return NULL;
    }
    h->x[reg ? reg : 32] = value;
    Py_RETURN_NONE;
}

static PyObject *f(PyObject *self, PyObject *args) {
    unsigned index, reg;
    hart_t *h;
    if (!PyArg_ParseTuple(args, "II:f", &index, &reg) || !parse_hart(machine_of(self), index, &h)
        || !parse_register(reg)) {
        return NULL;
    }
    return number(h->f[reg]);
}

static PyObject *set_f(PyObject *self, PyObject *args) {
    unsigned index, reg;
    unsigned long long value;
    hart_t *h;
    if (!PyArg_ParseTuple(args, "IIK:set_f", &index, &reg, &value) || !parse_hart(machine_of(self), index, &h)
        || !parse_register(reg)) {
        return NULL;
    }
    h->f[reg] = value;
    Py_RETURN_NONE;
}

// Floating point being off hides its CSRs from programs, not from the host.
static outcome_t access_csr(machine_t *m, hart_t *h, unsigned csr, uint64_t *value, bool write) {
    uint8_t fs = h->fs;
    bool floating = csr >= 1 && csr <= 3;
    h->fs = floating ? 3 : fs;
    outcome_t outcome = write ? csr_write(m, h, csr, *value) : csr_read(m, h, csr, value);
    if (floating) {
        h->fs = fs;
    }
    if (outcome != DONE) {
        PyErr_Format(PyExc_ValueError, "csr 0x%x: there is none to %s", csr, write ? "write" : "read");
    }
    return outcome;
}

static PyObject *csr(PyObject *self, PyObject *args) {
    unsigned index, csr;
    hart_t *h;
    uint64_t value;
    if (!PyArg_ParseTuple(args, "II:csr", &index, &csr) || !parse_hart(machine_of(self), index, &h)
        || access_csr(machine_of(self), h, csr, &value, false) != DONE) {
        return NULL;
    }
    return number(value);
}

static PyObject *set_csr(PyObject *self, PyObject *args) {
    unsigned index, csr;
    unsigned long long value;
    hart_t *h;
    if (!PyArg_ParseTuple(args, "IIK:set_csr", &index, &csr, &value) || !parse_hart(machine_of(self), index, &h)) {
        return NULL;
    }
    uint64_t written = value;
    if (access_csr(machine_of(self), h, csr, &written, true) != DONE) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *instret(PyObject *self, PyObject *args) {
    hart_t *h;
    return parse_hart_of(self, args, "I:instret", &h) ? number(hart_instret(h)) : NULL;
}

static PyObject *waiting(PyObject *self, PyObject *args) {
    hart_t *h;
    return parse_hart_of(self, args, "I:waiting", &h) ? PyBool_FromLong(h->waiting) : NULL;
}

static PyObject *set_waiting(PyObject *self, PyObject *args) {
    unsigned index;
    int value;
    hart_t *h;
    if (!PyArg_ParseTuple(args, "Ip:set_waiting", &index, &value) || !parse_hart(machine_of(self), index, &h)) {
        return NULL;
    }
    h->waiting = value;
    machine_of(self)->attention = machine_of(self)->replan = true;
    Py_RETURN_NONE;
}

static PyObject *msip(PyObject *self, PyObject *args) {
    hart_t *h;
    return parse_hart_of(self, args, "I:msip", &h) ? PyLong_FromLong(h->msip) : NULL;
}

static PyObject *set_msip(PyObject *self, PyObject *args) {
    unsigned index;
    unsigned long long value;
    hart_t *h;
    if (!PyArg_ParseTuple(args, "IK:set_msip", &index, &value) || !parse_hart(machine_of(self), index, &h)) {
        return NULL;
    }
    clint_set_msip(machine_of(self), h, value & 1);
    Py_RETURN_NONE;
}

static PyObject *trace(PyObject *self, PyObject *args) {
    unsigned index, entries;
    hart_t *h;
    if (!PyArg_ParseTuple(args, "II:trace", &index, &entries) || !parse_hart(machine_of(self), index, &h)) {
        return NULL;
    }
    uint32_t held = h->traced < TRACE_ENTRIES ? h->traced : TRACE_ENTRIES;
    uint32_t count = entries < held ? entries : held;
    PyObject *list = PyList_New(count);
    for (uint32_t i = 0; list && i < count; i++) {
        PyObject *entry = number(h->trace[(h->traced - count + i) % TRACE_ENTRIES]);
        if (!entry) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, i, entry);
        }
    }
    return list;
}

// Attributes.

static PyObject *get_ram(PyObject *self, void *unused) {
    (void)unused;
    return PyMemoryView_FromObject(self);
}

static PyObject *get_cycles(PyObject *self, void *unused) {
    (void)unused;
    const machine_t *m = machine_of(self);
    return number((m->running ? m->running->time : m->now) / TICKS_PER_CYCLE);
}

static PyObject *get_break_hart(PyObject *self, void *unused) {
    (void)unused;
    return PyLong_FromLong(machine_of(self)->break_hart);
}

static PyObject *get_access_hart(PyObject *self, void *unused) {
    (void)unused;
    return PyLong_FromLong(machine_of(self)->access_hart);
}

static PyGetSetDef attributes[] = {
    { "ram", get_ram, NULL, "8 MiB of memory, writable", NULL },
    { "cycles", get_cycles, NULL, "now, in CPU cycles", NULL },
    { "break_hart", get_break_hart, NULL, "the hart that stands on a breakpoint", NULL },
    { "access_hart", get_access_hart, NULL, "the hart that makes the access", NULL },
    { NULL, NULL, NULL, NULL, NULL },
};

static PyMethodDef methods[] = {
    { "map", python_device_map, METH_VARARGS, "map(base, size, device, access): puts a device there, gives its storage" },
    { "set_access", python_device_set_access, METH_VARARGS, "set_access(base, access): other access bytes" },
    ABOUT(run, METH_O, "run(limit): runs both harts, gives the reason for coming back"),
    ABOUT(step, METH_VARARGS, "step(hart): one instruction"),
    { "cut", (PyCFunction)(void (*)(void))cut, METH_VARARGS | METH_KEYWORDS, "cut(cycle=0): lowers the run's limit" },
    ABOUT(stop, METH_NOARGS, "stop(): ends the run"),
    ABOUT(reset_harts, METH_NOARGS, "reset_harts(): harts and CLINT as after power-on"),
    ABOUT(next_timer, METH_NOARGS, "next_timer(): cycle of the next enabled timer interrupt, or -1"),
    ABOUT(set_external, METH_VARARGS, "set_external(hart, level): the PLIC's line"),
    ABOUT(set_code, METH_NOARGS, "set_code(): forgets decoded instructions"),
    ABOUT(set_ai_ram, METH_O, "set_ai_ram(enabled): whether the CPU reaches AI RAM"),
    ABOUT(set_strict, METH_O, "set_strict(strict): refuse what silicon does unreliably"),
    ABOUT(add_breakpoint, METH_VARARGS, "add_breakpoint(address)"),
    ABOUT(remove_breakpoint, METH_VARARGS, "remove_breakpoint(address)"),
    ABOUT(pc, METH_VARARGS, "pc(hart)"),
    ABOUT(set_pc, METH_VARARGS, "set_pc(hart, value)"),
    ABOUT(x, METH_VARARGS, "x(hart, index)"),
    ABOUT(set_x, METH_VARARGS, "set_x(hart, index, value)"),
    ABOUT(f, METH_VARARGS, "f(hart, index): raw bits"),
    ABOUT(set_f, METH_VARARGS, "set_f(hart, index, value)"),
    ABOUT(csr, METH_VARARGS, "csr(hart, number)"),
    ABOUT(set_csr, METH_VARARGS, "set_csr(hart, number, value)"),
    ABOUT(instret, METH_VARARGS, "instret(hart): instructions retired"),
    ABOUT(waiting, METH_VARARGS, "waiting(hart): whether it is in wfi"),
    ABOUT(set_waiting, METH_VARARGS, "set_waiting(hart, waiting)"),
    ABOUT(msip, METH_VARARGS, "msip(hart)"),
    ABOUT(set_msip, METH_VARARGS, "set_msip(hart, value)"),
    ABOUT(trace, METH_VARARGS, "trace(hart, entries): where the last jumps and traps went"),
    { NULL, NULL, 0, NULL },
};

static PyBufferProcs buffer = { .bf_getbuffer = get_buffer };

PyTypeObject python_machine_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "microkpu.virtual._core.Machine",
    .tp_doc = "Both harts, their memory and clock; devices are mapped in.",
    .tp_basicsize = sizeof(machine_object_t),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_new = machine_new,
    .tp_dealloc = machine_dealloc,
    .tp_traverse = machine_traverse,
    .tp_clear = machine_clear,
    .tp_as_buffer = &buffer,
    .tp_methods = methods,
    .tp_getset = attributes,
};
