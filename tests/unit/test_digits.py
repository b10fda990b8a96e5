# SPDX-License-Identifier: MIT
"""The digits model: scans stay apart, the build is repeatable, the page tells the truth."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from microkpu.kmodel.host import HostModel
from PIL import Image
from sklearn.datasets import load_digits

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "examples" / "models"
sys.path.insert(0, str(MODELS))

import build_digits  # noqa: E402
import conv_net  # noqa: E402
import scans  # noqa: E402
import train_digits  # noqa: E402

README = (MODELS / "README.md").read_text()


def figure(name: str) -> list[int]:
    """The numbers in a row of the page's table."""
    row = re.search(rf"^\| {re.escape(name)}[^|]*\| ([^|]*) \|$", README, re.M)
    assert row, f"the README has no row {name!r}"
    return [int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", row[1])]


@pytest.fixture(scope="module")
def model() -> bytes:
    return build_digits.kmodel()


@pytest.fixture(scope="module")
def shown() -> np.ndarray:
    """Every held-out scan as the KPU gets it."""
    _, held_out = scans.load()
    return scans.planes([scans.jpeg(scans.picture(ink)) for ink in held_out.ink])


@pytest.fixture(scope="module")
def right(model: bytes, shown: np.ndarray) -> np.ndarray:
    """Which held-out scans the quantised model reads right."""
    _, held_out = scans.load()
    host = HostModel(model)
    return np.array([host.run(planes)[0].argmax() for planes in shown]) == held_out.digits


def test_a_fifth_is_held_out_and_never_learned() -> None:
    learning, held_out = scans.load()
    bunch = load_digits()
    assert len(held_out.places) == 360
    assert set(learning.places) | set(held_out.places) == set(range(1797))
    assert not set(learning.places) & set(held_out.places)
    for part in (learning, held_out):
        np.testing.assert_array_equal(part.ink, bunch.images[part.places])
        np.testing.assert_array_equal(part.digits, bunch.target[part.places])
    shares = np.bincount(held_out.digits) / np.bincount(bunch.target)
    assert np.abs(shares - 0.2).max() < 0.01


def test_slopes_are_those_of_the_loss() -> None:
    """Each layer's backward pass against differences of the loss, in 64 bits."""
    random = np.random.default_rng(0)
    net = train_digits.network(random)
    names = conv_net.named(net)
    for layer in names.values():
        layer.weights = layer.weights.astype(np.float64)
        layer.bias = random.uniform(-0.1, 0.1, layer.bias.shape)
    x = random.uniform(-1, 0, (3, 32, 32, 1))
    wanted = np.eye(10)[[3, 1, 4]]
    conv_net.learn(net, x, wanted)
    for name, layer in names.items():
        for array, slope in zip((layer.weights, layer.bias), layer.slopes, strict=True):
            direction = random.standard_normal(array.shape)
            step = 1e-6 * direction
            array += step
            above = conv_net.learn(net, x, wanted)
            array -= 2 * step
            below = conv_net.learn(net, x, wanted)
            array += step
            found, expected = (slope * direction).sum(), (above - below) / 2e-6
            assert found == pytest.approx(expected, rel=1e-3, abs=1e-6), name


def test_training_learns() -> None:
    learning, held_out = scans.load()
    net = train_digits.train(learning, epochs=3)
    assert train_digits.count_right(net, held_out) > 360 / 4  # guessing gets a tenth


def test_training_repeats_itself() -> None:
    learning, _ = scans.load()
    some = scans.Scans(learning.ink[:64], learning.digits[:64], learning.places[:64])
    nets = [train_digits.train(some, epochs=2) for _ in range(2)]
    for a, b in zip(*(conv_net.named(net).values() for net in nets), strict=True):
        np.testing.assert_array_equal(a.weights, b.weights)
        np.testing.assert_array_equal(a.bias, b.bias)


def test_a_kept_network_is_the_trained_one(tmp_path: Path) -> None:
    net = train_digits.network(np.random.default_rng(5))
    train_digits.save(net, tmp_path / "net.npz")
    kept = build_digits.trained(tmp_path / "net.npz")
    x = np.random.default_rng(6).uniform(-1, 0, (2, 32, 32, 1)).astype(np.float32)
    np.testing.assert_array_equal(conv_net.forward(kept, x), conv_net.forward(net, x))


def test_the_exported_network_computes_what_was_trained(shown: np.ndarray) -> None:
    net = build_digits.trained()
    session = onnxruntime.InferenceSession(
        build_digits.to_onnx(net).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    wanted = conv_net.forward(net, train_digits.to_input(shown[:20]))
    for planes, logits in zip(shown[:20], wanted, strict=True):
        x = (planes[None].astype(np.float32) - 255) / 255
        np.testing.assert_allclose(session.run(["logits"], {"x": x})[0][0], logits, atol=1e-4)


def test_pictures_are_what_a_person_would_see() -> None:
    _, held_out = scans.load()
    picture = Image.open(io.BytesIO(scans.jpeg(scans.picture(held_out.ink[0]))))
    assert (picture.format, picture.mode, picture.size) == ("JPEG", "L", (120, 120))
    # Shrunk to the scan's own pixels, ink is where the scan has it.
    small = 255 - np.asarray(picture.resize((10, 10), Image.Resampling.BOX)).astype(float)
    paper = np.pad(held_out.ink[0], 1).ravel()
    assert np.corrcoef(small.ravel(), paper)[0, 1] > 0.97


def test_two_builds_are_equal_to_the_byte(tmp_path: Path, model: bytes) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    build_digits.build(folders[0])
    # Another process with another way of summing: the file must not notice.
    subprocess.run(
        [sys.executable, str(MODELS / "build_digits.py"), "--out", str(folders[1])],
        env=os.environ | {"OPENBLAS_CORETYPE": "Prescott", "OPENBLAS_NUM_THREADS": "1"},
        check=True,
    )
    a, b = (
        {
            path.relative_to(folder): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }
        for folder in folders
    )
    assert a == b
    assert a[Path("digits.kmodel")] == model
    assert len(a) == 102


def test_the_model_reads_the_held_out_scans(right: np.ndarray) -> None:
    assert right.mean() >= 0.97


def test_the_page_tells_what_is_computed(right: np.ndarray, model: bytes) -> None:
    _, held_out = scans.load()
    net = build_digits.trained()
    numbers = sum(layer.weights.size + layer.bias.size for layer in conv_net.named(net).values())
    assert figure("weights")[0] == numbers
    in_floats = train_digits.count_right(net, held_out)
    assert figure("held-out scans read right, in floats") == [in_floats, 360]
    assert figure("held-out scans read right, as the KPU computes") == [right.sum(), 360]
    assert figure("the demo's pictures") == [right[:100].sum(), 100]
    assert figure("digits.kmodel") == [len(model)]


def test_outputs_are_probabilities_logits_and_the_last_layers_bytes(
    model: bytes, shown: np.ndarray
) -> None:
    probabilities, logits, features = HostModel(model).run(shown[0])
    assert (features.dtype, features.shape) == (np.uint8, (32, 4, 4))
    e = np.exp(logits.astype(float) - logits.max())
    np.testing.assert_allclose(probabilities, e / e.sum(), atol=1e-6)
    # Bytes are features in steps of one size: the logits are a straight function of their means.
    (last,) = [each for each in build_digits.trained() if isinstance(each, conv_net.Dense)]
    straight = features.mean((1, 2)) @ last.weights
    slope = np.polyfit(straight, logits.ravel() - last.bias, 1)
    assert slope[1] == pytest.approx(0, abs=1e-4)
    np.testing.assert_allclose(straight * slope[0] + last.bias, logits.ravel(), atol=1e-4)
