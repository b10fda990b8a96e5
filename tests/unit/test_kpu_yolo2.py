# SPDX-License-Identifier: MIT
"""YOLOv2's decoder on the host against a plain one in numpy, on random planes and a real face."""

import ctypes
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from yolo2_oracle import FACE_ANCHORS, Found, plain

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("MICROKPU_SHARED", ROOT.parent / "shared"))


class Yolo(ctypes.Structure):
    _fields_ = (
        ("output", ctypes.POINTER(ctypes.c_float)),
        ("w", ctypes.c_uint32),
        ("h", ctypes.c_uint32),
        ("classes", ctypes.c_uint32),
        ("anchor_count", ctypes.c_uint32),
        ("anchors", ctypes.POINTER(ctypes.c_float)),
        ("threshold", ctypes.c_float),
        ("nms", ctypes.c_float),
        ("image_w", ctypes.c_uint32),
        ("image_h", ctypes.c_uint32),
    )


class Find(ctypes.Structure):
    _fields_ = (
        ("x", ctypes.c_int32),
        ("y", ctypes.c_int32),
        ("w", ctypes.c_int32),
        ("h", ctypes.c_int32),
        ("class_id", ctypes.c_uint32),
        ("value", ctypes.c_float),
    )


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    out = tmp_path_factory.mktemp("yolo") / "yolo2.so"
    flags = ["-std=gnu99", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    flags += ["-fsanitize=undefined", "-fno-sanitize-recover"]
    source = str(ROOT / "modules/kpu/kpu_yolo2.c")
    subprocess.run(["gcc", *flags, source, "-o", str(out), "-lm"], check=True)
    library = ctypes.CDLL(str(out))
    for name in ("candidates", "work_bytes", "find"):
        getattr(library, f"kpu_yolo2_{name}").restype = ctypes.c_size_t
    return library


def decode(
    library: ctypes.CDLL,
    planes: np.ndarray,
    anchors: list[float],
    threshold: float,
    nms: float,
    size: tuple[int, int],
) -> list[Found]:
    """(x, y, w, h, class, value) of what the C code finds in (anchors, 5 + classes, h, w)."""
    flat = np.ascontiguousarray(planes, np.float32)
    pairs = np.array(anchors, np.float32)
    pointer = ctypes.POINTER(ctypes.c_float)
    yolo = Yolo(
        *(flat.ctypes.data_as(pointer), planes.shape[3], planes.shape[2]),
        *(planes.shape[1] - 5, planes.shape[0], pairs.ctypes.data_as(pointer)),
        *(threshold, nms, *size),
    )
    count = library.kpu_yolo2_candidates(ctypes.byref(yolo))
    needed = library.kpu_yolo2_work_bytes(ctypes.byref(yolo), ctypes.c_size_t(count))
    work = (ctypes.c_uint64 * (needed // 8 + 1))()
    work[needed // 8] = 0x5AA5
    found = (Find * (count + 1))()
    got = library.kpu_yolo2_find(ctypes.byref(yolo), ctypes.c_size_t(count), work, found)
    assert got <= count
    return [(f.x, f.y, f.w, f.h, f.class_id, f.value) for f in found[:got]]


def assert_same(
    got: list[Found],
    expected: list[Found],
) -> None:
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        assert one[4] == other[4]
        assert one[5] == pytest.approx(other[5], rel=1e-5)
        # A corner on a pixel's edge may fall to either side, and then its size with it.
        assert np.abs(np.array(one[:4]) - np.array(other[:4])).max() <= 1


@pytest.mark.parametrize(("anchors", "classes"), [(1, 1), (3, 2), (5, 20), (9, 2), (5, 1)])
def test_random_planes_decode_as_plainly(library: ctypes.CDLL, anchors: int, classes: int) -> None:
    random = np.random.default_rng(anchors * 100 + classes)
    for threshold, nms in ((0.5, 0.3), (0.2, 0.5), (0.7, 0.0), (0.05, 1.0)):
        planes = random.normal(0, 1.5, (anchors, 5 + classes, 7, 10))
        planes[:, 4] -= 1
        sizes = random.uniform(0.5, 8, 2 * anchors).round(3).tolist()
        got = decode(library, planes, sizes, threshold, nms, (320, 240))
        expected = plain(planes.astype(np.float32), sizes, threshold, nms, (320, 240))
        assert_same(got, expected)


def test_more_than_ten_boxes_come_out(library: ctypes.CDLL) -> None:
    planes = np.full((5, 6, 7, 10), 3.0)
    sizes = [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    found = decode(library, planes, sizes, 0.5, 0.99, (320, 240))
    assert len(found) == 5 * 7 * 10


def test_a_threshold_of_one_finds_nothing_and_of_zero_everything(library: ctypes.CDLL) -> None:
    planes = np.random.default_rng(7).normal(0, 1, (2, 6, 4, 4))
    assert decode(library, planes, [1.0] * 4, 1.0, 1.0, (64, 64)) == []
    assert len(decode(library, planes, [1.0] * 4, 0.0, 1.0, (64, 64))) == 32


def test_boxes_over_the_edge_begin_at_zero(library: ctypes.CDLL) -> None:
    planes = np.full((1, 6, 2, 2), -9.0)
    planes[0, :, 0, 0] = [-9, -9, 0, 0, 9, 1]
    assert decode(library, planes, [2.0, 2.0], 0.5, 0.5, (100, 60))[0][:4] == (0, 0, 50, 30)


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf, 3e38, -3e38])
def test_numbers_without_sense_do_no_harm(library: ctypes.CDLL, broken: float) -> None:
    for plane in range(7):
        planes = np.full((1, 7, 2, 2), 2.0)
        planes[0, plane, 1, 1] = broken
        for x, y, w, h, class_id, value in decode(library, planes, [1, 1], 0.1, 0.5, (320, 240)):
            assert 0 <= x <= 65535 and 0 <= y <= 65535
            assert -65535 <= w <= 65535 and -65535 <= h <= 65535
            assert class_id in (0, 1) and 0.1 < value <= 1


def test_the_astronauts_face_is_found(library: ctypes.CDLL) -> None:
    path = SHARED / "golden/face_v3_astronaut/output0.npy"
    if not path.exists():
        pytest.skip(f"no {path}: MICROKPU_SHARED names the folder of third-party vectors")
    planes = np.load(path).reshape(5, 6, 15, 20)
    found = decode(library, planes, FACE_ANCHORS, 0.5, 0.3, (320, 240))
    assert len(found) == 1
    assert found[0][5] == pytest.approx(0.935, abs=0.001)
    assert_same(found, plain(planes, FACE_ANCHORS, 0.5, 0.3, (320, 240)))
