// SPDX-License-Identifier: MIT
// Maps Python devices into the machine and calls them.
#include "python_machine.h"

static region_t *find_region(machine_t *m, uint32_t base) {
    for (uint32_t i = 0; i < m->region_count; i++) {
        if (m->regions[i].base == base) {
            return &m->regions[i];
        }
    }
    return NULL;
}

// The device raised, or gave what is no register's value: the exception comes out of run().
static bool raised(machine_t *m) {
    m->failed = true;
    m->completed = true;
    m->attention = m->replan = true;
    return false;
}

bool python_device_read(machine_t *m, const region_t *region, uint32_t offset, unsigned size, uint64_t *value) {
    mapping_t *mapping = region->device;
    PyObject *result = PyObject_CallFunction(mapping->read, "II", offset, size);
    if (!result) {
        return raised(m);
    }
    *value = PyLong_AsUnsignedLongLong(result);
    Py_DECREF(result);
    if (*value == UINT64_MAX && PyErr_Occurred()) {
        return raised(m);
    }
    return true;
}

bool python_device_write(machine_t *m, const region_t *region, uint32_t offset, unsigned size, uint64_t value) {
    mapping_t *mapping = region->device;
    PyObject *result = PyObject_CallFunction(mapping->write, "IIK", offset, size, (unsigned long long)value);
    if (!result) {
        return raised(m);
    }
    Py_DECREF(result);
    return true;
}

static void forget(mapping_t *mapping) {
    if (mapping->storage_view.obj) {
        PyBuffer_Release(&mapping->storage_view);
    }
    Py_CLEAR(mapping->read);
    Py_CLEAR(mapping->write);
    Py_CLEAR(mapping->storage);
    PyMem_Free(mapping->access);
    PyMem_Free(mapping->counts);
    PyMem_Free(mapping);
}

void python_device_clear(machine_t *m) {
    uint32_t count = m->region_count;
    m->region_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        forget(m->regions[i].device);
    }
}

int python_device_traverse(machine_t *m, visitproc visit, void *arg) {
    for (uint32_t i = 0; i < m->region_count; i++) {
        mapping_t *mapping = m->regions[i].device;
        Py_VISIT(mapping->read);
        Py_VISIT(mapping->write);
        Py_VISIT(mapping->storage);
    }
    return 0;
}

static bool set_access(region_t *region, const Py_buffer *access) {
    if ((uint64_t)access->len * 4 != region->size) {
        PyErr_Format(PyExc_ValueError, "%zd access bytes for a region of %u bytes: want one per 4 bytes",
            access->len, region->size);
        return false;
    }
    memcpy(region->access, access->buf, access->len);
    return true;
}

static bool check_place(const machine_t *m, unsigned long long base, unsigned long long size) {
    if (base % 8 || size % 8 || !size || base > UINT32_MAX || base + size > 1ull << 32) {
        PyErr_Format(PyExc_ValueError, "region at %s of %zu bytes: want multiples of 8 within 32 bits",
            HEX(base), (size_t)size);
        return false;
    }
    const struct {
        uint64_t base, size;
    } taken[] = {
        { RAM_CACHED, RAM_BYTES }, { RAM_UNCACHED, RAM_BYTES }, { CLINT_BASE, CLINT_BYTES },
    };
    for (unsigned i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        if (base < taken[i].base + taken[i].size && taken[i].base < base + size) {
            PyErr_Format(PyExc_ValueError, "region at %s lies over memory or clint", HEX(base));
            return false;
        }
    }
    for (uint32_t i = 0; i < m->region_count; i++) {
        const region_t *other = &m->regions[i];
        if (base < (uint64_t)other->base + other->size && other->base < base + size) {
            PyErr_Format(PyExc_ValueError, "region at %s overlaps the one at 0x%x", HEX(base),
                other->base);
            return false;
        }
    }
    return true;
}

static mapping_t *make_mapping(PyObject *device, uint32_t size) {
    mapping_t *mapping = PyMem_Calloc(1, sizeof(*mapping));
    if (!mapping) {
        PyErr_NoMemory();
        return NULL;
    }
    mapping->access = PyMem_Calloc(1, size / 4);
    mapping->counts = PyMem_Calloc(size / 4, 2 * sizeof(*mapping->counts));
    mapping->storage = PyByteArray_FromStringAndSize(NULL, size);
    mapping->read = PyObject_GetAttrString(device, "read");
    mapping->write = mapping->read ? PyObject_GetAttrString(device, "write") : NULL;
    bool made = mapping->access && mapping->counts && mapping->storage && mapping->write
        && PyObject_GetBuffer(mapping->storage, &mapping->storage_view, PyBUF_WRITABLE) == 0;
    if (made) {
        memset(mapping->storage_view.buf, 0, size);
        return mapping;
    }
    if (!PyErr_Occurred()) {
        PyErr_NoMemory();
    }
    forget(mapping);
    return NULL;
}

static void insert(machine_t *m, const region_t *region) {
    uint32_t i = m->region_count++;
    for (; i && m->regions[i - 1].base > region->base; i--) {
        m->regions[i] = m->regions[i - 1];
    }
    m->regions[i] = *region;
}

PyObject *python_device_map(PyObject *self, PyObject *args) {
    machine_t *m = machine_of(self);
    unsigned long long base, size;
    PyObject *device;
    Py_buffer access;
    if (!PyArg_ParseTuple(args, "KKOy*:map", &base, &size, &device, &access)) {
        return NULL;
    }
    PyObject *view = NULL;
    mapping_t *mapping = NULL;
    region_t *grown;
    if (!check_place(m, base, size) || !(mapping = make_mapping(device, (uint32_t)size))) {
        goto done;
    }
    region_t region = { (uint32_t)base, (uint32_t)size, mapping->access, mapping->storage_view.buf, mapping->counts,
                        mapping };
    if (!set_access(&region, &access) || !(view = PyMemoryView_FromObject(mapping->storage))) {
        forget(mapping);
        goto done;
    }
    grown = realloc(m->regions, (m->region_count + 1) * sizeof(*grown));
    if (!grown) {
        forget(mapping);
        Py_CLEAR(view);
        PyErr_NoMemory();
        goto done;
    }
    m->regions = grown;
    insert(m, &region);
done:
    PyBuffer_Release(&access);
    return view;
}

PyObject *python_device_accesses(PyObject *self, PyObject *base) {
    unsigned long long address = PyLong_AsUnsignedLongLong(base);
    if (address == UINT64_MAX && PyErr_Occurred()) {
        return NULL;
    }
    const region_t *region = address <= UINT32_MAX ? find_region(machine_of(self), (uint32_t)address) : NULL;
    if (!region) {
        PyErr_Format(PyExc_ValueError, "no region begins at %s", HEX(address));
        return NULL;
    }
    PyObject *counts = PyDict_New();
    for (uint32_t word = 0; counts && word < region->size / 4; word++) {
        const uint32_t *two = &region->counts[2 * word];
        if (!two[0] && !two[1]) {
            continue;
        }
        PyObject *offset = PyLong_FromUnsignedLong(4 * word), *row = Py_BuildValue("(II)", two[0], two[1]);
        if (!offset || !row || PyDict_SetItem(counts, offset, row)) {
            Py_CLEAR(counts);
        }
        Py_XDECREF(offset);
        Py_XDECREF(row);
    }
    return counts;
}

PyObject *python_device_set_access(PyObject *self, PyObject *args) {
    machine_t *m = machine_of(self);
    unsigned long long base;
    Py_buffer access;
    if (!PyArg_ParseTuple(args, "Ky*:set_access", &base, &access)) {
        return NULL;
    }
    region_t *region = base <= UINT32_MAX ? find_region(m, (uint32_t)base) : NULL;
    if (!region) {
        PyErr_Format(PyExc_ValueError, "no region begins at %s", HEX(base));
    }
    bool set = region && set_access(region, &access);
    PyBuffer_Release(&access);
    if (!set) {
        return NULL;
    }
    Py_RETURN_NONE;
}
