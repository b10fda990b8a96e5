# SPDX-License-Identifier: MIT
# ruff: noqa: B905, N811, PTH123, UP031 (the names that scripts know; MicroPython has no pathlib)
# Module maix: CanMV's class KPU, of its older and its newer releases, on top of module KPU.
import math

import KPU as _kpu


def _normalised(values):
    length = math.sqrt(sum(v * v for v in values))
    return [v / length for v in values] if length > 0 else values


class KPU:
    def __init__(self):
        self._net = None
        self._box = None

    def _loaded(self):
        if self._net is None:
            raise OSError("Please load kmodel before")
        return self._net

    def load_kmodel(self, path, size=0):
        """`path` is a file or a flash offset; the file itself says its size."""
        self.deinit()
        self._net = _kpu.load(path)

    load = load_kmodel

    def run(self, img):
        """An image, a buffer or numbers; or the name of a file with planar data."""
        net = self._loaded()
        if isinstance(img, str):
            with open(img, "rb") as file:
                img = file.read()
        _kpu.forward(net, img)

    def get_outputs(self, index=0):
        return _kpu.get_output(self._loaded(), index)[:]

    def run_with_output(self, input, getlist=False, get_feature=False):
        """None; the first output as a list with `getlist`, of length 1 with `get_feature`."""
        self.run(input)
        if get_feature:
            return _normalised(self.get_outputs())
        return self.get_outputs() if getlist else None

    def init_yolo2(
        self,
        anchor,
        anchor_num=5,
        img_w=320,
        img_h=240,
        net_w=320,
        net_h=240,
        layer_w=10,
        layer_h=8,
        threshold=0.7,
        nms_value=0.4,
        classes=1,
    ):
        """The picture of img_w x img_h fills the net's input in one direction, centred."""
        net = self._loaded()
        channels = anchor_num * (5 + classes)
        if not _kpu.set_outputs(net, 0, layer_w, layer_h, channels):
            raise ValueError(
                "the model's output is not %dx%dx%d: layer_w, layer_h, anchor_num * (5 + classes)"
                % (layer_w, layer_h, channels)
            )
        _kpu.init_yolo2(net, threshold, nms_value, anchor_num, anchor)
        scale = min(net_w / img_w, net_h / img_h)
        self._box = scale, (net_w - img_w * scale) / 2, (net_h - img_h * scale) / 2

    def regionlayer_yolo2(self):
        """[x, y, w, h, class, probability] of each box in the last run's output."""
        net = self._loaded()
        if self._box is None:
            raise ValueError("regionlayer_yolo2() before init_yolo2()")
        scale, left, top = self._box
        return [
            [
                int((b.x() - left) / scale),
                int((b.y() - top) / scale),
                int(b.w() / scale),
                int(b.h() / scale),
                b.classid(),
                b.value(),
            ]
            for b in _kpu.run_yolo2(net) or []
        ]

    def deinit(self):
        """True; False where nothing was loaded."""
        if self._net is None:
            return False
        _kpu.deinit(self._net)
        self._net = self._box = None
        return True

    @staticmethod
    def sigmoid(x):
        return 1 / (1 + math.exp(-x)) if x >= 0 else 1 - 1 / (1 + math.exp(x))

    @staticmethod
    def softmax(values):
        most = max(values)
        powers = [math.exp(v - most) for v in values]
        total = sum(powers)
        return [p / total for p in powers]

    @staticmethod
    def feature_compare(f0, f1):
        """0 to 100 for two lists; 100 where their directions are one."""
        if len(f0) != len(f1):
            raise ValueError("feature len error: %d and %d" % (len(f0), len(f1)))
        dot = sum(a * b for a, b in zip(_normalised(f0), _normalised(f1)))
        return (0.5 + 0.5 * dot) * 100
