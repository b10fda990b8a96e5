# SPDX-License-Identifier: MIT
"""A small convolutional network in numpy: forward, backward, Adam; arrays (n, h, w, channels)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Array = NDArray[np.float32]


class Conv:
    """A convolution with ReLU that keeps the size; kernel (k, k, in, out), with k 1 or 3."""

    def __init__(self, random: np.random.Generator, k: int, inputs: int, outputs: int) -> None:
        self.k = k
        self.weights = he(random, (k, k, inputs, outputs), k * k * inputs)
        self.bias = np.zeros(outputs, np.float32)

    def forward(self, x: Array) -> Array:
        self.columns = windows(x, self.k).reshape(-1, self.k * self.k * x.shape[-1])
        self.shape = x.shape
        y = self.columns @ self.weights.reshape(-1, len(self.bias)) + self.bias
        self.y = np.maximum(y, 0).reshape(*x.shape[:3], -1)
        return self.y

    def backward(self, slope: Array) -> Array:
        slope = slope * (self.y > 0)
        flat = slope.reshape(-1, len(self.bias))
        self.slopes = ((self.columns.T @ flat).reshape(self.weights.shape), flat.sum(0))
        turned = self.weights[::-1, ::-1].transpose(0, 1, 3, 2)
        back = windows(slope, self.k).reshape(len(flat), -1)
        return (back @ turned.reshape(-1, self.shape[-1])).reshape(self.shape)


class Depthwise:
    """A 3x3 convolution with ReLU, each channel by itself; kernel (3, 3, channels)."""

    def __init__(self, random: np.random.Generator, channels: int) -> None:
        self.weights = he(random, (3, 3, channels), 9)
        self.bias = np.zeros(channels, np.float32)

    def forward(self, x: Array) -> Array:
        self.x = windows(x, 3)
        self.y = np.maximum(np.einsum("nhwijc,ijc->nhwc", self.x, self.weights) + self.bias, 0)
        return self.y

    def backward(self, slope: Array) -> Array:
        slope = slope * (self.y > 0)
        self.slopes = (np.einsum("nhwijc,nhwc->ijc", self.x, slope), slope.sum((0, 1, 2)))
        return np.einsum("nhwijc,ijc->nhwc", windows(slope, 3), self.weights[::-1, ::-1])


class MaxPool:
    """The largest of each 2x2."""

    def forward(self, x: Array) -> Array:
        n, h, w, channels = x.shape
        self.blocks = x.reshape(n, h // 2, 2, w // 2, 2, channels)
        self.y = self.blocks.max((2, 4), keepdims=True)
        return self.y.reshape(n, h // 2, w // 2, channels)

    def backward(self, slope: Array) -> Array:
        n, h, w, channels = slope.shape
        chosen = self.blocks == self.y
        share = slope.reshape(self.y.shape) / chosen.sum((2, 4), keepdims=True, dtype=np.float32)
        return (chosen * share).reshape(n, 2 * h, 2 * w, channels)


class Average:
    """The mean of each map."""

    def forward(self, x: Array) -> Array:
        self.shape = x.shape
        return x.mean((1, 2))

    def backward(self, slope: Array) -> Array:
        _, h, w, _ = self.shape
        return np.broadcast_to(slope[:, None, None] / np.float32(h * w), self.shape)


class Dense:
    """A fully connected layer; weights (in, out)."""

    def __init__(self, random: np.random.Generator, inputs: int, outputs: int) -> None:
        self.weights = he(random, (inputs, outputs), inputs)
        self.bias = np.zeros(outputs, np.float32)

    def forward(self, x: Array) -> Array:
        self.x = x
        return x @ self.weights + self.bias

    def backward(self, slope: Array) -> Array:
        self.slopes = (self.x.T @ slope, slope.sum(0))
        return slope @ self.weights.T


Trained = Conv | Depthwise | Dense
Layer = Trained | MaxPool | Average


def he(random: np.random.Generator, shape: tuple[int, ...], fan_in: int) -> Array:
    return (random.standard_normal(shape) * np.sqrt(2 / fan_in)).astype(np.float32)


def windows(x: Array, k: int) -> Array:
    """The k x k neighbourhood of every pixel, zeros outside: (n, h, w, k, k, channels)."""
    edge = k // 2
    padded = np.pad(x, ((0, 0), (edge, edge), (edge, edge), (0, 0)))
    return sliding_window_view(padded, (k, k), (1, 2)).transpose(0, 1, 2, 4, 5, 3)


def named(net: Sequence[Layer]) -> dict[str, Trained]:
    """The layers with weights, by kind and number: conv1, conv2, depthwise1, ..."""
    names: dict[str, Trained] = {}
    for layer in net:
        if isinstance(layer, Trained):
            kind = type(layer).__name__.lower()
            names[f"{kind}{1 + sum(name.startswith(kind) for name in names)}"] = layer
    return names


def forward(net: Sequence[Layer], x: Array) -> Array:
    for layer in net:
        x = layer.forward(x)
    return x


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def learn(net: Sequence[Layer], x: Array, wanted: Array) -> float:
    """Puts the mean cross-entropy's slopes into the layers; `wanted` are (n, classes)."""
    found = softmax(forward(net, x))
    slope = (found - wanted) / np.float32(len(x))
    for layer in reversed(net):
        slope = layer.backward(slope)
    return float(-(wanted * np.log(found + 1e-9)).sum(1).mean())


class Adam:
    """The optimiser of Kingma and Ba (https://arxiv.org/abs/1412.6980)."""

    def __init__(self, net: Sequence[Layer]) -> None:
        self.layers = list(named(net).values())
        self.moments = [
            (np.zeros_like(array), np.zeros_like(array))
            for layer in self.layers
            for array in (layer.weights, layer.bias)
        ]
        self.steps = 0

    def step(self, rate: float) -> None:
        self.steps += 1
        arrays = [array for layer in self.layers for array in (layer.weights, layer.bias)]
        slopes = [slope for layer in self.layers for slope in layer.slopes]
        for array, slope, (mean, square) in zip(arrays, slopes, self.moments, strict=True):
            mean += (slope - mean) * np.float32(0.1)
            square += (slope * slope - square) * np.float32(0.001)
            first = mean / (1 - 0.9**self.steps)
            second = square / (1 - 0.999**self.steps)
            array -= (rate * first / (np.sqrt(second) + 1e-8)).astype(np.float32)
