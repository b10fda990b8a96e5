# SPDX-License-Identifier: MIT
"""Sensors and lamps on one wire, modelled at the other end by their data sheets."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from microkpu.board import RemoteBoard
from microkpu.virtual import Board

from .machine_support import A, edges, error
from .wire_devices import Dht, OneWire, Thermometer, Wire, crc8

pytestmark = pytest.mark.virtual_only("has chips on the pins that only a model can be")
Attach = Callable[[Wire], Wire]


@pytest.fixture
def attach() -> Iterator[Attach]:
    wires: list[Wire] = []

    def put(wire: Wire) -> Wire:
        wires.append(wire)
        return wire

    yield put
    for wire in wires:
        wire.remove()


def checked(data: bytes) -> bytes:
    return data + bytes([sum(data) & 0xFF])


# DHT11 and DHT22.


@pytest.fixture
def dht(board: RemoteBoard, virtual: Board, attach: Attach) -> Dht:
    wire = Dht(virtual, A)
    attach(wire)
    board.exec(f"import dht\nfrom machine import Pin\np = Pin({A})")
    return wire


@pytest.mark.parametrize(("humidity", "degrees"), [(41, 23), (95, 0), (20, 50)])
def test_a_dht11(board: RemoteBoard, dht: Dht, humidity: int, degrees: int) -> None:
    dht.data = checked(bytes([humidity, 0, degrees, 0]))
    board.exec("d = dht.DHT11(p)\nd.measure()")
    assert board.eval("(d.humidity(), d.temperature())") == (humidity, degrees)


@pytest.mark.parametrize(("humidity", "degrees"), [(65.2, 35.1), (99.9, -10.1), (0.0, -0.1)])
def test_a_dht22(board: RemoteBoard, dht: Dht, humidity: float, degrees: float) -> None:
    size = round(abs(degrees) * 10) | (0x8000 if degrees < 0 else 0)
    dht.data = checked(round(humidity * 10).to_bytes(2, "big") + size.to_bytes(2, "big"))
    board.exec("d = dht.DHT22(p)\nfor i in range(2): d.measure()")
    assert board.eval("(d.humidity(), d.temperature())") == pytest.approx((humidity, degrees))


def test_a_dht_that_errs_or_is_not_there(board: RemoteBoard, dht: Dht) -> None:
    dht.data = bytes([1, 2, 3, 4, 5])
    board.exec("d = dht.DHT11(p)")
    assert error(board, "d.measure()").endswith("what the sensor sent has a wrong checksum")
    dht.answers = False
    assert error(board, "d.measure()").endswith("ETIMEDOUT")


# OneWire and its thermometers.


@pytest.fixture
def thermometers(
    board: RemoteBoard, virtual: Board, attach: Attach
) -> tuple[Thermometer, Thermometer, Thermometer]:
    """Two DS18B20 whose numbers differ late, and something else of another family."""
    first = Thermometer(virtual, b"\x11\x22\x33\x44\x55\x66", 21.5)
    second = Thermometer(virtual, b"\x11\x22\x33\x44\x55\xe6", -10.125)
    other = Thermometer(virtual, b"\x01\x02\x03\x04\x05\x06", 0, family=0x01)
    attach(OneWire(virtual, A, first, second, other))
    board.exec(
        "import onewire, ds18x20, time\nfrom machine import Pin\n"
        f"ow = onewire.OneWire(Pin({A}))\nds = ds18x20.DS18X20(ow)"
    )
    return first, second, other


def test_the_search_finds_everybody(
    board: RemoteBoard, thermometers: tuple[Thermometer, ...]
) -> None:
    assert board.eval("ow.reset()") is True
    assert set(board.eval("ow.scan()")) == {each.rom for each in thermometers}
    assert set(board.eval("ds.scan()")) == {each.rom for each in thermometers[:2]}


def test_thermometers_measure(
    board: RemoteBoard, thermometers: tuple[Thermometer, Thermometer, Thermometer]
) -> None:
    first, second, _ = thermometers
    board.exec(f"roms = {[first.rom, second.rom]}\nds.convert_temp()\ntime.sleep_ms(700)")
    assert board.eval("[ds.read_temp(r) for r in roms]") == [85.0, 85.0]
    board.exec("time.sleep_ms(60)")
    assert board.eval("[ds.read_temp(r) for r in roms]") == [21.5, -10.125]
    board.exec("ds.write_scratch(roms[1], b'\\x01\\x02\\x3f')")
    assert (first.settings, second.settings) == (b"\x4b\x46\x7f", b"\x01\x02\x3f")


def test_nobody_on_the_wire_and_a_wrong_checksum(
    board: RemoteBoard, virtual: Board, attach: Attach
) -> None:
    attach(OneWire(virtual, A))
    board.exec(
        "import onewire, ds18x20\nfrom machine import Pin\n"
        f"ow = onewire.OneWire(Pin({A}))\nds = ds18x20.DS18X20(ow)"
    )
    assert board.eval("(ow.reset(), ow.scan())") == (False, [])
    assert f"OneWireError: nobody answers on Pin({A}, " in error(board, "ds.convert_temp()")
    data = bytes(range(200, 208))
    assert board.eval(f"ow.crc8({data!r})") == crc8(data)


# NeoPixel.


@pytest.mark.parametrize("colours", [3, 4])
def test_a_strip_of_lamps(board: RemoteBoard, virtual: Board, colours: int) -> None:
    """Decoded as a WS2812 does: a bit is how long the pad is high, a pause of 50 us shows it."""
    lamps = [(255, 0, 1, 7), (16, 32, 64, 128), (1, 2, 3, 4), (170, 85, 0, 255)]
    board.exec(
        "import neopixel\nfrom machine import Pin\n"
        f"n = neopixel.NeoPixel(Pin({A}, Pin.OUT), 4, bpp={colours})"
    )
    for place, lamp in enumerate(lamps):
        board.exec(f"n[{place}] = {lamp[:colours]}")
    with edges(virtual, A) as seen:
        board.exec("n.write()")
    seen = seen[-2 * 8 * colours * len(lamps) :]
    highs = [down[0] - up[0] for up, down in zip(seen[::2], seen[1::2], strict=True)]
    number = int("".join(str(int(length > 600e-9)) for length in highs), 2)
    data = number.to_bytes(colours * len(lamps), "big")
    # The wire has green first, then red, blue and white.
    got = [data[i : i + colours] for i in range(0, len(data), colours)]
    assert got == [bytes([lamp[1], lamp[0], *lamp[2:colours]]) for lamp in lamps]
