# SPDX-License-Identifier: MIT
"""Trains the small networks of networks/ in Keras and exports them, as a user of Keras would.

Needs tensorflow-cpu and tf2onnx, which the project itself does not: `pip install tensorflow-cpu
tf2onnx scikit-learn pillow`. Takes some minutes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
import tf2onnx
from keras import layers
from network_scans import Samples, digits, load, masks, pixels

OUT = Path(__file__).with_name("networks")
SEED = 3
CALIBRATION = 200
Tensor = keras.KerasTensor


def conv(
    x: Tensor, channels: int, kernel: int = 3, stride: int = 1, activation: str = ""
) -> Tensor:
    x = layers.Conv2D(channels, kernel, stride, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return layers.Activation(activation)(x) if activation else x


def depthwise(x: Tensor, stride: int = 1) -> Tensor:
    x = layers.DepthwiseConv2D(3, stride, padding="same", use_bias=False)(x)
    return layers.ReLU(6)(layers.BatchNormalization()(x))


def mobilenet_v1() -> keras.Model:
    source = keras.Input((32, 32, 1))
    x = conv(source, 8, stride=2, activation="relu6")
    for channels, stride in ((16, 1), (24, 2), (24, 1), (48, 1)):
        x = conv(depthwise(x, stride), channels, 1, activation="relu6")
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(source, layers.Dense(10)(layers.Dropout(0.1)(x)))


def mobilenet_v2() -> keras.Model:
    source = keras.Input((32, 32, 1))
    x = conv(source, 8, stride=2, activation="relu6")
    for channels, stride in ((8, 1), (12, 2), (12, 1), (12, 1)):
        y = conv(x, x.shape[-1] * 4, 1, activation="relu6")
        y = conv(depthwise(y, stride), channels, 1)
        x = layers.Add()([x, y]) if stride == 1 and x.shape[-1] == channels else y
    x = layers.GlobalAveragePooling2D()(conv(x, 48, 1, activation="relu6"))
    return keras.Model(source, layers.Dense(10)(x))


def unet() -> keras.Model:
    source = keras.Input((32, 32, 1))
    first = conv(source, 8, activation="relu")
    second = conv(layers.MaxPooling2D()(first), 12, activation="relu")
    x = conv(layers.MaxPooling2D()(second), 16, activation="relu")
    x = layers.Concatenate()([layers.UpSampling2D()(x), second])
    x = conv(x, 12, activation="relu")
    x = layers.Concatenate()([layers.UpSampling2D()(x), first])
    x = conv(x, 8, activation="relu")
    return keras.Model(source, layers.Conv2D(1, 1, activation="sigmoid")(x))


def lenet() -> keras.Model:
    source = keras.Input((28, 28, 1))
    x = layers.MaxPooling2D()(layers.Conv2D(6, 5, activation="relu")(source))
    x = layers.MaxPooling2D()(layers.Conv2D(12, 5, activation="relu")(x))
    x = layers.Dense(48, activation="relu")(layers.Flatten()(x))
    return keras.Model(source, layers.Dense(10)(x))


def dense() -> keras.Model:
    source = keras.Input((64,))
    x = layers.Dense(64, activation="relu")(source)
    x = layers.Dense(32, activation="relu")(x)
    return keras.Model(source, layers.Dense(10, activation="softmax")(x))


LOGITS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | str
# Name: network, its samples, loss, epochs.
NETWORKS: dict[str, tuple[Callable[[], keras.Model], Callable[..., Samples], Loss, int]] = {
    "mobilenet_v1": (mobilenet_v1, lambda s: digits(s, 32), LOGITS, 40),
    "mobilenet_v2": (mobilenet_v2, lambda s: digits(s, 32), LOGITS, 40),
    "unet": (unet, masks, "binary_crossentropy", 12),
    "lenet": (lenet, lambda s: digits(s, 28), LOGITS, 30),
    "dense": (dense, pixels, "sparse_categorical_crossentropy", 60),
}


def learned(name: str) -> tuple[keras.Model, Samples]:
    """A network after training, and what it was trained with."""
    make, frame, loss, epochs = NETWORKS[name]
    keras.utils.set_random_seed(SEED)
    samples = frame(load()[0])
    model = make()
    rate = keras.optimizers.schedules.CosineDecay(4e-3, epochs * (len(samples.x) // 32 + 1))
    model.compile(keras.optimizers.Adam(rate), loss)
    model.fit(as_floats(samples.x), samples.wanted, 32, epochs, verbose=0)
    return model, samples


def as_floats(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float32) / 255 if x.dtype == np.uint8 else x


def export_onnx(model: keras.Model, path: Path) -> None:
    signature = [tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name="x")]
    function = tf.function(lambda x: model(x, training=False), input_signature=signature)
    tf2onnx.convert.from_function(function, signature, opset=17, output_path=str(path))


def export_tflite(model: keras.Model, samples: Samples, path: Path) -> None:
    """With integers throughout, as TensorFlow quantises."""

    def shown() -> Iterator[list[np.ndarray]]:
        for x in as_floats(samples.x[:CALIBRATION]):
            yield [x[None]]

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = shown
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    path.write_bytes(converter.convert())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("names", nargs="*", default=list(NETWORKS))
    options = parser.parse_args()
    options.out.mkdir(exist_ok=True)
    for name in options.names:
        model, samples = learned(name)
        export_onnx(model, options.out / f"{name}.onnx")
        if name == "mobilenet_v1":
            export_tflite(model, samples, options.out / "mobilenet_v1_int8.tflite")
        print(f"{name}: {model.count_params()} weights")


if __name__ == "__main__":
    main()
