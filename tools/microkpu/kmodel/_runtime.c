// SPDX-License-Identifier: MIT
// microkpu.kmodel._runtime: the board's model runtime and the KPU's arithmetic for Python on a PC.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdlib.h>
#include <string.h>

#include "kmodel.h"
#include "kpu.h"
#include "kpu_host.h"
#include "kpu_layer.h"

#define WORDS_BYTES (KPU_LAYER_WORDS * 8)

typedef struct {
    PyObject_HEAD
    void *file, *work, *device, *tape;
    kmodel_t *model;
    kmodel_needs_t needs;
} model_t;

// -- memory

static void *take(size_t bytes) {
    void *block = aligned_alloc(KMODEL_ALIGN, (bytes + KMODEL_ALIGN) / KMODEL_ALIGN * KMODEL_ALIGN);
    if (block) {
        memset(block, 0, bytes);
    }
    return block;
}

static void model_dealloc(model_t *self) {
    if (self->file) {
        kpu_host_unmap(self->file);
    }
    free(self->file);
    free(self->work);
    free(self->device);
    free(self->tape);
    free(self->model);
    PyTypeObject *type = Py_TYPE((PyObject *)self);
    PyObject_Free(self);
    Py_DECREF(type);
}

static int refuse(const kmodel_why_t *why) {
    char text[256];
    PyErr_SetString(PyExc_ValueError, kmodel_explain(why, text, sizeof(text)));
    return -1;
}

// -- a model

static int place(model_t *self, const Py_buffer *file) {
    kmodel_why_t why;
    self->file = take(file->len);
    if (!self->file) {
        PyErr_NoMemory();
        return -1;
    }
    memcpy(self->file, file->buf, file->len);
    if (kmodel_measure(self->file, file->len, &self->needs, &why) != KMODEL_OK) {
        return refuse(&why);
    }
    self->work = take(self->needs.work);
    self->device = take(self->needs.device);
    self->tape = take(self->needs.tape);
    self->model = take(kmodel_struct_bytes());
    if (!self->work || !self->device || !self->tape || !self->model || !kpu_host_map(self->file, file->len)) {
        PyErr_NoMemory();
        return -1;
    }
    if (kmodel_open(self->model, self->file, file->len, self->work, self->device, self->tape) != KMODEL_OK) {
        PyErr_SetString(PyExc_RuntimeError, "a model that was measured does not open");
        return -1;
    }
    return 0;
}

static PyObject *model_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"file", NULL};
    Py_buffer file;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "y*", keywords, &file)) {
        return NULL;
    }
    model_t *self = (model_t *)PyType_GenericAlloc(type, 0);
    if (self && place(self, &file) < 0) {
        Py_CLEAR(self);
    }
    PyBuffer_Release(&file);
    return (PyObject *)self;
}

static PyObject *tensor(kmodel_tensor_t t) {
    return Py_BuildValue("(sIII)", t.type == KMODEL_F32 ? "f32" : "u8", t.channels, t.h, t.w);
}

static PyObject *model_input(model_t *self, void *closure) {
    (void)closure;
    return tensor(kmodel_input(self->model));
}

// A list of `count` tensors.
static PyObject *tensors(const kmodel_t *model, uint32_t count,
    kmodel_tensor_t (*get)(const kmodel_t *, uint32_t)) {
    PyObject *list = PyList_New(count);
    for (uint32_t i = 0; list && i < count; i++) {
        PyObject *item = tensor(get(model, i));
        if (!item) {
            Py_CLEAR(list);
            break;
        }
        PyList_SetItem(list, i, item);
    }
    return list;
}

static PyObject *model_inputs(model_t *self, void *closure) {
    (void)closure;
    return tensors(self->model, kmodel_input_count(self->model), kmodel_input_part);
}

static PyObject *model_outputs(model_t *self, void *closure) {
    (void)closure;
    return tensors(self->model, kmodel_output_count(self->model), kmodel_output);
}

static PyObject *layer(const kmodel_t *model, uint32_t index) {
    kmodel_layer_t l;
    kmodel_layer(model, index, &l);
    return Py_BuildValue("(IsINNN(III)(III)III)", l.type, l.name, l.body_bytes, PyBool_FromLong(l.kpu),
        PyBool_FromLong(l.depthwise), PyBool_FromLong(l.main_memory_output), l.ch_in, l.h_in, l.w_in, l.ch_out, l.h_out,
        l.w_out, l.kernel, l.pool, l.parameter_bytes);
}

static PyObject *model_layers(model_t *self, void *closure) {
    (void)closure;
    uint32_t count = kmodel_layer_count(self->model);
    PyObject *list = PyList_New(count);
    for (uint32_t i = 0; list && i < count; i++) {
        PyObject *item = layer(self->model, i);
        if (!item) {
            Py_CLEAR(list);
            break;
        }
        PyList_SetItem(list, i, item);
    }
    return list;
}

static PyObject *model_needs(model_t *self, void *closure) {
    (void)closure;
    return Py_BuildValue("(nnn)", (Py_ssize_t)self->needs.work, (Py_ssize_t)self->needs.device,
        (Py_ssize_t)self->needs.tape);
}

static PyObject *results(kmodel_t *model) {
    uint32_t count = kmodel_output_count(model);
    PyObject *list = PyList_New(count);
    for (uint32_t i = 0; list && i < count; i++) {
        PyObject *item = PyBytes_FromStringAndSize(kmodel_output_data(model, i), kmodel_output(model, i).bytes);
        if (!item) {
            Py_CLEAR(list);
            break;
        }
        PyList_SetItem(list, i, item);
    }
    return list;
}

// The KPU of a PC is one as well, so the interpreter lock is kept during a run.
static PyObject *model_run(model_t *self, PyObject *argument) {
    Py_buffer input;
    if (PyObject_GetBuffer(argument, &input, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    int result = kmodel_start(self->model, input.buf, input.len);
    if (result == KMODEL_ERR_INPUT) {
        PyErr_Format(PyExc_ValueError, "input has %zd bytes but the model wants %zu", input.len,
            kmodel_input(self->model).bytes);
    } else if (result == KMODEL_OK) {
        do {
            result = kmodel_step(self->model);
        } while (result == KMODEL_BUSY && PyErr_CheckSignals() == 0);
    }
    if (result == KMODEL_BUSY) {
        kmodel_abort(self->model); // Ctrl-C
    }
    PyBuffer_Release(&input);
    if (result != KMODEL_OK && !PyErr_Occurred()) {
        PyErr_Format(PyExc_RuntimeError, "the run ended with %d", result);
    }
    return result == KMODEL_OK ? results(self->model) : NULL;
}

static PyMethodDef model_methods[] = {
    {"run", (PyCFunction)model_run, METH_O, "Runs the model on an input's bytes; the outputs' bytes."},
    {0},
};

static PyGetSetDef model_getset[] = {
    {"input", (getter)model_input, NULL, "Element type, channels, height, width.", NULL},
    {"inputs", (getter)model_inputs, NULL, "The same of each input, where a run takes several as one.", NULL},
    {"outputs", (getter)model_outputs, NULL, "The same of each output.", NULL},
    {"layers", (getter)model_layers, NULL, "What each layer is.", NULL},
    {"needs", (getter)model_needs, NULL, "Bytes of working memory, of streamed results, of tape.", NULL},
    {0},
};

static PyType_Slot model_slots[] = {
    {Py_tp_doc, "A kmodel V3 or V4, checked and opened as on the board; ValueError says why not."},
    {Py_tp_new, model_new},
    {Py_tp_dealloc, model_dealloc},
    {Py_tp_methods, model_methods},
    {Py_tp_getset, model_getset},
    {0},
};

static PyType_Spec model_spec = {
    .name = "microkpu.kmodel._runtime.Model",
    .basicsize = sizeof(model_t),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = model_slots,
};

// -- one KPU layer

static bool get_words(const Py_buffer *buffer, uint64_t words[KPU_LAYER_WORDS]) {
    if (buffer->len != WORDS_BYTES) {
        PyErr_Format(PyExc_ValueError, "a layer has %d bytes of words, not %zd", WORDS_BYTES, buffer->len);
        return false;
    }
    memcpy(words, buffer->buf, WORDS_BYTES);
    return true;
}

static PyObject *layer_check(PyObject *module, PyObject *args) {
    (void)module;
    Py_buffer buffer;
    int eight_bit_weights;
    if (!PyArg_ParseTuple(args, "y*p", &buffer, &eight_bit_weights)) {
        return NULL;
    }
    uint64_t words[KPU_LAYER_WORDS];
    PyObject *result = NULL;
    if (get_words(&buffer, words)) {
        const char *why = kpu_layer_check(words, eight_bit_weights, NULL);
        result = why ? PyUnicode_FromString(why) : Py_NewRef(Py_None);
    }
    PyBuffer_Release(&buffer);
    return result;
}

enum { WORDS, AI_RAM, WEIGHTS, BATCH_NORM, ACTIVATION, BUFFERS };

static PyObject *run_layer(Py_buffer *buffers, bool eight_bit_weights) {
    uint64_t words[KPU_LAYER_WORDS];
    kpu_layer_sizes_t sizes;
    if (!get_words(&buffers[WORDS], words)) {
        return NULL;
    }
    const char *why = kpu_layer_check(words, eight_bit_weights, &sizes);
    if (why) {
        PyErr_SetString(PyExc_ValueError, why);
        return NULL;
    }
    const size_t wanted[BUFFERS] = {
        WORDS_BYTES, KPU_LAYER_AI_RAM_BYTES, sizes.weights, sizes.batch_norm, sizes.activation,
    };
    for (int i = 0; i < BUFFERS; i++) {
        if ((size_t)buffers[i].len < wanted[i]) {
            PyErr_Format(PyExc_ValueError, "argument %d has %zd bytes, %zu are needed", i, buffers[i].len, wanted[i]);
            return NULL;
        }
    }
    PyObject *out = PyBytes_FromStringAndSize(NULL, sizes.output);
    if (out && kpu_layer_run(words, eight_bit_weights, buffers[AI_RAM].buf, buffers[WEIGHTS].buf,
        buffers[BATCH_NORM].buf, buffers[ACTIVATION].buf, (uint8_t *)PyBytes_AsString(out)) != 0) {
        Py_CLEAR(out);
        PyErr_NoMemory();
    }
    return out;
}

static PyObject *layer_run(PyObject *module, PyObject *args) {
    (void)module;
    Py_buffer buffers[BUFFERS];
    int eight_bit_weights;
    if (!PyArg_ParseTuple(args, "y*w*y*y*y*p", &buffers[WORDS], &buffers[AI_RAM], &buffers[WEIGHTS],
        &buffers[BATCH_NORM], &buffers[ACTIVATION], &eight_bit_weights)) {
        return NULL;
    }
    PyObject *out = run_layer(buffers, eight_bit_weights);
    for (int i = 0; i < BUFFERS; i++) {
        PyBuffer_Release(&buffers[i]);
    }
    return out;
}

// -- what a file is

static PyObject *probe(PyObject *module, PyObject *argument) {
    (void)module;
    Py_buffer head;
    if (PyObject_GetBuffer(argument, &head, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    size_t bytes;
    kmodel_why_t why;
    int result = kmodel_probe(head.buf, head.len, &bytes, &why);
    PyBuffer_Release(&head);
    if (result < 0) {
        refuse(&why);
        return NULL;
    }
    return Py_BuildValue("(Nn)", PyBool_FromLong(result == KMODEL_OK), (Py_ssize_t)bytes);
}

static PyMethodDef functions[] = {
    {"layer_check", layer_check, METH_VARARGS, "None, or why the KPU has no defined answer to these twelve words."},
    {"layer_run", layer_run, METH_VARARGS, "Runs one layer on AI RAM; the dense output's bytes."},
    {"probe", probe, METH_O, "Whether these bytes suffice, and the model's length or how many bytes would."},
    {0},
};

static PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_runtime",
    .m_doc = "The board's model runtime and the KPU's arithmetic.",
    .m_size = -1,
    .m_methods = functions,
};

PyMODINIT_FUNC PyInit__runtime(void) {
    PyObject *m = PyModule_Create(&module);
    PyObject *type = m ? PyType_FromSpec(&model_spec) : NULL;
    if (m && (!type || PyModule_AddObjectRef(m, "Model", type) < 0)) {
        Py_CLEAR(m);
    }
    Py_XDECREF(type);
    return m;
}
