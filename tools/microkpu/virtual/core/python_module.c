// SPDX-License-Identifier: MIT
// The extension module microkpu.virtual._core.
#include "python_machine.h"

PyObject *python_core_error;

static PyMethodDef functions[] = {
    { "kpu_layer", python_kpu_layer, METH_VARARGS, "kpu_layer(words, ram, eight_bit): runs one KPU layer" },
    { NULL, NULL, 0, NULL },
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_core",
    .m_doc = "The compiled core of the virtual board.",
    .m_size = -1,
    .m_methods = functions,
};

static const struct {
    const char *name;
    long value;
} constants[] = {
    { "READ", ACCESS_READ }, { "WRITE", ACCESS_WRITE }, { "READ_CALL", ACCESS_READ_CALL },
    { "WRITE_CALL", ACCESS_WRITE_CALL }, { "LIMIT", LIMIT }, { "IDLE", IDLE }, { "STOPPED", STOPPED },
    { "BREAK", BREAK },
};

PyMODINIT_FUNC PyInit__core(void) {
    PyObject *module = PyModule_Create(&definition);
    if (!module) {
        return NULL;
    }
    PyObject *type = python_machine_make();
    python_core_error = PyErr_NewException("microkpu.virtual._core.CoreError", NULL, NULL);
    bool added = type && python_core_error && !PyModule_AddObjectRef(module, "CoreError", python_core_error)
        && !PyModule_AddObjectRef(module, "Machine", type);
    Py_XDECREF(type);
    for (unsigned i = 0; added && i < sizeof(constants) / sizeof(constants[0]); i++) {
        added = !PyModule_AddIntConstant(module, constants[i].name, constants[i].value);
    }
    if (!added) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
