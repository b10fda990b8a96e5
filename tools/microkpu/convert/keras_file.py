# SPDX-License-Identifier: MIT
"""Reads a Keras model, .keras or .h5, by the user's own TensorFlow: as a TensorFlow Lite one."""

from __future__ import annotations

import os
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from microkpu.convert.errors import ConvertError
from microkpu.convert.tflite_file import TfliteModel, import_tflite

SUFFIXES = (".keras", ".h5", ".hdf5")


def read_keras(path: Path) -> TfliteModel:
    """The model in floats; ConvertError where TensorFlow is missing or refuses it."""
    tensorflow = _tensorflow(path)
    if not path.exists():
        raise ConvertError(f"cannot read {path}: No such file or directory")
    try:
        model = tensorflow.keras.models.load_model(path, compile=False)
        with redirect_stdout(StringIO()):  # its converter prints what it captures
            data = _as_tflite(tensorflow, model)
    except ConvertError:
        raise
    except Exception as error:  # Keras's and TensorFlow's exceptions share no base
        raise ConvertError(f"TensorFlow cannot read {path}: {_last_line(error)}") from None
    return import_tflite(data, path)


def _as_tflite(tensorflow: Any, model: Any) -> bytes:
    """For one picture at a time: shapes that are open would be worked out while it runs."""
    if len(model.inputs) != 1 or None in model.inputs[0].shape[1:]:
        shapes = ", ".join(str(tuple(each.shape)) for each in model.inputs)
        raise ConvertError(f"the model's inputs are {shapes}: one of fixed sizes is wanted")
    keras = tensorflow.keras
    one = keras.Input(batch_shape=(1, *model.inputs[0].shape[1:]))
    single = keras.Model(one, model(one, training=False))
    return bytes(tensorflow.lite.TFLiteConverter.from_keras_model(single).convert())


def _tensorflow(path: Path) -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # nothing below fatal, unless wanted
    try:
        import tensorflow
    except ImportError:
        raise ConvertError(
            f"{path} is a Keras model: reading it needs TensorFlow, pip install tensorflow-cpu;"
            " or save it as .tflite or .onnx where TensorFlow is"
        ) from None
    return tensorflow


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
