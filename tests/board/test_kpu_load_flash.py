# SPDX-License-Identifier: MIT
"""load_flash(): MaixPy's arguments, either order of bytes; test_kpu_stream.py has the rest."""

from __future__ import annotations

import pytest
from microkpu.board import RemoteBoard, ScriptError

from .kpu_support import (
    MODEL,
    FlashImage,
    assert_bytes,
    give,
    golden,
    patched,
    reversed_words,
    vector,
)

TINY = golden("tiny_selfmade/tiny3.kmodel")
FORMAT = (
    "ValueError: [MAIXPY]kpu: load_flash arg format error:"
    " task=kpu.load_flash(flash_addr, is_dual_buf, batch_size, spi_speed)"
)


def error(board: RemoteBoard, code: str) -> str:
    """The last line of the traceback that the code ends with."""
    with pytest.raises(ScriptError) as caught:
        board.exec(code)
    return caught.value.last_line


@pytest.mark.parametrize("data", [TINY, reversed_words(TINY)], ids=["plain", "reversed"])
def test_a_model_loads_in_either_order_of_bytes(
    board: RemoteBoard, flash_image: FlashImage, data: bytes
) -> None:
    flash_image(MODEL, data)
    give(board, flash_image, "x", vector("tiny_selfmade/input.npy").tobytes())
    board.exec("import KPU as kpu")
    for arguments in ("0, 0, 80000000", "1, 0x8000, 80000000"):
        assert board.exec(f"m = kpu.load_flash({MODEL}, {arguments})") == ""
        assert_bytes(board, "kpu.forward(m, x)", vector("tiny_selfmade/tiny3_out.npy"))
        assert board.eval("m.model_addr()") == MODEL


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "0x300000",
        "0x300000, 1, 0x8000",
        "0x300000, 1, 0x8000, 8.0",
        "'m', 1, 2, 3",
        "1,2,3,4,5",
    ],
)
def test_other_arguments_than_four_ints_are_refused(board: RemoteBoard, arguments: str) -> None:
    assert error(board, f"import KPU as kpu\nkpu.load_flash({arguments})") == FORMAT


@pytest.mark.parametrize("address", [0, -5])
def test_an_address_that_is_not_positive_is_refused(board: RemoteBoard, address: int) -> None:
    said = error(board, f"import KPU as kpu\nkpu.load_flash({address}, 0, 0, 80000000)")
    assert said.startswith(f"ValueError: [MAIXPY]kpu: model_addr must > 0 , not {address}: ")


def test_a_model_whose_fields_go_beyond_the_flash_is_refused(
    board: RemoteBoard, flash_image: FlashImage
) -> None:
    flash_image(MODEL, reversed_words(patched(TINY, 7 + 2 + 1, 7 << 20)))
    said = error(board, f"import KPU as kpu\nkpu.load_flash({MODEL}, 1, 0x8000, 80000000)")
    assert said.startswith("ValueError: "), said
