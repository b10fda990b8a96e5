// SPDX-License-Identifier: MIT
// The methods of Machine that look into one hart: registers, CSRs, waiting, interrupts, trace.
#include "python_machine.h"

bool python_parse_hart(machine_t *m, unsigned index, hart_t **h) {
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

bool python_parse_hart_of(PyObject *self, PyObject *args, const char *format, hart_t **h) {
    unsigned index;
    return PyArg_ParseTuple(args, format, &index) && python_parse_hart(machine_of(self), index, h);
}

bool python_must_stand(const machine_t *m, const char *what) {
    if (m->running) {
        PyErr_Format(PyExc_RuntimeError, "%s inside a device call: stop() the run first", what);
        return false;
    }
    return true;
}

static PyObject *number(uint64_t value) {
    return PyLong_FromUnsignedLongLong(value);
}

static PyObject *pc(PyObject *self, PyObject *args) {
    hart_t *h;
    return python_parse_hart_of(self, args, "I:pc", &h) ? number(h->pc) : NULL;
}

static PyObject *set_pc(PyObject *self, PyObject *args) {
    unsigned index;
    unsigned long long value;
    hart_t *h;
    if (!PyArg_ParseTuple(args, "IK:set_pc", &index, &value) || !python_parse_hart(machine_of(self), index, &h)
        || !python_must_stand(machine_of(self), "set_pc()")) {
        return NULL;
    }
    h->pc = value & ~1ull;
    h->past_break = false;
    Py_RETURN_NONE;
}

static PyObject *x(PyObject *self, PyObject *args) {
    unsigned index, reg;
    hart_t *h;
    if (!PyArg_ParseTuple(args, "II:x", &index, &reg) || !python_parse_hart(machine_of(self), index, &h)
        || !parse_register(reg)) {
        return NULL;
    }
    return number(h->x[reg]);
}

static PyObject *set_x(PyObject *self, PyObject *args) {
    unsigned index, reg;
    unsigned long long value;
    hart_t *h;
    if (!PyArg_ParseTuple(args, "IIK:set_x", &index, &reg, &value) || !python_parse_hart(machine_of(self), index, &h)
        || !parse_register(reg)) {
        return NULL;
    }
    h->x[reg ? reg : 32] = value;
    Py_RETURN_NONE;
}

static PyObject *f(PyObject *self, PyObject *args) {
    unsigned index, reg;
    hart_t *h;
    if (!PyArg_ParseTuple(args, "II:f", &index, &reg) || !python_parse_hart(machine_of(self), index, &h)
        || !parse_register(reg)) {
        return NULL;
    }
    return number(h->f[reg]);
}

static PyObject *set_f(PyObject *self, PyObject *args) {
    unsigned index, reg;
    unsigned long long value;
    hart_t *h;
    if (!PyArg_ParseTuple(args, "IIK:set_f", &index, &reg, &value) || !python_parse_hart(machine_of(self), index, &h)
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
    if (!PyArg_ParseTuple(args, "II:csr", &index, &csr) || !python_parse_hart(machine_of(self), index, &h)
        || access_csr(machine_of(self), h, csr, &value, false) != DONE) {
        return NULL;
    }
    return number(value);
}

static PyObject *set_csr(PyObject *self, PyObject *args) {
    unsigned index, csr;
    unsigned long long value;
    hart_t *h;
    if (!PyArg_ParseTuple(args, "IIK:set_csr", &index, &csr, &value)
        || !python_parse_hart(machine_of(self), index, &h)) {
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
    return python_parse_hart_of(self, args, "I:instret", &h) ? number(hart_instret(h)) : NULL;
}

static PyObject *waiting(PyObject *self, PyObject *args) {
    hart_t *h;
    return python_parse_hart_of(self, args, "I:waiting", &h) ? PyBool_FromLong(h->waiting) : NULL;
}

static PyObject *set_waiting(PyObject *self, PyObject *args) {
    unsigned index;
    int value;
    hart_t *h;
    if (!PyArg_ParseTuple(args, "Ip:set_waiting", &index, &value) || !python_parse_hart(machine_of(self), index, &h)) {
        return NULL;
    }
    h->waiting = value;
    machine_of(self)->attention = machine_of(self)->replan = true;
    Py_RETURN_NONE;
}

static PyObject *msip(PyObject *self, PyObject *args) {
    hart_t *h;
    return python_parse_hart_of(self, args, "I:msip", &h) ? PyLong_FromLong(h->msip) : NULL;
}

static PyObject *set_msip(PyObject *self, PyObject *args) {
    unsigned index;
    unsigned long long value;
    hart_t *h;
    if (!PyArg_ParseTuple(args, "IK:set_msip", &index, &value) || !python_parse_hart(machine_of(self), index, &h)) {
        return NULL;
    }
    clint_set_msip(machine_of(self), h, value & 1);
    Py_RETURN_NONE;
}

static PyObject *trace(PyObject *self, PyObject *args) {
    unsigned index, entries;
    hart_t *h;
    if (!PyArg_ParseTuple(args, "II:trace", &index, &entries) || !python_parse_hart(machine_of(self), index, &h)) {
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
            PyList_SetItem(list, i, entry);
        }
    }
    return list;
}

static PyObject *set_external(PyObject *self, PyObject *args) {
    unsigned index;
    int level;
    hart_t *h;
    if (!PyArg_ParseTuple(args, "Ip:set_external", &index, &level) || !python_parse_hart(machine_of(self), index, &h)) {
        return NULL;
    }
    h->external = level;
    schedule_attend(machine_of(self), h);
    Py_RETURN_NONE;
}

PyMethodDef python_hart_methods[] = {
    ABOUT(set_external, METH_VARARGS, "set_external(hart, level): the PLIC's line"),
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
