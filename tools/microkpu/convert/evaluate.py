# SPDX-License-Identifier: MIT
"""How often a kmodel is right: a folder of pictures with a folder for each class, or an .npz."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from microkpu.convert.calibration import pictures_in, read_picture
from microkpu.convert.errors import ConvertError
from microkpu.kmodel.host import HostModel

# Beside pictures in one folder: lines of a name and a number.
LABELS = "labels.txt"
Run = Callable[[NDArray[Any]], Sequence[NDArray[Any]]]


@dataclass(frozen=True)
class Dataset:
    """Samples with the number of their class; names where there are any."""

    samples: Sequence[Path] | NDArray[Any]
    labels: Sequence[int]
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.labels)

    def parts(self, count: int) -> list[Dataset]:
        """So many parts of about one size, or fewer where there are fewer samples."""
        count = min(count, len(self))
        return [
            Dataset(self.samples[place::count], self.labels[place::count], self.names)
            for place in range(count)
        ]


@dataclass(frozen=True)
class Score:
    """How many samples of each class there are and were recognised."""

    right: Counter[int]
    all: Counter[int]
    names: Sequence[str]

    @property
    def top1(self) -> float:
        return self.right.total() / max(1, self.all.total())

    def __str__(self) -> str:
        lines = [
            f"top-1 {100 * self.top1:.2f} % ({self.right.total()} of {self.all.total()} right)"
        ]
        for label in sorted(self.all):
            name = self.names[label] if label < len(self.names) else str(label)
            lines.append(f"{name}: {self.right[label]} of {self.all[label]}")
        for label, name in enumerate(self.names):
            if name.isdecimal() and int(name) != label:
                lines.append(
                    f"folder {name} is class {label}, as folders are counted in order of name: "
                    f"where the model counts otherwise, put all in one with a {LABELS}"
                )
                break
        return "\n".join(lines)


def joined(scores: Sequence[Score]) -> Score:
    """One score of all parts."""
    right: Counter[int] = Counter()
    every: Counter[int] = Counter()
    for score in scores:
        right += score.right
        every += score.all
    return Score(right, every, scores[0].names)


def read_dataset(path: Path) -> Dataset:
    """A folder: class k is the k-th folder in it by name, or labels.txt says it of each picture.

    An .npz: arrays x and y.
    """
    if path.is_dir():
        folders = sorted(each for each in path.iterdir() if each.is_dir())
        samples = [(file, k) for k, each in enumerate(folders) for file in pictures_in(each)]
        if not samples and (path / LABELS).is_file():
            return _labelled(path)
        if not samples:
            raise ConvertError(
                f"{path} has no folders with pictures, one for each class, and no {LABELS} with"
                " the class of each picture in it"
            )
        files, labels = zip(*samples, strict=True)
        return Dataset(files, labels, [each.name for each in folders])
    try:
        arrays = np.load(path, allow_pickle=False)
        if isinstance(arrays, np.ndarray):
            raise ConvertError(f"{path} is one array: want an .npz with x and y, or a folder")
        with arrays:
            x, y = arrays["x"], arrays["y"]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
        raise ConvertError(f"{path} is no folder and no .npz with x and y: {error}") from None
    return Dataset(x, _numbers_of_classes(path, x, y), [])


def _numbers_of_classes(path: Path, x: NDArray[Any], y: NDArray[Any]) -> list[int]:
    """The labels of an .npz, after a look at both arrays."""
    if x.ndim < 2 or x.dtype.kind not in "uif":
        raise ConvertError(
            f"x of {path} is {_shown(x)}: want numbers, samples along the first axis"
        )
    if y.ndim != 1 or y.dtype.kind not in "uif":
        raise ConvertError(f"y of {path} is {_shown(y)}: want one class number for each sample")
    if len(x) != len(y):
        raise ConvertError(f"{path} has {len(x)} samples and {len(y)} labels")
    if not len(y):
        raise ConvertError(f"{path} has no samples")
    odd = [each for each in y.tolist() if not (0 <= each < inf and each == int(each))]
    if odd:
        raise ConvertError(f"y of {path} holds {odd[0]:g}: want class numbers from 0 on")
    return [int(label) for label in y]


def _shown(array: NDArray[Any]) -> str:
    sizes = "x".join(map(str, array.shape)) or "a single value"
    return f"{sizes} {array.dtype}"


def _labelled(path: Path) -> Dataset:
    """Pictures in one folder, and a file that says of which class each is."""
    files, labels = [], []
    try:
        lines = (path / LABELS).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConvertError(f"cannot read {path / LABELS} as UTF-8 text: {error}") from None
    for number, line in enumerate(lines, 1):
        name, _, label = line.rpartition(" ")
        if not label.isdecimal() or not (path / name).is_file():
            raise ConvertError(
                f"{path / LABELS} line {number} is {line!r}: want a picture's name and a number"
            )
        files.append(path / name)
        labels.append(int(label))
    if not files:
        raise ConvertError(f"{path / LABELS} is empty: want lines such as 000.jpg 7")
    return Dataset(files, labels, [])


def inputs_of(dataset: Dataset, model: HostModel) -> Iterator[NDArray[Any]]:
    """Every sample as the model reads it."""
    wanted = model.input
    for sample in dataset.samples:
        if not isinstance(sample, Path):
            yield _as_read(np.asarray(sample), wanted.dtype)
            continue
        if wanted.type != "u8" or wanted.channels not in (1, 3):
            raise ConvertError(f"the model reads {wanted}, which no picture is: give an .npz")
        yield read_picture(sample, (1, *wanted.shape))


def _as_read(sample: NDArray[Any], wanted: np.dtype[Any]) -> NDArray[Any]:
    """A sample in the model's type, where that changes no number."""
    if wanted.kind == "f" or sample.dtype == wanted:
        return sample.astype(wanted, copy=False)
    found = np.asarray(sample, np.float64)
    bytes_ = np.isfinite(found) & (found >= 0) & (found <= 255) & (found == np.floor(found))
    if sample.dtype.kind == "f" and 0 < found.max(initial=0) <= 1:
        bytes_ &= found != found.max()
    if not bytes_.all():
        odd = found[~bytes_].flat[0]
        raise ConvertError(
            f"the samples are {sample.dtype} and hold {odd:g}, the model reads bytes: give x as "
            "uint8 of 0..255, as the camera does"
        )
    return sample.astype(wanted, copy=False)


def evaluate(
    model: HostModel, dataset: Dataset, run: Run | None = None, *, quiet: bool = True
) -> Score:
    """Top-1 over the first output; `run` is another place than this machine to run it."""
    run = run or model.run
    right: Counter[int] = Counter()
    every: Counter[int] = Counter()
    inputs = tqdm(inputs_of(dataset, model), total=len(dataset), disable=quiet, unit="sample")
    for x, label in zip(inputs, dataset.labels, strict=True):
        every[label] += 1
        right[label] += int(np.argmax(run(x)[0]) == label)
    return Score(right, every, dataset.names)
