# SPDX-License-Identifier: MIT
# ruff: noqa: B905, N801, PTH123, UP031 (the names that scripts know; MicroPython has no pathlib)
# KPU.classifier: learns classes on the board from the features that a net gives of images.
#
# A class begins as the features of one image. train() lets the classes move to where the samples
# are (k-means); predict() gives the nearest. Distances are Euclidean, of the features as the net
# gives them.
import struct
from array import array

import KPU

_HEAD = "<4s7I"
_MAGIC = b"MKCL"
_VERSION = 1
_MOST_ROUNDS = 20


def _distance(a, b):
    total = 0
    for x, y in zip(a, b):
        total += (x - y) * (x - y)
    return total**0.5


def _nearest(centres, features):
    """Index and distance of the centre that is nearest."""
    distances = [_distance(centre, features) for centre in centres]
    least = min(distances)
    return distances.index(least), least


def _mean(members):
    return array("f", [sum(values) / len(members) for values in zip(*members)])


class classifier:
    def __init__(self, model, class_num, sample_num, fea_len=0):
        if class_num < 1 or sample_num < 0 or fea_len < 0:
            raise ValueError(
                "[MAIXPY]kpu: model, class num, sample num: %d classes, %d samples, %d features:"
                " at least one class, nothing below 0" % (class_num, sample_num, fea_len)
            )
        KPU.netinfo(model)  # raises where it is no net
        self._model = model
        self._class_num = class_num
        self._sample_num = sample_num
        self._fea_len = fea_len
        self._classes = []
        self._samples = []
        self._centres = None

    def _features(self, img):
        output = KPU.forward(self._model, img)
        count = self._fea_len or len(output)
        if count > len(output):
            raise ValueError(
                "[MAIXPY]kpu: the model gives %d features, not %d" % (len(output), count)
            )
        self._fea_len = count
        return array("f", output[:count])

    def add_class_img(self, img, idx=None):
        """The index of the class that the image now stands for: the next, or the one named."""
        place = len(self._classes) if idx is None else idx
        if not 0 <= place <= len(self._classes) or place >= self._class_num:
            raise ValueError(
                "[MAIXPY]kpu: class %d: there are %d of at most %d"
                % (place, len(self._classes), self._class_num)
            )
        features = self._features(img)
        self._classes[place : place + 1] = [features]
        self._centres = None
        return place

    def add_sample_img(self, img):
        """The index of the sample."""
        if len(self._samples) >= self._sample_num:
            raise ValueError("[MAIXPY]kpu: there are %d samples already" % self._sample_num)
        self._samples.append(self._features(img))
        return len(self._samples) - 1

    def rm_class_img(self):
        """Forgets the last class; how many are left."""
        return self._forget(self._classes, "class")

    def rm_sample_img(self):
        """Forgets the last sample; how many are left."""
        return self._forget(self._samples, "sample")

    def _forget(self, images, kind):
        if not images:
            raise ValueError("[MAIXPY]kpu: there is no %s to remove" % kind)
        images.pop()
        self._centres = None
        return len(images)

    def train(self):
        if len(self._classes) < self._class_num:
            raise ValueError(
                "[MAIXPY]kpu: train() with %d of %d classes: add_class_img() first"
                % (len(self._classes), self._class_num)
            )
        centres = self._classes[:]
        belongs = None
        for _ in range(_MOST_ROUNDS):
            before = belongs
            belongs = [_nearest(centres, sample)[0] for sample in self._samples]
            if belongs == before:
                break
            for place, own in enumerate(self._classes):
                members = [s for s, to in zip(self._samples, belongs) if to == place]
                centres[place] = _mean([own] + members)
        self._centres = centres

    def predict(self, img):
        """The index of the nearest class, and its distance."""
        if self._centres is None:
            raise ValueError("[MAIXPY]kpu: predict() before train()")
        return _nearest(self._centres, self._features(img))

    def save(self, path):
        trained = self._centres is not None
        counts = (self._class_num, self._sample_num, self._fea_len)
        counts += (len(self._classes), len(self._samples), trained)
        with open(path, "wb") as file:
            file.write(struct.pack(_HEAD, _MAGIC, _VERSION, *counts))
            for features in self._classes + self._samples + (self._centres or []):
                file.write(features)

    @classmethod
    def load(cls, model, path, class_num=None, sample_num=None, fea_len=0):
        """The classifier that save() wrote, its number of classes, and of samples."""
        with open(path, "rb") as file:
            head = file.read(struct.calcsize(_HEAD))
            if len(head) < struct.calcsize(_HEAD) or head[:4] != _MAGIC:
                raise ValueError("[MAIXPY]kpu: %s is no classifier that save() wrote" % path)
            _, version, classes, samples, length, added, sampled, trained = struct.unpack(
                _HEAD, head
            )
            if version != _VERSION:
                raise ValueError(
                    "[MAIXPY]kpu: %s has version %d of a classifier, want %d"
                    % (path, version, _VERSION)
                )
            for name, wanted, given in (
                ("classes", class_num, classes),
                ("samples", sample_num, samples),
                ("features", fea_len or None, length),
            ):
                if wanted is not None and wanted != given:
                    raise ValueError(
                        "[MAIXPY]kpu: %s has %d %s, not %d" % (path, given, name, wanted)
                    )
            made = cls(model, classes, samples, length)
            made._classes = made._read(file, path, min(added, classes))
            made._samples = made._read(file, path, min(sampled, samples))
            made._centres = made._read(file, path, classes) if trained else None
        return made, classes, samples

    def _read(self, file, path, count):
        rows = []
        for _ in range(count):
            data = file.read(4 * self._fea_len)
            if len(data) < 4 * self._fea_len:
                raise ValueError("[MAIXPY]kpu: %s is truncated" % path)
            rows.append(array("f", data))
        return rows

    def __del__(self):
        self._classes = self._samples = self._centres = None
