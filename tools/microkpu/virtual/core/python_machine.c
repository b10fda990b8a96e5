// SPDX-License-Identifier: MIT
// The Python type Machine: its life, running, memory and code; python_hart.c has the methods about one hart.
#include "python_machine.h"

static PyObject *machine_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    if (PyTuple_Size(args) || (keywords && PyDict_Size(keywords))) {
        PyErr_SetString(PyExc_TypeError, "Machine() takes no arguments");
        return NULL;
    }
    PyObject *self = PyType_GenericAlloc(type, 0);
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
    Py_VISIT(Py_TYPE(self));
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
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

// Every view of ram keeps the machine alive.
static int get_buffer(PyObject *self, Py_buffer *view, int flags) {
    return PyBuffer_FillInfo(view, self, machine_of(self)->ram, RAM_BYTES, 0, flags);
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
    if ((cycles == UINT64_MAX && PyErr_Occurred()) || !python_must_stand(m, "run()")) {
        return NULL;
    }
    if (cycles >> 62) {
        PyErr_Format(PyExc_ValueError, "limit of %zu cycles: want less than 2**62", (size_t)cycles);
        return NULL;
    }
    return ended(m, schedule_run(m, cycles * TICKS_PER_CYCLE));
}

static PyObject *step(PyObject *self, PyObject *args) {
    machine_t *m = machine_of(self);
    hart_t *h;
    if (!python_parse_hart_of(self, args, "I:step", &h) || !python_must_stand(m, "step()")) {
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
    uint64_t ticks = NEVER;
    if (cycle <= NEVER / TICKS_PER_CYCLE) {
        ticks = (uint64_t)cycle * TICKS_PER_CYCLE;
    }
    schedule_cut(machine_of(self), ticks);
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
    if (!python_must_stand(machine_of(self), "reset_harts()")) {
        return NULL;
    }
    machine_reset_harts(machine_of(self));
    Py_RETURN_NONE;
}

static PyObject *next_timer(PyObject *self, PyObject *unused) {
    (void)unused;
    uint64_t tick = schedule_next_timer(machine_of(self));
    return tick == NEVER ? PyLong_FromLong(-1) : PyLong_FromUnsignedLongLong(tick / TICKS_PER_CYCLE);
}

// Lines, memory and code.

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

static PyObject *set_watches(PyObject *self, PyObject *watches) {
    machine_t *m = machine_of(self);
    PyObject *rows = PySequence_List(watches);
    if (!rows) {
        return NULL;
    }
    watch_t made[WATCHES] = { 0 };
    Py_ssize_t count = PyList_Size(rows);
    bool good = count <= WATCHES;
    if (!good) {
        PyErr_Format(PyExc_ValueError, "%zd watches: there are at most %d", count, WATCHES);
    }
    for (Py_ssize_t i = 0; good && i < count; i++) {
        unsigned base, size;
        int loads, stores;
        good = PyArg_ParseTuple(PyList_GetItem(rows, i), "IIpp:watch", &base, &size, &loads, &stores);
        if (good) {
            made[i] = (watch_t) { base, size, loads, stores };
        }
    }
    Py_DECREF(rows);
    if (!good) {
        return NULL;
    }
    memcpy(m->watches, made, sizeof(made));
    m->watch_count = (uint32_t)count;
    machine_set_limits(m);
    Py_RETURN_NONE;
}

// Attributes.

static PyObject *get_ram(PyObject *self, void *unused) {
    (void)unused;
    return PyMemoryView_FromObject(self);
}

static PyObject *get_cycles(PyObject *self, void *unused) {
    (void)unused;
    const machine_t *m = machine_of(self);
    return PyLong_FromUnsignedLongLong((m->running ? m->running->time : m->now) / TICKS_PER_CYCLE);
}

static PyObject *get_break_hart(PyObject *self, void *unused) {
    (void)unused;
    return PyLong_FromLong(machine_of(self)->break_hart);
}

static PyObject *get_access_hart(PyObject *self, void *unused) {
    (void)unused;
    return PyLong_FromLong(machine_of(self)->access_hart);
}

static PyObject *get_watch_hit(PyObject *self, void *unused) {
    (void)unused;
    const machine_t *m = machine_of(self);
    if (!m->watch_hit) {
        Py_RETURN_NONE;
    }
    return PyLong_FromUnsignedLong(m->watch_hit);
}

static PyGetSetDef attributes[] = {
    { "watch_hit", get_watch_hit, NULL, "the watched address at which the run ended, or None", NULL },
    { "ram", get_ram, NULL, "8 MiB of memory, writable", NULL },
    { "cycles", get_cycles, NULL, "now, in CPU cycles", NULL },
    { "break_hart", get_break_hart, NULL, "the hart that stands on a breakpoint", NULL },
    { "access_hart", get_access_hart, NULL, "the hart that makes the access", NULL },
    { NULL, NULL, NULL, NULL, NULL },
};

static PyMethodDef methods[] = {
    { "map", python_device_map, METH_VARARGS, "map(base, size, device, access): puts a device there" },
    { "set_access", python_device_set_access, METH_VARARGS, "set_access(base, access): other access bytes" },
    { "accesses", python_device_accesses, METH_O, "accesses(base): the harts' reads and writes, by offset" },
    ABOUT(run, METH_O, "run(limit): runs both harts, gives the reason for coming back"),
    ABOUT(step, METH_VARARGS, "step(hart): one instruction"),
    { "cut", (PyCFunction)(void (*)(void))cut, METH_VARARGS | METH_KEYWORDS, "cut(cycle=0): lowers the run's limit" },
    ABOUT(stop, METH_NOARGS, "stop(): ends the run"),
    ABOUT(reset_harts, METH_NOARGS, "reset_harts(): harts and CLINT as after power-on"),
    ABOUT(next_timer, METH_NOARGS, "next_timer(): cycle of the next enabled timer interrupt, or -1"),
    ABOUT(set_code, METH_NOARGS, "set_code(): forgets decoded instructions"),
    ABOUT(set_ai_ram, METH_O, "set_ai_ram(enabled): whether the CPU reaches AI RAM"),
    ABOUT(set_strict, METH_O, "set_strict(strict): refuse what silicon does unreliably"),
    ABOUT(add_breakpoint, METH_VARARGS, "add_breakpoint(address)"),
    ABOUT(set_watches, METH_O, "set_watches(rows): base, size, loads, stores of memory that ends a run"),
    ABOUT(remove_breakpoint, METH_VARARGS, "remove_breakpoint(address)"),
    { NULL, NULL, 0, NULL },
};

static PyType_Slot slots[] = {
    { Py_tp_doc, "Both harts, their memory and clock; devices are mapped in." },
    { Py_tp_new, machine_new },
    { Py_tp_dealloc, machine_dealloc },
    { Py_tp_traverse, machine_traverse },
    { Py_tp_clear, machine_clear },
    { Py_bf_getbuffer, get_buffer },
    { Py_tp_methods, methods },
    { Py_tp_getset, attributes },
    { 0, NULL },
};

static PyType_Spec spec = {
    .name = "microkpu.virtual._core.Machine",
    .basicsize = sizeof(machine_object_t),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};

static bool add_methods(PyObject *type, PyMethodDef *method) {
    for (; method->ml_name; method++) {
        PyObject *descriptor = PyDescr_NewMethod((PyTypeObject *)type, method);
        if (!descriptor || PyObject_SetAttrString(type, method->ml_name, descriptor)) {
            Py_XDECREF(descriptor);
            return false;
        }
        Py_DECREF(descriptor);
    }
    return true;
}

PyObject *python_machine_make(void) {
    PyObject *type = PyType_FromSpec(&spec);
    if (type && (!add_methods(type, python_hart_methods) || !add_methods(type, python_cache_methods))) {
        Py_CLEAR(type);
    }
    return type;
}
