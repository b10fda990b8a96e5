# SPDX-License-Identifier: MIT
"""Numbers of the V3 format: layer types, activations, alignments of a layer's parts."""

from __future__ import annotations

from enum import IntEnum

VERSION = 3
EIGHT_BIT_WEIGHTS = 1  # bit of Header.flags
MAIN_MEMORY_OUTPUT = 1  # bit of a body's flags
ACTIVATION_BYTES = 144
SEGMENTS = 16
BODY_ALIGN = 8
# What the vendor's writer keeps to, from the file's start.
LAYER_ALIGN, WEIGHTS_ALIGN, BATCH_NORM_ALIGN, ACTIVATION_ALIGN = 8, 128, 128, 256


class LayerType(IntEnum):
    """The layer types that a runtime implements; the numbers between them are named nowhere."""

    ADD = 1
    QUANTIZED_ADD = 2
    GLOBAL_AVERAGE_POOL2D = 5
    QUANTIZED_MAX_POOL2D = 8
    AVERAGE_POOL2D = 9
    QUANTIZE = 11
    DEQUANTIZE = 12
    REQUANTIZE = 13
    L2_NORMALIZATION = 14
    SOFTMAX = 15
    CONCAT = 16
    QUANTIZED_CONCAT = 17
    FULLY_CONNECTED = 18
    TENSORFLOW_FLATTEN = 20
    RESIZE_NEAREST_NEIGHBOR = 22
    QUANTIZED_RESIZE_NEAREST_NEIGHBOR = 23
    CHANNELWISE_DEQUANTIZE = 24
    LOGISTIC = 25
    K210_CONV = 10240
    K210_ADD_PADDING = 10241
    K210_REMOVE_PADDING = 10242
    K210_UPLOAD = 10243


class Act(IntEnum):
    """Activation of FullyConnected."""

    LINEAR = 0
    RELU = 1
    RELU6 = 2
