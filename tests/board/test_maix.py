# SPDX-License-Identifier: MIT
"""Pads, pins and clocks by MaixPy's names: Maix, fpioa_manager, board, time.clock."""

from __future__ import annotations

import pytest
from microkpu.board import RemoteBoard, ScriptError
from microkpu.virtual import Board

LED, FREE = 14, 23


def error(board: RemoteBoard, code: str) -> str:
    with pytest.raises(ScriptError) as caught:
        board.exec(code)
    return caught.value.last_line


@pytest.fixture
def fm(board: RemoteBoard) -> RemoteBoard:
    board.exec("from Maix import GPIO\nfrom fpioa_manager import *")
    return board


@pytest.mark.virtual_only("drives and looks at pads")
@pytest.mark.parametrize("pin", ["GPIOHS5", "GPIO3"])
def test_an_led_of_the_board(fm: RemoteBoard, virtual: Board, pin: str) -> None:
    fm.exec(f"fm.register(board_info.LED_R, fm.fpioa.{pin})")
    fm.exec(f"led = GPIO(GPIO.{pin}, GPIO.OUT, value=1)")
    assert not virtual.led("red")
    fm.exec("led.value(0)")
    assert virtual.led("red") and not virtual.led("green")
    assert fm.eval("led.value()") == 0
    fm.exec("led(1)")
    assert not virtual.led("red")
    assert fm.exec("print(led)") == f"GPIO(GPIO.{pin})\n"


@pytest.mark.virtual_only("drives and looks at pads")
@pytest.mark.parametrize("pin", ["GPIOHS0", "GPIO7"])
def test_a_key_with_a_pull_as_its_mode(fm: RemoteBoard, virtual: Board, pin: str) -> None:
    fm.exec(f"fm.register(board_info.BOOT_KEY, fm.fpioa.{pin})")
    fm.exec(f"key = GPIO(GPIO.{pin}, GPIO.PULL_UP)")
    assert fm.eval("key.value()") == 1
    virtual.press("boot")
    assert fm.eval("key.value()") == 0
    virtual.release("boot")
    assert fm.eval("key()") == 1


@pytest.mark.virtual_only("drives and looks at pads")
def test_edges_call_the_handler_with_the_pin(fm: RemoteBoard, virtual: Board) -> None:
    fm.exec("fm.register(16, fm.fpioa.GPIOHS0)\nkey = GPIO(GPIO.GPIOHS0, GPIO.IN, GPIO.PULL_UP)")
    fm.exec("seen = []\nkey.irq(lambda pin: seen.append(pin is key), GPIO.IRQ_FALLING)")
    for _ in range(3):
        virtual.press("boot")
        virtual.run(seconds=0.001)
        virtual.release("boot")
        virtual.run(seconds=0.001)
    assert fm.eval("seen") == [True] * 3
    fm.exec("key.disirq()")
    virtual.press("boot")
    virtual.run(seconds=0.001)
    virtual.release("boot")
    assert fm.eval("len(seen)") == 3


@pytest.mark.virtual_only("drives and looks at pads")
def test_after_a_soft_reset_no_handler_is_called(fm: RemoteBoard, virtual: Board) -> None:
    fm.exec("fm.register(16, fm.fpioa.GPIOHS0)\nGPIO(GPIO.GPIOHS0, GPIO.PULL_UP).irq(print)")
    fm.soft_reset()
    virtual.press("boot")
    virtual.run(seconds=0.001)
    virtual.release("boot")
    assert fm.exec("print(1)") == "1\n"


def test_a_pin_on_no_pad(fm: RemoteBoard) -> None:
    fm.exec("p = fm.get_pin_by_function(fm.fpioa.GPIOHS31)\nif p is not None: fm.unregister(p)")
    assert error(fm, "GPIO(GPIO.GPIOHS31, GPIO.OUT)") == (
        "ValueError: GPIOHS31 is on no pad: fm.register(pin, fm.fpioa.GPIOHS31) first"
    )
    assert error(fm, "GPIO(40)").startswith("ValueError: pin 40")
    assert error(fm, "GPIO(GPIO.GPIO0).irq(print)").startswith("ValueError: irq of pin 32")


def test_the_manager_knows_who_has_what(fm: RemoteBoard) -> None:
    fm.exec(f"fm.register({FREE}, fm.fpioa.GPIOHS9)")
    assert fm.eval("fm.get_pin_by_function(fm.fpioa.GPIOHS9)") == FREE
    assert fm.eval("fm.str_function(fm.fpioa.UART1_TX)") == "UART1_TX"
    assert ("GPIOHS9", FREE) in fm.eval("fm.get_gpio_used()")
    assert fm.exec("fm.register(24, fm.fpioa.GPIOHS9)").startswith(
        f"[Warning] function is used by GPIOHS9(pin:{FREE})"
    )
    message = error(fm, f"fm.register({FREE}, fm.fpioa.GPIOHS9, force=False)")
    assert message == "Exception: GPIOHS9 is on pin 24: force=True moves it"
    fm.exec("fm.unregister(24)")
    assert fm.eval("fm.get_pin_by_function(fm.fpioa.GPIOHS9)") is None
    assert error(fm, "fm.fpioa.set_function(48, 1)").startswith("ValueError: pin 48")


def test_board_info_comes_from_the_configuration(board: RemoteBoard) -> None:
    board.put("/flash/config.json", b'{"board_info": {"LED_R": 7, "WIFI_TX": 6}}')
    board.soft_reset()
    board.exec("from board import board_info\nfrom Maix import config")
    assert board.eval("(board_info.LED_R, board_info.WIFI_TX, board_info.BOOT_KEY)") == (7, 6, 16)
    assert board.eval("config.get_value('type', 'none')") == "none"
    board.exec("board_info.load({'LED_R': 1})")
    assert board.eval("board_info.LED_R") == 1


def test_utils_and_freq(board: RemoteBoard) -> None:
    board.exec("from Maix import utils, freq\nimport k210")
    assert board.eval("utils.heap_free() == k210.pool()['free']") is True
    assert board.eval("utils.gc_heap_size()") > 100_000
    assert board.eval("utils.flash_read(4090, 10)") == board.eval(
        "utils.flash_read(4080, 30)[10:20]"
    )
    assert board.eval("freq.get()") == (390, board.eval("freq.get_kpu()"))
    assert board.exec("freq.set(cpu=390)") == "No change\n"
    assert error(board, "freq.set(cpu=501)").startswith("OSError: Unsupported CPU frequency!")
    assert error(board, "freq.set(cpu=400, pll1=300)").startswith("OSError: Unsupported KPU freq")


def test_the_clock_counts_frames(board: RemoteBoard) -> None:
    board.exec("import time\nc = time.clock()")
    board.exec("for k in range(4):\n c.tick()\n time.sleep_ms(20)\n f = c.fps()")
    assert 45 < board.eval("f") <= 50
    board.exec("c.reset()\nc.tick()\ntime.sleep_ms(5)")
    assert 5 <= board.eval("c.avg()") < 400
