// SPDX-License-Identifier: MIT
// The methods of Machine that look into the data caches, and at memory as a hart sees it.
#include "python_machine.h"

// Checks a range of either view; gives its offset in RAM.
static bool parse_range(unsigned long long address, unsigned long long length, uint32_t *offset) {
    *offset = (uint32_t)address - ((uint32_t)address >= RAM_CACHED ? RAM_CACHED : RAM_UNCACHED);
    if (address <= UINT32_MAX && *offset < RAM_BYTES && length <= RAM_BYTES - *offset) {
        return true;
    }
    PyErr_Format(PyExc_ValueError, "%s and %zu bytes go beyond memory", HEX(address), (size_t)length);
    return false;
}

static bool is_cached_view(unsigned long long address) {
    return address >= RAM_CACHED;
}

static PyObject *set_cache(PyObject *self, PyObject *enabled) {
    machine_t *m = machine_of(self);
    int value = PyObject_IsTrue(enabled);
    if (value < 0 || !python_must_stand(m, "set_cache()")) {
        return NULL;
    }
    if (!cache_enable(m, value)) {
        return PyErr_NoMemory();
    }
    Py_RETURN_NONE;
}

static PyObject *read_memory(PyObject *self, PyObject *args) {
    machine_t *m = machine_of(self);
    unsigned index;
    unsigned long long address, length;
    hart_t *h;
    uint32_t offset;
    if (!PyArg_ParseTuple(args, "IKK:read", &index, &address, &length) || !python_parse_hart(m, index, &h)
        || !parse_range(address, length, &offset)) {
        return NULL;
    }
    PyObject *bytes = PyBytes_FromStringAndSize((const char *)m->ram + offset, (Py_ssize_t)length);
    char *seen = bytes && m->cached && is_cached_view(address) ? PyBytes_AsString(bytes) : NULL;
    for (uint32_t i = 0; seen && i < length; i++) {
        seen[i] = (char)*cache_seen_by(m, h, offset + i);
    }
    return bytes;
}

static PyObject *write_memory(PyObject *self, PyObject *args) {
    machine_t *m = machine_of(self);
    unsigned long long address;
    Py_buffer data;
    uint32_t offset;
    if (!PyArg_ParseTuple(args, "Ky*:write", &address, &data)) {
        return NULL;
    }
    bool good = parse_range(address, data.len, &offset);
    for (Py_ssize_t i = 0; good && i < data.len; i++) {
        if (is_cached_view(address)) {
            cache_put(m, offset + (uint32_t)i, ((const uint8_t *)data.buf)[i]);
        } else {
            m->ram[offset + i] = ((const uint8_t *)data.buf)[i];
        }
    }
    PyBuffer_Release(&data);
    if (!good) {
        return NULL;
    }
    blocks_flush(m);
    Py_RETURN_NONE;
}

static PyObject *cache_lines(PyObject *self, PyObject *args) {
    hart_t *h;
    if (!python_parse_hart_of(self, args, "I:cache_lines", &h)) {
        return NULL;
    }
    const cache_t *cache = machine_of(self)->cached ? h->cache : NULL;
    PyObject *lines = PyList_New(0);
    for (unsigned slot = 1; lines && cache && slot <= CACHE_SLOTS; slot++) {
        uint32_t line = cache->line[slot];
        if ((cache->loads[line] & (CACHE_STALE - 1)) != slot) {
            continue;
        }
        PyObject *row = Py_BuildValue("(kOO)", (unsigned long)(RAM_CACHED + line * CACHE_LINE),
            cache->dirty[slot] ? Py_True : Py_False, cache->loads[line] & CACHE_STALE ? Py_True : Py_False);
        if (!row || PyList_Append(lines, row)) {
            Py_CLEAR(lines);
        }
        Py_XDECREF(row);
    }
    return lines;
}

static PyObject *cache_bytes(PyObject *self, PyObject *args) {
    hart_t *h;
    if (!python_parse_hart_of(self, args, "I:cache_bytes", &h)) {
        return NULL;
    }
    if (!machine_of(self)->cached) {
        return PyBytes_FromStringAndSize(NULL, 0);
    }
    return PyBytes_FromStringAndSize((const char *)h->cache->bytes,
        (const char *)(&h->cache->random + 1) - (const char *)h->cache->bytes);
}

static PyObject *device_touches(PyObject *self, PyObject *args) {
    machine_t *m = machine_of(self);
    unsigned long long start, length;
    int write;
    if (!PyArg_ParseTuple(args, "KKp:device_touches", &start, &length, &write)) {
        return NULL;
    }
    start = start < RAM_BYTES ? start : RAM_BYTES;
    length = length < RAM_BYTES - start ? length : RAM_BYTES - start;
    hazard_t hazard;
    uint32_t where;
    if (!m->cached || cache_device(m, (uint32_t)start, (uint32_t)length, write, &hazard, &where)) {
        Py_RETURN_NONE;
    }
    return Py_BuildValue("(ks)", (unsigned long)where, cache_hazard_text(hazard));
}

static PyObject *hazards(PyObject *self, PyObject *unused) {
    (void)unused;
    const machine_t *m = machine_of(self);
    PyObject *counts = PyDict_New();
    for (unsigned i = 0; counts && i < HAZARDS; i++) {
        if (!m->hazards[i]) {
            continue;
        }
        PyObject *count = PyLong_FromUnsignedLongLong(m->hazards[i]);
        if (!count || PyDict_SetItemString(counts, cache_hazard_text(i), count)) {
            Py_CLEAR(counts);
        }
        Py_XDECREF(count);
    }
    return counts;
}

PyMethodDef python_cache_methods[] = {
    ABOUT(set_cache, METH_O, "set_cache(enabled): data caches between the harts and memory"),
    { "read", read_memory, METH_VARARGS, "read(hart, address, length): memory as a hart's loads see it" },
    { "write", write_memory, METH_VARARGS, "write(address, data): into memory and every cached copy" },
    ABOUT(cache_lines, METH_VARARGS, "cache_lines(hart): address, dirty, stale of every line held"),
    ABOUT(cache_bytes, METH_VARARGS, "cache_bytes(hart): all of a cache's state"),
    ABOUT(device_touches, METH_VARARGS, "device_touches(start, length, write): the hazard, or None"),
    ABOUT(hazards, METH_NOARGS, "hazards(): how often which one was let pass"),
    { NULL, NULL, 0, NULL },
};
