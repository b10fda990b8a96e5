// SPDX-License-Identifier: MIT
// The KPU's arithmetic for Python: one layer on the machine's memory, parameters found by bus address.
#include "python_machine.h"

#include "kpu_layer.h"

#define LAYER_WORDS (12)
#define RAM_MASK (RAM_BYTES - 1)

// A parameter block by its bus address; NULL with ValueError where it goes beyond RAM.
static const uint8_t *block(const uint8_t *ram, uint64_t word, size_t size, const char *name) {
    uint32_t address = (uint32_t)(word >> 32);
    uint32_t offset = address & RAM_MASK;
    if (size > RAM_BYTES - offset) {
        PyErr_Format(PyExc_ValueError, "%zu bytes of %s at 0x%x go beyond memory", size, name, address);
        return NULL;
    }
    return ram + offset;
}

static PyObject *run(const uint64_t *words, uint8_t *ram, bool eight_bit) {
    kpu_layer_sizes_t sizes;
    const char *why = kpu_layer_check(words, eight_bit, &sizes);
    if (why) {
        PyErr_SetString(PyExc_ValueError, why);
        return NULL;
    }
    const uint8_t *weights = block(ram, words[5], sizes.weights, "weights");
    const uint8_t *batch_norm = weights ? block(ram, words[4], sizes.batch_norm, "batch norm") : NULL;
    const uint8_t *activation = batch_norm ? block(ram, words[7], sizes.activation, "activation") : NULL;
    if (!activation) {
        return NULL;
    }
    PyObject *output = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)sizes.output);
    if (!output) {
        return NULL;
    }
    uint8_t *bytes = (uint8_t *)PyBytes_AsString(output);
    if (kpu_layer_run(words, eight_bit, ram + AI_RAM_OFFSET, weights, batch_norm, activation, bytes)) {
        Py_DECREF(output);
        return PyErr_NoMemory();
    }
    return output;
}

PyObject *python_kpu_layer(PyObject *module, PyObject *args) {
    (void)module;
    Py_buffer words, ram;
    int eight_bit;
    if (!PyArg_ParseTuple(args, "y*w*p:kpu_layer", &words, &ram, &eight_bit)) {
        return NULL;
    }
    PyObject *output = NULL;
    if (words.len != LAYER_WORDS * 8 || ram.len != RAM_BYTES) {
        PyErr_Format(PyExc_ValueError, "%zd bytes of words and %zd of ram: want %d and %d", words.len, ram.len,
            LAYER_WORDS * 8, (int)RAM_BYTES);
    } else {
        uint64_t copy[LAYER_WORDS];
        memcpy(copy, words.buf, sizeof(copy));
        output = run(copy, ram.buf, eight_bit);
    }
    PyBuffer_Release(&words);
    PyBuffer_Release(&ram);
    return output;
}
