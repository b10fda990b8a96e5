# SPDX-License-Identifier: MIT
"""KPU.classifier: k-means on a net's features, compared with scikit-learn's; saved and loaded."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from microkpu.board import RemoteBoard, ScriptError
from microkpu.kmodel.host import HostModel
from sklearn.cluster import KMeans

from .kpu_support import MODEL, FlashImage, give, golden

TINY = golden("tiny_selfmade/tiny3.kmodel")
SHAPE = (3, 48, 64)
LENGTH = 96
CLASSES, SAMPLES = 3, 9


def pictures() -> np.ndarray:
    """First one of each of three kinds, then three more of each: a colour with noise."""
    random = np.random.default_rng(7)
    colours = np.array([[230, 30, 30], [30, 220, 40], [60, 60, 250]])
    made = []
    for i in range(CLASSES + SAMPLES):
        noise = random.integers(-30, 30, SHAPE)
        made.append(np.clip(colours[i % CLASSES][:, None, None] + noise, 0, 255))
    return np.array(made, np.uint8)


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    """What the host says that the net gives of each picture."""
    model = HostModel(TINY)
    return np.array([model.run(p)[0].ravel()[:LENGTH] for p in pictures()])


@pytest.fixture
def learner(board: RemoteBoard, flash_image: FlashImage) -> RemoteBoard:
    """A board with the pictures as p[i] and an empty classifier c."""
    flash_image(MODEL, TINY)
    give(board, flash_image, "data", pictures().tobytes())
    size, count = int(np.prod(SHAPE)), CLASSES + SAMPLES
    board.exec(
        f"import KPU as kpu\nm = kpu.load({MODEL})\n"
        f"p = [memoryview(data)[i * {size}:(i + 1) * {size}] for i in range({count})]\n"
        f"c = kpu.classifier(m, {CLASSES}, {SAMPLES}, fea_len={LENGTH})"
    )
    return board


@pytest.fixture
def trained(learner: RemoteBoard) -> RemoteBoard:
    """The same after training on all pictures."""
    assert learner.eval(f"[c.add_class_img(i) for i in p[:{CLASSES}]]") == [0, 1, 2]
    assert learner.eval(f"[c.add_sample_img(i) for i in p[{CLASSES}:]]") == list(range(SAMPLES))
    learner.exec("c.train()")
    return learner


def centres(features: np.ndarray) -> np.ndarray:
    """scikit-learn's, from the same beginning."""
    fitted = KMeans(CLASSES, init=features[:CLASSES].astype(float), n_init=1, algorithm="lloyd")
    return fitted.fit(features.astype(float)).cluster_centers_


def test_pictures_are_told_apart_at_the_distance_that_k_means_gives(
    trained: RemoteBoard, features: np.ndarray
) -> None:
    expected = np.linalg.norm(features[:, None] - centres(features)[None], axis=2)
    for index in range(CLASSES + SAMPLES):
        place, distance = trained.eval(f"c.predict(p[{index}])")
        assert place == index % CLASSES
        assert distance == pytest.approx(expected[index, place], rel=1e-4)


def test_what_is_saved_answers_the_same(trained: RemoteBoard, features: np.ndarray) -> None:
    trained.exec(
        "c.save('/flash/c')\n"
        "d, classes, samples = kpu.classifier.load(m, '/flash/c')\n"
        "same = [c.predict(i) == d.predict(i) for i in p]"
    )
    assert trained.eval("(classes, samples)") == (CLASSES, SAMPLES)
    assert trained.eval("all(same)")
    saved = trained.eval("open('/flash/c', 'rb').read()")
    assert saved[:4] == b"MKCL"
    head = struct.unpack_from("<7I", saved, 4)
    assert head == (1, CLASSES, SAMPLES, LENGTH, CLASSES, SAMPLES, 1)
    rows = np.frombuffer(saved, "<f4", offset=32).reshape(-1, LENGTH)
    np.testing.assert_array_equal(rows[:-CLASSES], features)
    np.testing.assert_allclose(rows[-CLASSES:], centres(features), rtol=1e-4, atol=1e-5)


def test_classes_and_samples_can_be_taken_back(learner: RemoteBoard) -> None:
    learner.exec("c.add_class_img(p[0]); c.add_class_img(p[1]); c.add_sample_img(p[2])")
    assert learner.eval("(c.rm_class_img(), c.rm_sample_img())") == (1, 0)
    assert learner.eval("(c.add_class_img(p[4]), c.add_class_img(p[3], 0))") == (1, 0)


def error(board: RemoteBoard, code: str) -> str:
    """The last line of the traceback that the code ends with."""
    with pytest.raises(ScriptError) as caught:
        board.exec(code)
    return caught.value.last_line


WRONG = {
    "kpu.classifier(m, 0, 1)": "ValueError: [MAIXPY]kpu: model, class num, sample num: 0 classes",
    "kpu.classifier(None, 1, 1)": "TypeError: [MAIXPY]kpu: kpu_net type error: ",
    "c.train()": "ValueError: [MAIXPY]kpu: train() with 0 of 3 classes: add_class_img() first",
    "c.predict(p[0])": "ValueError: [MAIXPY]kpu: predict() before train()",
    "c.add_class_img(p[0], 1)": "ValueError: [MAIXPY]kpu: class 1: there are 0 of at most 3",
    "c.rm_class_img()": "ValueError: [MAIXPY]kpu: there is no class to remove",
    "c.rm_sample_img()": "ValueError: [MAIXPY]kpu: there is no sample to remove",
    "[c.add_sample_img(p[0]) for i in range(10)]": "ValueError: [MAIXPY]kpu: there are 9 samples",
    "kpu.classifier(m, 1, 1, 5000).add_class_img(p[0])": "ValueError: [MAIXPY]kpu: the model"
    " gives 2304 features, not 5000",
    "kpu.classifier.load(m, '/flash/no')": "OSError: [Errno 2] ENOENT",
}


@pytest.mark.parametrize("code", WRONG)
def test_what_is_wrong_is_said(learner: RemoteBoard, code: str) -> None:
    assert error(learner, code).startswith(WRONG[code])


def test_a_file_that_does_not_fit_is_refused(trained: RemoteBoard) -> None:
    trained.exec("c.save('/flash/c')")
    load = "kpu.classifier.load(m, '/flash/c'"
    assert error(trained, f"{load}, 4, 9)").endswith("/flash/c has 3 classes, not 4")
    assert error(trained, f"{load}, fea_len=7)").endswith("/flash/c has 96 features, not 7")
    trained.put("/flash/c", trained.eval("open('/flash/c', 'rb').read()")[:-1])
    assert error(trained, f"{load})").endswith("/flash/c is truncated")
    trained.put("/flash/c", b"MKC")
    assert error(trained, f"{load})").endswith("/flash/c is no classifier that save() wrote")
