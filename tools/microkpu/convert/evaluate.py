# SPDX-License-Identifier: MIT
"""How often a kmodel is right: a folder of pictures with a folder for each class, or an .npz."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
        with np.load(path, allow_pickle=False) as arrays:
            x, y = arrays["x"], arrays["y"]
    except (OSError, ValueError, KeyError) as error:
        raise ConvertError(f"{path} is no folder and no .npz with x and y: {error}") from None
    if len(x) != len(y):
        raise ConvertError(f"{path} has {len(x)} samples and {len(y)} labels")
    return Dataset(x, [int(label) for label in y], [])


def _labelled(path: Path) -> Dataset:
    """Pictures in one folder, and a file that says of which class each is."""
    files, labels = [], []
    for number, line in enumerate((path / LABELS).read_text().splitlines(), 1):
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
            yield np.asarray(sample).astype(wanted.dtype, copy=False)
            continue
        if wanted.type != "u8" or wanted.channels not in (1, 3):
            raise ConvertError(f"the model reads {wanted}, which no picture is: give an .npz")
        yield read_picture(sample, (1, *wanted.shape))


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
