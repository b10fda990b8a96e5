# SPDX-License-Identifier: MIT
"""What forward() returns: numbers that stay what they were, in every form they are read in."""

from __future__ import annotations

import pytest
from microkpu.board import RemoteBoard, ScriptError

from .kpu_support import MODEL, FlashImage, assert_bytes, give, golden, vector

BYTES = vector("kpu_unit/u000_out.npy")  # 13 channels, 8 high, 16 wide
FLOATS = vector("tiny_selfmade/tiny3_out.npy")


@pytest.fixture
def fmap(board: RemoteBoard, flash_image: FlashImage) -> RemoteBoard:
    """A board with an fmap of bytes as fm."""
    flash_image(MODEL, golden("kpu_unit/u000.kmodel"))
    give(board, flash_image, "x", vector("kpu_unit/u000_in.npy").tobytes())
    board.exec(f"import KPU as kpu, gc\nm = kpu.load({MODEL})\nfm = kpu.forward(m, x)")
    return board


@pytest.fixture
def floats(board: RemoteBoard, flash_image: FlashImage) -> RemoteBoard:
    """A board with an fmap of floats as fm."""
    flash_image(MODEL, golden("tiny_selfmade/tiny3.kmodel"))
    give(board, flash_image, "x", vector("tiny_selfmade/input.npy").tobytes())
    board.exec(f"import KPU as kpu, gc\nm = kpu.load({MODEL})\nfm = kpu.forward(m, x)")
    return board


@pytest.fixture
def ops(board: RemoteBoard, flash_image: FlashImage) -> RemoteBoard:
    """A board with a net of 64 floats to 64 floats as m, and its output as first."""
    flash_image(MODEL, golden("v3_cpu_ops/ops.kmodel"))
    give(board, flash_image, "x", vector("v3_cpu_ops/input.npy").tobytes())
    board.exec(f"import KPU as kpu\nm = kpu.load({MODEL})\nfirst = kpu.forward(m, x)")
    return board


def last_line(board: RemoteBoard, code: str) -> str:
    with pytest.raises(ScriptError) as caught:
        board.exec(code)
    return caught.value.last_line


# Reading.


def test_the_whole_is_a_list(fmap: RemoteBoard) -> None:
    assert fmap.eval("type(fm[:]) is list")
    assert fmap.eval("fm[:]") == BYTES.ravel().tolist()


def test_the_whole_of_floats_is_a_list_of_the_very_numbers(floats: RemoteBoard) -> None:
    floats.exec("from array import array")
    assert floats.eval("bytes(array('f', fm[:])) == bytes(fm)")
    # The board prints sixteen digits of a float, so what it prints is near, not equal.
    assert floats.eval("fm[:5]") == pytest.approx(FLOATS[:5].tolist(), rel=1e-12)
    assert floats.eval("max(fm[:])") == pytest.approx(FLOATS.max(), rel=1e-12)
    assert floats.eval("fm[:].index(max(fm[:]))") == int(FLOATS.argmax())


@pytest.mark.parametrize(
    "slice_", ["3:9", "-4:", ":-1660", "::7", "5:1:-1", "::-1", "9:3", "2000:", "-9999:9999:400"]
)
def test_slices_are_pythons(fmap: RemoteBoard, slice_: str) -> None:
    flat = BYTES.ravel().tolist()
    expected = eval(f"flat[{slice_}]", {"flat": flat})
    assert fmap.eval(f"fm[{slice_}]") == expected


def test_indexes_count_from_either_end(fmap: RemoteBoard, board: RemoteBoard) -> None:
    flat = BYTES.ravel()
    assert fmap.eval("(fm[0], fm[5], fm[-1], fm[-1664])") == (
        *(flat[0], flat[5], flat[-1], flat[0]),
    )
    for index in (1664, -1665):
        assert last_line(fmap, f"fm[{index}]").startswith("IndexError")


def test_it_has_a_length_and_iterates(fmap: RemoteBoard) -> None:
    flat = BYTES.ravel()
    assert fmap.eval("(len(fm), sum(fm), max(fm), list(fm) == fm[:])") == (
        *(flat.size, int(flat.sum()), int(flat.max())),
        True,
    )


def test_it_says_what_it_is(floats: RemoteBoard) -> None:
    assert floats.eval("(fm.size(), fm.index(), fm.typecode(), len(fm))") == (9216, 5, "f", 2304)
    assert floats.eval("fm.w() * fm.h() * fm.ch()") == 2304
    text = floats.exec("print(fm)").strip()
    assert text.startswith('{"fmap": "data"=0x')
    w, h, ch = floats.eval("(fm.w(), fm.h(), fm.ch())")
    assert text.endswith(
        f', "size"=9216, "index": 5, "w": {w}, "h": {h}, "ch": {ch}, "typecode": f}}'
    )


def test_the_buffer_has_a_type(floats: RemoteBoard) -> None:
    floats.exec("v = memoryview(fm)")
    assert floats.eval("(len(v), v[7] == fm[7], v[-1] == fm[-1])") == (2304, True, True)
    assert_bytes(floats, "v", FLOATS)


# Writing.


def test_items_and_slices_are_assigned(fmap: RemoteBoard) -> None:
    expected = BYTES.ravel().copy()
    expected[3], expected[-1], expected[10:13], expected[20:30], expected[40:60:5] = 9, 8, 7, 6, 5
    expected[100:102] = [1, 2]
    fmap.exec(
        "fm[3] = 9; fm[-1] = 8; fm[10:13] = [7, 7, 7]; fm[20:30] = 6; fm[40:60:5] = 5\n"
        "fm[100:102] = (1, 2)"
    )
    assert_bytes(fmap, "fm", expected)


def test_floats_are_assigned(floats: RemoteBoard) -> None:
    floats.exec("fm[0] = 1.5; fm[1] = 3; fm[2:4] = [0.25, -1]")
    assert floats.eval("fm[:4]") == [1.5, 3.0, 0.25, -1.0]


def test_assignments_that_do_not_fit_are_refused(fmap: RemoteBoard) -> None:
    assert last_line(fmap, "fm[0:3] = [1, 2]") == (
        "ValueError: [MAIXPY]kpu: cannot grow or shrink an fmap: 2 values for 3 elements"
    )
    for value in (-1, 256):
        assert last_line(fmap, f"fm[0] = {value}") == (
            f"ValueError: [MAIXPY]kpu: {value} does not fit an fmap of 0 to 255"
        )
    assert last_line(fmap, "del fm[0]").startswith("TypeError")
    assert_bytes(fmap, "fm", BYTES)


# It stays what it was.


def test_it_outlives_the_next_run(fmap: RemoteBoard) -> None:
    fmap.exec("other = kpu.forward(m, bytes(len(x)))\nthird = kpu.forward(m, x)")
    assert_bytes(fmap, "fm", BYTES)
    assert fmap.eval("other[:] != fm[:] and third[:] == fm[:]")


def test_it_outlives_its_net(fmap: RemoteBoard) -> None:
    fmap.exec("kpu.deinit(m)\nbig = bytearray(100000)")
    assert_bytes(fmap, "fm", BYTES)
    assert fmap.eval("__import__('k210').pool()['work']") == 0


def test_it_keeps_a_forgotten_net_alive_until_it_goes_itself(fmap: RemoteBoard) -> None:
    fmap.exec("import k210\nm = None\ngc.collect()")
    assert_bytes(fmap, "fm", BYTES)
    fmap.exec("fm = None\ngc.collect()")
    assert fmap.eval("[k210.pool()[k] for k in ('model', 'work', 'device')]") == [0, 0, 0]


def test_a_view_of_it_outlives_everything(fmap: RemoteBoard) -> None:
    fmap.exec(
        "v = memoryview(fm)\n"
        "kpu.forward(m, bytes(len(x)))\n"
        "kpu.deinit(m)\n"
        "fm = m = None\n"
        "gc.collect()\n"
        "junk = [bytearray(2000) for i in range(20)]"
    )
    assert_bytes(fmap, "v", BYTES)


def test_many_of_one_run_are_independent_and_some_may_be_gone(fmap: RemoteBoard) -> None:
    fmap.exec(
        "all = [kpu.get_output(m, 0) for i in range(5)]\n"
        "all[1] = all[3] = None\n"
        "gc.collect()\n"
        "where_they_were = [b'\\xa5' * (i % 128) for i in range(2000)]\n"
        "kpu.forward(m, bytes(len(x)))\n"
        "all[0][0:9] = 1"
    )
    assert fmap.eval("[i for i, b in enumerate(where_they_were) if set(b) - {0xa5}]") == []
    for kept in (2, 4):
        assert_bytes(fmap, f"all[{kept}]", BYTES)
    assert fmap.eval("all[0][:9]") == [1] * 9


def test_a_loop_of_runs_does_not_fill_the_heap(floats: RemoteBoard) -> None:
    floats.exec(
        "for i in range(60):\n    fm = kpu.forward(m, x)\n    p = fm[:]",
        timeout=60,
    )
    assert_bytes(floats, "fm", FLOATS)


def test_one_can_be_the_input_of_a_run_of_its_own_net(ops: RemoteBoard) -> None:
    ops.exec("chain = kpu.forward(m, kpu.forward(m, x))\nagain = kpu.forward(m, bytes(first))")
    assert ops.eval("chain[:] == again[:] and chain[:] != first[:]")


# As a picture.


def test_a_channel_becomes_a_grey_image_of_its_own(fmap: RemoteBoard) -> None:
    fmap.exec("img = kpu.fmap(fm, 12)\nkpu.forward(m, bytes(len(x)))\nkpu.deinit(m)")
    assert fmap.eval("(img.width(), img.height(), img.format())") == (16, 8, 4)
    pixels = fmap.eval("[img.get_pixel(x, y) for y in range(8) for x in range(16)]")
    assert pixels == BYTES[12].ravel().tolist()


def test_channels_that_are_not_there_are_refused(fmap: RemoteBoard) -> None:
    for channel in (13, -1):
        assert last_line(fmap, f"kpu.fmap(fm, {channel})") == (
            f"ValueError: [MAIXPY]kpu: ch err,input 0~12, not {channel}"
        )


def test_floats_are_no_picture(floats: RemoteBoard) -> None:
    assert last_line(floats, "kpu.fmap(fm, 0)") == (
        "ValueError: [MAIXPY]kpu: can't convet float fmap yet: only one of typecode B"
    )


def test_fmap_free_lets_it_go_and_twice_is_harmless(fmap: RemoteBoard) -> None:
    assert fmap.eval("(kpu.fmap_free(fm), kpu.fmap_free(fm))") == (None, None)
    assert last_line(fmap, "fm[0]") == (
        "ValueError: [MAIXPY]kpu: this fmap was freed: kpu.forward() makes a new one"
    )
    assert_bytes(fmap, "kpu.forward(m, x)", BYTES)


def test_what_is_no_fmap_is_a_type_error(fmap: RemoteBoard) -> None:
    for call in ("fmap(m, 0)", "fmap_free(m)"):
        assert last_line(fmap, f"kpu.{call}") == (
            "TypeError: [MAIXPY]kpu: fmap type error: want what kpu.forward() returned,"
            " not kpu_net"
        )
