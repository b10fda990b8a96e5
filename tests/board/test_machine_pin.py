# SPDX-License-Identifier: MIT
"""machine.Pin and what moves pins: levels, modes, edges, pulses, lamps."""

from __future__ import annotations

import pytest
from microkpu.board import RemoteBoard
from microkpu.virtual import Board

from board.machine_support import A, B, edges, error, jumper

pytestmark = pytest.mark.virtual_only("drives and looks at pads")


@pytest.fixture
def pins(board: RemoteBoard) -> RemoteBoard:
    board.exec("from machine import Pin, Signal\nimport machine, time")
    return board


def test_a_pin_by_number_name_and_pin(pins: RemoteBoard, virtual: Board) -> None:
    pins.exec(f"p = Pin({A}, Pin.OUT, value=1)")
    assert virtual.fpioa.driven(A) is True
    assert pins.eval(f"(p is Pin('IO{A}'), p is Pin(p), p.value())") == (True, True, 1)
    pins.exec("p.off()")
    assert virtual.fpioa.driven(A) is False
    pins.exec("p.toggle()")
    assert virtual.fpioa.driven(A) is True
    pins.exec("p(0)")
    assert virtual.fpioa.driven(A) is False
    assert pins.exec("print(p)") == f"Pin({A}, mode=Pin.OUT)\n"
    assert error(pins, "Pin('LED_X')") == (
        "ValueError: this board has no pin 'LED_X': want IO0 to IO47 or a name such as LED_R"
    )
    assert error(pins, "Pin('IO48')").startswith("ValueError: this board has no pin 'IO48'")
    assert error(pins, "Pin(48)").startswith("ValueError: pin 48")
    assert error(pins, f"Pin({A}, 7)").startswith("ValueError: mode 7")


def test_an_led_and_a_signal(pins: RemoteBoard, virtual: Board) -> None:
    pins.exec("led = Signal(Pin('LED_R', Pin.OUT, value=1), invert=True)")
    assert not virtual.led("red")
    pins.exec("led.on()")
    assert virtual.led("red")
    pins.exec("led.off()")
    assert not virtual.led("red")


def test_pulls_and_the_outside(pins: RemoteBoard, virtual: Board) -> None:
    pins.exec(f"p = Pin({A}, Pin.IN, Pin.PULL_UP)")
    assert pins.eval("p.value()") == 1
    pins.exec("p.init(Pin.IN, Pin.PULL_DOWN)")
    assert pins.eval("p.value()") == 0
    virtual.fpioa.drive(A, True)
    assert pins.eval("p.value()") == 1
    virtual.fpioa.drive(A, None)
    assert pins.eval("p()") == 0


def test_an_open_drain_drives_low_only(pins: RemoteBoard, virtual: Board) -> None:
    pins.exec(f"p = Pin({A}, Pin.OPEN_DRAIN, value=1)")
    assert virtual.fpioa.driven(A) is None
    assert pins.eval("p.value()") == 1
    pins.exec("p(0)")
    assert virtual.fpioa.driven(A) is False
    pins.exec("p(1)")
    assert virtual.fpioa.driven(A) is None
    virtual.fpioa.drive(A, False)
    assert pins.eval("p.value()") == 0
    virtual.fpioa.drive(A, None)


def test_edges_call_a_handler(pins: RemoteBoard, virtual: Board) -> None:
    pins.exec(f"p = Pin({A}, Pin.IN, Pin.PULL_UP)\nseen = []")
    pins.exec("i = p.irq(lambda q: seen.append((q is p, i.flags())), Pin.IRQ_FALLING)")
    for _ in range(3):
        for level in (False, True):
            virtual.fpioa.drive(A, level)
            virtual.run(seconds=0.001)
    assert pins.eval("seen == [(True, Pin.IRQ_FALLING)] * 3") is True
    pins.exec("seen.clear()\ni.trigger(Pin.IRQ_RISING)")
    for level in (False, True, False):
        virtual.fpioa.drive(A, level)
        virtual.run(seconds=0.001)
    assert pins.eval("seen == [(True, Pin.IRQ_RISING)]") is True
    pins.exec("p.irq(None)")
    virtual.fpioa.drive(A, True)
    virtual.run(seconds=0.001)
    assert pins.eval("len(seen)") == 1
    assert error(pins, "p.irq(print, hard=True)").startswith("ValueError: hard=True")
    virtual.fpioa.drive(A, None)


def test_after_a_soft_reset_no_handler_is_called(pins: RemoteBoard, virtual: Board) -> None:
    pins.exec(f"Pin({A}, Pin.IN, Pin.PULL_UP).irq(print)")
    pins.soft_reset()
    virtual.fpioa.drive(A, False)
    virtual.run(seconds=0.001)
    virtual.fpioa.drive(A, None)
    assert pins.exec("print(1)") == "1\n"


def test_all_32_pins_are_used_and_then_it_says_so(pins: RemoteBoard) -> None:
    pads = [*range(14), *range(15, 48)]
    pads = [pad for pad in pads if pad not in (4, 5, 16, 26, 27, 28, 29)]
    message = error(pins, f"for k in {pads}: Pin(k, Pin.IN)")
    assert message == ("OSError: all GPIOHS pins are in use: the chip has 32 for its 48 pads")
    pins.exec("import machine\nmachine.mem32[0x38001004] = 0\nmachine.mem32[0x38001008] = 0")


def test_the_length_of_a_pulse(pins: RemoteBoard, virtual: Board) -> None:
    pins.exec(f"p = Pin({B}, Pin.IN)\nfrom machine import PWM, time_pulse_us")
    with jumper(virtual, A, B):
        pins.exec(f"w = PWM(Pin({A}), freq=500, duty_u16=65535 // 4)")
        assert pins.eval("time_pulse_us(p, 1, 10000)") == pytest.approx(500, abs=5)
        pins.exec("while p.value() == 0: pass\nlow = time_pulse_us(p, 0, 10000)")
        assert pins.eval("low") == pytest.approx(1500, abs=5)
        pins.exec("w.deinit()")
    assert pins.eval("time_pulse_us(p, 1, 100)") in (-1, -2)


def test_lamps_get_their_bits_by_the_lengths_of_pulses(pins: RemoteBoard, virtual: Board) -> None:
    colours = b"\x80\x0f\x55"
    with edges(virtual, A) as seen:
        pins.exec(f"machine.bitstream(Pin({A}, Pin.OUT), 0, (400, 850, 800, 450), {colours!r})")
    seen = seen[-48:]
    highs = [end[0] - begin[0] for begin, end in zip(seen[::2], seen[1::2], strict=True)]
    bits = "".join(str(int(length > 600e-9)) for length in highs)
    assert int(bits, 2).to_bytes(3, "big") == colours
    for length, bit in zip(highs, bits, strict=True):
        assert length == pytest.approx(800e-9 if bit == "1" else 400e-9, abs=150e-9)
    periods = [second[0] - first[0] for first, second in zip(seen[::2], seen[2::2], strict=False)]
    assert all(1.1e-6 < period < 1.4e-6 for period in periods)
