# SPDX-License-Identifier: MIT
"""Keras models: read by the user's own TensorFlow, or a sentence that says that it is missing."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from microkpu.convert import ConvertError, Options, convert
from microkpu.kmodel.host import HostModel

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "convert.md"
INPUTS = np.random.default_rng(0).integers(0, 256, (6, 3, 16, 16), np.uint8)


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_without_tensorflow_the_user_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(ConvertError, match=r"needs TensorFlow, pip install tensorflow-cpu; or"):
        convert(tmp_path / name, INPUTS)


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_with_tensorflow_a_model_computes_what_keras_computes(tmp_path: Path, name: str) -> None:
    keras = pytest.importorskip("tensorflow", reason="TensorFlow is the user's own").keras
    keras.utils.set_random_seed(1)
    source = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(8, 3, 2, padding="same", use_bias=False)(source)
    x = keras.layers.ReLU(6)(keras.layers.BatchNormalization()(x))
    x = keras.layers.MaxPooling2D()(keras.layers.DepthwiseConv2D(3, padding="same")(x))
    x = keras.layers.Dense(5, activation="softmax")(keras.layers.Flatten()(x))
    model = keras.Model(source, x)
    model.save(tmp_path / name)
    wanted = model.predict(INPUTS.transpose(0, 2, 3, 1) / 255.0, verbose=0)
    host = HostModel(convert(tmp_path / name, INPUTS, Options(target="v4")).data)
    found = [host.run(planes)[0].ravel() for planes in INPUTS]
    np.testing.assert_allclose(found, wanted, atol=0.01)


def test_the_way_over_onnx_is_as_the_documentation_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keras = pytest.importorskip("tensorflow", reason="TensorFlow is the user's own").keras
    (code,) = re.findall(r"```python\n(import tensorflow.*?)```", GUIDE.read_text(), re.DOTALL)
    keras.utils.set_random_seed(2)
    source = keras.Input((32, 32, 1))
    x = keras.layers.Conv2D(8, 3, 2, padding="same", activation="relu")(source)
    x = keras.layers.UpSampling2D()(keras.layers.Conv2D(8, 3, 2, padding="same")(x))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.PReLU(shared_axes=[1, 2])(x))
    model = keras.Model(source, keras.layers.Dense(4)(x))
    monkeypatch.chdir(tmp_path)
    exec(code, {"model": model})
    inputs = np.random.default_rng(1).integers(0, 256, (6, 1, 32, 32), np.uint8)
    wanted = model.predict(inputs.transpose(0, 2, 3, 1) / 255.0, verbose=0)
    host = HostModel(convert("model.onnx", inputs).data)
    found = [host.run(planes)[0].ravel() for planes in inputs]
    np.testing.assert_allclose(found, wanted, atol=0.03 * np.abs(wanted).max())


def test_what_tensorflow_refuses_is_said(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="TensorFlow is the user's own")
    (tmp_path / "broken.keras").write_bytes(b"no model")
    with pytest.raises(ConvertError, match=r"TensorFlow cannot read .*broken\.keras: "):
        convert(tmp_path / "broken.keras", INPUTS)
    with pytest.raises(ConvertError, match="No such file"):
        convert(tmp_path / "absent.keras", INPUTS)
