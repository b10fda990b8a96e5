// SPDX-License-Identifier: MIT
// What the files of the Python binding share.
#ifndef PYTHON_MACHINE_H
#define PYTHON_MACHINE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

typedef struct {
    PyObject_HEAD
    machine_t machine;
} machine_object_t;

// A device's bound methods and its registers.
typedef struct {
    PyObject *read;
    PyObject *write;
    PyObject *storage;
    Py_buffer storage_view;
    uint8_t *access;
    uint32_t *counts;
} mapping_t;

static inline machine_t *machine_of(PyObject *self) {
    return &((machine_object_t *)self)->machine;
}

// For messages: PyErr_Format knows no wide hexadecimal numbers. The text lasts as long as the enclosing block.
#define HEX(value) python_hex((char[20]) { 0 }, value)
static inline const char *python_hex(char text[20], unsigned long long value) {
    snprintf(text, 20, "0x%llx", value);
    return text;
}

#define ABOUT(name, flags, text) { #name, (PyCFunction)name, flags, text }

extern PyMethodDef python_hart_methods[];
extern PyMethodDef python_cache_methods[];
extern PyObject *python_core_error;

// The type Machine, a new reference.
PyObject *python_machine_make(void);

// Checks that set an exception where they give false.
bool python_parse_hart(machine_t *m, unsigned index, hart_t **h);
bool python_parse_hart_of(PyObject *self, PyObject *args, const char *format, hart_t **h);
bool python_must_stand(const machine_t *m, const char *what);

bool python_device_read(machine_t *m, const region_t *region, uint32_t offset, unsigned size, uint64_t *value);
bool python_device_write(machine_t *m, const region_t *region, uint32_t offset, unsigned size, uint64_t value);
void python_device_clear(machine_t *m);
int python_device_traverse(machine_t *m, visitproc visit, void *arg);
PyObject *python_device_map(PyObject *self, PyObject *args);
PyObject *python_device_accesses(PyObject *self, PyObject *base);
PyObject *python_device_set_access(PyObject *self, PyObject *args);

PyObject *python_kpu_layer(PyObject *module, PyObject *args);

#endif // PYTHON_MACHINE_H
