# SPDX-License-Identifier: MIT
"""YOLOv2's decoder in numpy and float64, plainly: what modules/kpu/kpu_yolo2.c is held to."""

from __future__ import annotations

import numpy as np

# Anchors of the vendor's face detector, in cells.
FACE_ANCHORS = [1.889, 2.5245, 2.9465, 3.94056, 3.99987, 5.3658, 5.155437, 6.92275, 6.718375, 9.01]

Found = tuple[int, int, int, int, int, float]
"""x, y, w, h in pixels, class, value."""


def iou(a: np.ndarray, b: np.ndarray) -> float:
    low = np.maximum(a[:2] - a[2:] / 2, b[:2] - b[2:] / 2)
    high = np.minimum(a[:2] + a[2:] / 2, b[:2] + b[2:] / 2)
    if (high <= low).any():
        return 0.0
    shared = float(np.prod(high - low))
    return shared / (float(a[2] * a[3] + b[2] * b[3]) - shared)


def plain(
    planes: np.ndarray, anchors: list[float], threshold: float, nms: float, size: tuple[int, int]
) -> list[Found]:
    """What is in planes of (anchors, 5 + classes, h, w), on an image of `size` (w, h)."""
    planes = planes.astype(np.float64)
    count, depth, height, width = planes.shape
    sizes = np.array(anchors).reshape(count, 2)

    def sigmoid(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-x))

    rows, columns = np.mgrid[:height, :width]
    boxes = np.stack(
        [
            (columns + sigmoid(planes[:, 0])) / width,
            (rows + sigmoid(planes[:, 1])) / height,
            np.exp(planes[:, 2]) * sizes[:, 0, None, None] / width,
            np.exp(planes[:, 3]) * sizes[:, 1, None, None] / height,
        ],
        axis=-1,
    ).reshape(-1, 4)
    exps = np.exp(planes[:, 5:] - planes[:, 5:].max(axis=1, keepdims=True))
    shares = sigmoid(planes[:, 4:5]) * exps / exps.sum(axis=1, keepdims=True)
    shares = shares.transpose(0, 2, 3, 1).reshape(-1, depth - 5)
    shares[shares <= threshold] = 0
    for class_id in range(depth - 5):
        order = np.argsort(-shares[:, class_id], kind="stable")
        for place, surer in enumerate(order):
            if shares[surer, class_id] == 0:
                continue
            for other in order[place + 1 :]:
                if shares[other, class_id] and iou(boxes[surer], boxes[other]) > nms:
                    shares[other, class_id] = 0
    found = []
    for box, share in zip(boxes, shares, strict=True):
        if share.max() > 0:
            low = np.maximum(np.trunc((box[:2] - box[2:] / 2) * size), 0).astype(int)
            high = np.maximum(np.trunc((box[:2] + box[2:] / 2) * size), 0).astype(int)
            found.append((*low, *(high - low), int(share.argmax()), float(share.max())))
    return found
