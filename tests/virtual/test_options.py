# SPDX-License-Identifier: MIT
"""What goes into a virtual board's flash, and what is refused."""

from __future__ import annotations

import zipfile
from hashlib import sha256
from pathlib import Path

import pytest
from microkpu import places
from microkpu.errors import MicrokpuError
from microkpu.virtual.options import Image, VirtualOptions, image, options_of_url
from PIL import Image as Image_

from virtual.support import SPIN


@pytest.fixture
def firmware(tmp_path: Path) -> Path:
    path = tmp_path / "spin.bin"
    path.write_bytes(SPIN)
    return path


def test_an_image_is_an_address_and_a_file_or_a_package() -> None:
    assert image("0x300000=m.kmodel") == Image(Path("m.kmodel"), 0x300000)
    assert image("3145728=a=b") == Image(Path("a=b"), 0x300000)
    assert image("a.kfpkg") == Image(Path("a.kfpkg"), None)
    with pytest.raises(MicrokpuError, match="0x300000=m"):
        image("m.kmodel")


def test_a_package_is_unpacked_and_its_firmware_gets_the_header(tmp_path: Path) -> None:
    package = tmp_path / "a.kfpkg"
    listed = '{"files": [{"address": 0, "bin": "f", "sha256Prefix": true},'
    listed += '{"address": 0x00300000, "bin": "m", "sha256Prefix": false}]}'
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("flash-list.json", listed)
        archive.writestr("f", SPIN)
        archive.writestr("m", b"model")
    with VirtualOptions(images=[Image(package)]).make() as board:
        header = b"\0" + len(SPIN).to_bytes(4, "little") + SPIN
        assert bytes(board.flash.data[: len(header) + 32]) == header + sha256(header).digest()
        assert bytes(board.flash.data[0x300000:0x300006]) == b"model\xff"
        board.run(seconds=1e-4)
        assert board.machine.pc(0) == 0x80000000


def test_the_flash_file_boots_what_it_holds(firmware: Path, tmp_path: Path) -> None:
    flash = tmp_path / "flash.bin"
    with VirtualOptions(firmware=firmware, flash=flash).make() as board:
        board.write_flash(0x800000, b"kept")
    with VirtualOptions(flash=flash).make() as board:
        assert bytes(board.flash.data[5 : 5 + len(SPIN)]) == SPIN
        assert bytes(board.flash.data[0x800000:0x800004]) == b"kept"


def test_a_folder_becomes_the_file_system(firmware: Path, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "main.py").write_text("print(1)")
    with VirtualOptions(firmware=firmware, files=folder).make() as board:
        assert b"littlefs" in bytes(board.flash.data[0xD00000:0xD00100])


def test_without_firmware_it_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(places, "ROOT", tmp_path)
    with pytest.raises(MicrokpuError, match="make firmware"):
        VirtualOptions().make()


@pytest.mark.parametrize(
    ("content", "says"), [(b"PK\3\4", "give it as --image"), (b"\x7fELF", "give the raw")]
)
def test_what_is_no_raw_firmware_says_what_it_is(
    tmp_path: Path, content: bytes, says: str
) -> None:
    path = tmp_path / "firmware.elf"
    path.write_bytes(content)
    with pytest.raises(MicrokpuError, match=says):
        VirtualOptions(firmware=path).make()


def test_images_that_overlap_are_refused(firmware: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.kmodel"
    model.write_bytes(bytes(100))
    for address in (0, 40, 0x300010):
        images = [Image(model, 0x300000), Image(model, address)]
        with pytest.raises(MicrokpuError, match="move one of them"):
            VirtualOptions(firmware=firmware, images=images).make()
    images = [Image(model, 0x300000), Image(model, 0x300064)]
    VirtualOptions(firmware=firmware, images=images).make().close()


def test_a_url_describes_the_same() -> None:
    given = options_of_url(
        "virtual://?firmware=a.bin&image=0x300000=m&image=b.kfpkg&flash=f&files=d&strict=0"
    )
    assert given == VirtualOptions(
        firmware=Path("a.bin"),
        images=(Image(Path("m"), 0x300000), Image(Path("b.kfpkg"))),
        flash=Path("f"),
        files=Path("d"),
        strict=False,
    )
    assert options_of_url("virtual://") == VirtualOptions()
    for wrong in ("virtual://host", "loop://", "virtual://?speed=3"):
        with pytest.raises(MicrokpuError):
            options_of_url(wrong)


def test_what_hangs_on_the_board(firmware: Path, tmp_path: Path) -> None:
    picture, card = tmp_path / "seen.png", tmp_path / "card"
    Image_.new("RGB", (4, 3)).save(picture)
    card.mkdir()
    url = f"virtual://?firmware={firmware}&board=maix_go&camera={picture}&sd={card}&sd_keep=1"
    with options_of_url(url).make() as board:
        assert board.wiring.name == "maix_go"
        assert board.camera is not None and board.card_slot is not None
        assert board.card_slot.card.high_capacity
        assert [sensor.NAME for sensor in board.camera.sensors] == ["ov2640"]
    with options_of_url(f"{url}&sensor=ov7740").make() as board:
        assert board.camera is not None
        assert [sensor.NAME for sensor in board.camera.sensors] == ["ov7740"]
    with pytest.raises(MicrokpuError, match="no sensor 'ov1' is known: one of ov2640"):
        options_of_url(f"{url}&sensor=ov1").make()
    plain = options_of_url(f"virtual://?firmware={firmware}")
    assert plain == VirtualOptions(firmware=firmware)
    with plain.make() as board:
        assert board.camera is None and board.card_slot is None


def test_a_file_that_is_no_flash_is_left_alone(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"\xff\xd8\xff\xe0" + bytes(1000))
    with pytest.raises(MicrokpuError, match="no content of a flash chip"):
        VirtualOptions(flash=photo).make()
    assert photo.stat().st_size == 1004
    with pytest.raises(MicrokpuError, match="there is no folder"):
        VirtualOptions(flash=tmp_path / "gone" / "flash.bin").make()
