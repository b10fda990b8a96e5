# SPDX-License-Identifier: MIT
"""Trains the detector in Keras on scenes and exports it as detector.onnx.

Needs tensorflow-cpu and tf2onnx, which the project itself does not: `pip install tensorflow-cpu
tf2onnx scikit-learn scikit-image pillow`. Takes half an hour on two cores.
"""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
import tf2onnx
from keras import layers
from numpy.typing import NDArray
from scenes import CROWDED, HEIGHT, WIDTH, Digit, scenes
from yolo2 import ANCHORS, CELL

WEIGHTS = Path(__file__).with_name("detector.onnx")
SEED = 7
SCENES = 6000
EPOCHS = 9
BATCH = 8
RATE = 2e-3
CLASSES = 10
ROWS, COLUMNS = HEIGHT // CELL, WIDTH // CELL
# An anchor of a digit's cell that fits it so well, but not best, is neither right nor wrong.
NEARLY = 0.5
# What digits are told to be less than sure: outputs stay small so, all planes have one range.
SOFT = 0.01
# A target's planes.
OBJECT, X, Y, LOG_W, LOG_H, DIGIT = range(6)
IGNORED = -1.0

Tensor = keras.KerasTensor


def conv(x: Tensor, channels: int) -> Tensor:
    x = layers.Conv2D(channels, 3, padding="same", use_bias=False)(x)
    return layers.LeakyReLU(negative_slope=0.1)(layers.BatchNormalization()(x))


def network() -> keras.Model:
    """320x240 in colours -> for each of 20x15 cells and 3 anchors: box, object, ten digits."""
    source = keras.Input((HEIGHT, WIDTH, 3))
    x = layers.ZeroPadding2D(1)(source)
    x = layers.Conv2D(12, 3, 2, use_bias=False)(x)
    x = layers.LeakyReLU(negative_slope=0.1)(layers.BatchNormalization()(x))
    for channels in (16, 32, 64):
        x = layers.MaxPooling2D()(conv(x, channels))
    x = conv(conv(x, 96), 96)
    # Most cells have no digit: the object planes begin there.
    bias = np.zeros((len(ANCHORS), 5 + CLASSES), np.float32)
    bias[:, 4] = -4
    start = keras.initializers.Constant(bias.ravel())
    return keras.Model(source, layers.Conv2D(bias.size, 1, bias_initializer=start)(x))


def target(digits: list[Digit]) -> NDArray[np.float32]:
    """What the network shall say of a scene, (rows, columns, anchors, planes)."""
    wanted = np.zeros((ROWS, COLUMNS, len(ANCHORS), DIGIT + 1), np.float32)
    for digit in digits:
        size = np.array([digit.w, digit.h]) / CELL
        x, y = (digit.x + digit.w / 2) / CELL, (digit.y + digit.h / 2) / CELL
        shared = np.minimum(ANCHORS, size).prod(1)
        fits = shared / (np.prod(ANCHORS, 1) + size.prod() - shared)
        cell = wanted[int(y), int(x)]
        cell[fits > NEARLY, OBJECT] = IGNORED
        best = fits.argmax()
        cell[best] = 1, x % 1, y % 1, *np.log(size / ANCHORS[best]), digit.digit
    return wanted


def loss(wanted: tf.Tensor, planes: tf.Tensor) -> tf.Tensor:
    """Of the object everywhere, of box and digit where one is."""
    planes = tf.reshape(planes, (-1, ROWS, COLUMNS, len(ANCHORS), 5 + CLASSES))
    there = tf.cast(wanted[..., OBJECT] == 1, tf.float32)
    counts = tf.cast(wanted[..., OBJECT] != IGNORED, tf.float32)
    objects = tf.nn.sigmoid_cross_entropy_with_logits(there, planes[..., 4]) * counts
    places = tf.nn.sigmoid_cross_entropy_with_logits(wanted[..., X : Y + 1], planes[..., 0:2])
    sizes = tf.square(wanted[..., LOG_W : LOG_H + 1] - planes[..., 2:4])
    digits = tf.one_hot(tf.cast(wanted[..., DIGIT], tf.int32), CLASSES, 1 - SOFT, SOFT / CLASSES)
    classes = tf.nn.softmax_cross_entropy_with_logits(digits, planes[..., 5:])
    found = tf.reduce_sum(places + 4 * sizes, -1) + classes
    return tf.reduce_sum(objects * (1 + there) + there * found, (1, 2, 3))


class Batches(keras.utils.PyDataset):
    """The scenes, shuffled anew in every epoch."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.random = np.random.default_rng(SEED)
        self.x = np.empty((count, HEIGHT, WIDTH, 3), np.uint8)
        self.wanted = np.empty((count, ROWS, COLUMNS, len(ANCHORS), DIGIT + 1), np.float32)
        for place, scene in enumerate(islice(scenes(SEED, most=CROWDED), count)):
            self.x[place], self.wanted[place] = scene.picture, target(scene.digits)
        self.on_epoch_end()

    def __len__(self) -> int:
        return len(self.x) // BATCH

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        chosen = self.order[index * BATCH : (index + 1) * BATCH]
        return self.x[chosen].astype(np.float32) / 255, self.wanted[chosen]

    def on_epoch_end(self) -> None:
        self.order = self.random.permutation(len(self.x))


def export(model: keras.Model, path: Path) -> None:
    signature = [tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name="x")]
    function = tf.function(lambda x: planes(model, x), input_signature=signature)
    tf2onnx.convert.from_function(function, signature, opset=17, output_path=str(path))


def planes(model: keras.Model, x: tf.Tensor) -> tf.Tensor:
    """(1, 45, rows, columns), as the KPU gives them and kpu.run_yolo2() reads them."""
    return tf.transpose(model(x, training=False), (0, 3, 1, 2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=SCENES)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    options = parser.parse_args()
    keras.utils.set_random_seed(SEED)
    batches = Batches(options.scenes)
    model = network()
    rate = keras.optimizers.schedules.CosineDecay(RATE, options.epochs * len(batches))
    model.compile(keras.optimizers.Adam(rate), loss)
    kept = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: export(model, options.out))
    model.fit(batches, epochs=options.epochs, verbose=2, callbacks=[kept])
    print(f"{options.out}: {model.count_params()} weights")


if __name__ == "__main__":
    main()
