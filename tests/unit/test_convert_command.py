# SPDX-License-Identifier: MIT
"""`microkpu convert` and `microkpu kmodel eval`, as a user calls them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from convert_networks import bytes_for, chain, cosine, floats_of
from microkpu.cli import main
from microkpu.convert.calibration import read_picture
from microkpu.convert.evaluate import Dataset, Score, joined
from microkpu.kmodel.host import HostModel
from PIL import Image

TINY = Path(__file__).resolve().parents[1] / "golden" / "tiny_selfmade"


def saved(tmp_path: Path) -> Path:
    path = tmp_path / "chain.onnx"
    onnx.save(chain(), path)
    return path


@pytest.mark.parametrize("target", ["v3", "v4"])
def test_a_model_is_written_and_told_about(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], target: str
) -> None:
    out, report = tmp_path / "tiny.kmodel", tmp_path / "report"
    arguments = ["convert", str(TINY / "tiny.onnx"), "-o", str(out), "--target", target]
    arguments += ["--calibration", str(TINY / "input.npy"), "--report", str(report)]
    assert main(arguments) == 0
    told = capsys.readouterr().out
    assert f"kmodel {target.upper()}, {out.stat().st_size} bytes" in told
    assert "5 on the KPU" in told and "1 on the CPU" in told
    assert "output    e: cosine 0.9999" in told
    wanted = np.load(TINY / "float_onnxruntime_out.npy")
    (found,) = HostModel(out).run(np.load(TINY / "input.npy"))
    assert cosine(found, wanted) >= 0.9999
    layers = json.loads((report / "layers.json").read_text())["layers"]
    assert [layer["layer"] for layer in layers] == ["ac", "bc", "cc", "dc", "e"]
    assert all(layer["cosine"] > 0.9995 and layer["snr"] > 30 for layer in layers)
    rows = (report / "layers.txt").read_text().split("fit\n")[1].splitlines()
    ratios = [float(row.split()[2]) for row in rows]
    assert ratios == sorted(ratios)
    with Image.open(report / "layers.png") as plot:
        assert plot.width > 500 and plot.getcolors() is not None


def test_a_folder_of_pictures_calibrates_and_is_recognised(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pictures of any size; what a picture's class is the float model says."""
    model, out = saved(tmp_path), tmp_path / "chain.kmodel"
    pictures = tmp_path / "pictures"
    for place, x in enumerate(bytes_for(chain(), 6)):
        picture = Image.fromarray(x.transpose(1, 2, 0)).resize((48, 32))
        picture.save(tmp_path / "p.png")
        planes = read_picture(tmp_path / "p.png", (1, 3, 16, 24))
        label = int(floats_of(chain(), planes)[0].argmax())
        folder = pictures / f"{label:04}"
        folder.mkdir(parents=True, exist_ok=True)
        picture.save(folder / f"{place}.png")
    command = ["convert", str(model), "-o", str(out), "--calibration", str(pictures)]
    assert main([*command, "--samples", "4", "--mean", "3,2,1", "--input-scale", "1/250"]) == 0
    assert "(byte - 3,2,1) * 0.004" in capsys.readouterr().out
    assert main([*command, "--ranges", "minmax"]) == 0
    capsys.readouterr()
    classes = sorted(int(folder.name) for folder in pictures.iterdir())
    samples = np.stack(
        [
            read_picture(file, (1, 3, 16, 24))
            for folder in sorted(pictures.iterdir())
            for file in sorted(folder.iterdir())
        ]
    )
    labels = [floats_of(chain(), x)[0].argmax() for x in samples]
    assert sorted(set(labels)) == classes
    found = [HostModel(out).run(x)[0].argmax() for x in samples]
    np.savez(tmp_path / "set.npz", x=samples, y=labels)
    assert main(["kmodel", "eval", str(out), str(tmp_path / "set.npz")]) == 0
    right = int(np.equal(found, labels).sum())
    assert f"({right} of 6 right)" in capsys.readouterr().out
    assert main(["kmodel", "eval", str(out), str(pictures)]) == 0
    numbers = {name: k for k, name in enumerate(classes)}
    right = sum(f == numbers[label] for f, label in zip(found, labels, strict=True))
    told = capsys.readouterr().out
    assert f"({right} of 6 right)" in told and f"{classes[0]:04}: " in told
    _labelled(pictures, tmp_path / "flat", classes)
    assert main(["kmodel", "eval", str(out), str(tmp_path / "flat")]) == 0
    right = sum(f == label for f, label in zip(found, labels, strict=True))
    assert f"({right} of 6 right)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--calibration", "missing.npy"], "missing.npy is no array"),
        ([], "no inputs to measure ranges by: give --calibration"),
        (["--calibration", "."], "no pictures in"),
        (["--samples", "0", "--calibration", "x.npy"], "--samples is 0: 1 or more wanted"),
    ],
)
def test_what_is_missing_is_said_in_a_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    model = saved(tmp_path)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert main(["convert", str(model), "-o", "m.kmodel", *arguments]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ") and words in said
    assert said.count("\n") == 1
    assert not Path("m.kmodel").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--input-scale", "1/0"], "argument --input-scale: '1/0' are no numbers"),
        (["--mean", "inf"], "argument --mean: 'inf' are no numbers"),
        (["--mean", "red"], "argument --mean: 'red' are no numbers"),
        (["--input-shape", "axb"], "argument --input-shape: 'axb' is no shape"),
    ],
)
def test_options_that_are_no_numbers_are_usage_errors(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["convert", "m.onnx", "-o", "m.kmodel", *arguments])
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_a_report_that_cannot_be_written_is_told_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    model, out = saved(tmp_path), tmp_path / "m.kmodel"
    arguments = ["convert", str(model), "-o", str(out), "--report", str(tmp_path / "file" / "r")]
    assert main(arguments) == 1
    assert "cannot make the folder" in capsys.readouterr().err
    assert not out.exists()
    assert main(["convert", str(model), "-o", str(tmp_path / "gone" / "m.kmodel")]) == 1
    assert "gone is no folder" in capsys.readouterr().err


def test_what_nobody_thought_of_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(graph: object) -> None:
        raise IndexError("list index out of range")

    monkeypatch.setattr("microkpu.convert.conversion.rewrite", fails)
    calibration = tmp_path / "x.npy"
    np.save(calibration, bytes_for(chain()))
    arguments = ["convert", str(saved(tmp_path)), "-o", str(tmp_path / "m.kmodel")]
    assert main([*arguments, "--calibration", str(calibration)]) == 1
    said = capsys.readouterr().err
    assert "(IndexError: list index out of range): please report it with the model" in said
    assert said.count("\n") == 1


SAMPLES = np.random.default_rng(0).integers(0, 256, (2, 3, 48, 64), np.uint8)


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (SAMPLES, [-1, 2], "holds -1: want class numbers from 0 on"),
        (SAMPLES, [np.nan, 2], "holds nan: want class numbers"),
        (SAMPLES, [np.inf, 2], "holds inf: want class numbers"),
        (SAMPLES, [0.5, 2], "holds 0.5: want class numbers"),
        (SAMPLES, ["a", "b"], "is 2 <U1: want one class number for each sample"),
        (SAMPLES, [[0], [1]], "is 2x1 int64: want one class number"),
        (SAMPLES, 3, "is a single value int64: want one class"),
        (SAMPLES, [1], "has 2 samples and 1 labels"),
        (SAMPLES[:0], np.zeros(0, int), "has no samples"),
        (np.array(["q", "r"]), [0, 1], "is 2 <U1: want numbers"),
        (SAMPLES / 255, [0, 1], "the model reads bytes: give x as uint8 of 0..255"),
        (SAMPLES.astype(np.int64) - 1, [0, 1], "the model reads bytes"),
    ],
)
def test_arrays_that_are_no_dataset_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], x: object, y: object, words: str
) -> None:
    path = tmp_path / "set.npz"
    np.savez(path, x=x, y=y)
    assert main(["kmodel", "eval", str(TINY / "tiny3.kmodel"), str(path)]) == 1
    said = capsys.readouterr().err
    assert words in said and said.startswith("error: ")


def test_files_that_are_no_dataset_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, cut, plain = tmp_path / "whole.npz", tmp_path / "cut.npz", tmp_path / "x.npy"
    np.savez(whole, x=SAMPLES, y=[0, 1])
    cut.write_bytes(whole.read_bytes()[:-200])
    np.save(plain, SAMPLES)
    labels = tmp_path / "labels"
    labels.mkdir()
    (labels / "labels.txt").write_bytes(b"\xff\xfe 1\n")
    for path, words in (
        (cut, "is no folder and no .npz with x and y"),
        (plain, "is one array: want an .npz with x and y"),
        (labels, "as UTF-8 text"),
    ):
        assert main(["kmodel", "eval", str(TINY / "tiny3.kmodel"), str(path)]) == 1
        said = capsys.readouterr().err
        assert words in said and said.startswith("error: ")


def test_parts_of_a_dataset_make_one_score() -> None:
    dataset = Dataset(np.arange(7), [0, 1, 2, 0, 1, 2, 0], ["a", "b", "c"])
    parts = dataset.parts(3)
    assert sorted(label for part in parts for label in part.labels) == [0, 0, 0, 1, 1, 2, 2]
    assert len(dataset.parts(20)) == 7
    scores = [
        Score(Counter({0: 2}), Counter({0: 3, 1: 1}), dataset.names),
        Score(Counter({1: 1}), Counter({1: 1, 2: 2}), dataset.names),
    ]
    assert str(joined(scores)).splitlines() == [
        "top-1 42.86 % (3 of 7 right)", "a: 2 of 3", "b: 1 of 2", "c: 0 of 2"
    ]  # fmt: skip


@pytest.mark.parametrize("content", [None, b"nothing", "folder"])
def test_datasets_that_are_none_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | str | None
) -> None:
    path = tmp_path / "set"
    if content == "folder":
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    assert main(["kmodel", "eval", str(TINY / "tiny3.kmodel"), str(path)]) == 1
    assert str(path) in capsys.readouterr().err


def test_folders_whose_numbers_are_not_their_places_are_told() -> None:
    """Sorted by name, as Keras and torchvision do: 10 comes before 2."""
    every = Counter({0: 1, 1: 1, 2: 1})
    assert "folder 10 is class 1, as" in str(Score(every, every, ["0", "10", "2"]))
    assert "folder" not in str(Score(every, every, ["0", "1", "2"]))
    assert "folder" not in str(Score(every, every, ["cat", "dog", "owl"]))


def _labelled(pictures: Path, flat: Path, classes: list[int]) -> None:
    """The same pictures in one folder, with a file that says their classes."""
    flat.mkdir()
    lines = []
    for label, folder in zip(classes, sorted(pictures.iterdir()), strict=True):
        for file in sorted(folder.iterdir()):
            name = f"{len(lines)}{file.suffix}"
            (flat / name).write_bytes(file.read_bytes())
            lines.append(f"{name} {label}\n")
    (flat / "labels.txt").write_text("".join(lines))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("0.png\n", "line 1 is '0.png'"),
        ("gone.png 3\n", "line 1 is 'gone.png 3'"),
    ],
)
def test_labels_that_name_nothing_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, says: str
) -> None:
    (tmp_path / "labels.txt").write_text(text)
    assert main(["kmodel", "eval", str(TINY / "tiny3.kmodel"), str(tmp_path)]) == 1
    assert says in capsys.readouterr().err
