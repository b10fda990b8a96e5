# SPDX-License-Identifier: MIT
"""CanMV's class KPU."""

from collections.abc import Sequence
from typing import Any, Literal, overload

from _typeshed import ReadableBuffer
from image import Image

_Input = Image | ReadableBuffer | Sequence[float] | str

class KPU:
    def __init__(self) -> None: ...
    def load_kmodel(self, path: str | int, size: int = 0) -> None: ...
    def load(self, path: str | int, size: int = 0) -> None: ...
    def run(self, img: _Input) -> None: ...
    def get_outputs(self, index: int = 0) -> list[float]: ...
    @overload
    def run_with_output(
        self, input: _Input, getlist: Literal[True], get_feature: bool = False
    ) -> list[float]: ...
    @overload
    def run_with_output(
        self, input: _Input, getlist: bool = False, get_feature: bool = False
    ) -> list[float] | None: ...
    def init_yolo2(
        self,
        anchor: Sequence[float],
        anchor_num: int = 5,
        img_w: int = 320,
        img_h: int = 240,
        net_w: int = 320,
        net_h: int = 240,
        layer_w: int = 10,
        layer_h: int = 8,
        threshold: float = 0.7,
        nms_value: float = 0.4,
        classes: int = 1,
    ) -> None: ...
    # x, y, width, height, class, probability of each
    def regionlayer_yolo2(self) -> list[list[Any]]: ...
    def deinit(self) -> bool: ...
    @staticmethod
    def sigmoid(x: float) -> float: ...
    @staticmethod
    def softmax(values: Sequence[float]) -> list[float]: ...
    @staticmethod
    def feature_compare(f0: Sequence[float], f1: Sequence[float]) -> float: ...
