# SPDX-License-Identifier: MIT
"""machine.UART, I2C and SPI, and the soft ones: against loops, an EEPROM and a flash chip."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from microkpu.board import RemoteBoard
from microkpu.virtual import Board
from microkpu.virtual.chips.eeprom import Eeprom

from board.machine_support import A, B, C, D, error, jumper, nor_on_pads

pytestmark = pytest.mark.virtual_only("puts chips and jumpers on pads")


@pytest.fixture
def serial(board: RemoteBoard) -> RemoteBoard:
    board.exec("from machine import I2C, Pin, SPI, SoftI2C, SoftSPI, UART\nimport time")
    return board


# UART


@pytest.mark.parametrize("baud", [9600, 115200, 921600, 2000000])
def test_a_loop_at_four_rates(serial: RemoteBoard, virtual: Board, baud: int) -> None:
    with jumper(virtual, A, B):
        serial.exec(
            f"u = UART(1, {baud}, tx={A}, rx={B}, rxbuf=1000, timeout=1000)\n"
            "data = bytes(range(256)) * 2\nn = u.write(data)\ngot = u.read(512)\nu.flush()"
        )
        assert serial.eval("(n, got == data, u.any(), u.txdone())") == (512, True, 0, True)
        assert virtual.uart[1].baud == pytest.approx(baud, rel=6e-3)
        assert serial.eval("u.read(1)") is None


def test_two_ports_with_another_frame(serial: RemoteBoard, virtual: Board) -> None:
    with jumper(virtual, A, B):
        serial.exec(
            f"a = UART(2, 38400, 7, 0, 2, tx={A})\nb = UART(3, 38400, 7, 0, 2, rx={B})\n"
            "a.write('hello\\nworld')\ntime.sleep_ms(20)"
        )
        assert serial.eval("b.any()") == 11
        assert serial.eval("(b.readline(), b.read(), b.readchar())") == (b"hello\n", b"world", -1)
        assert serial.exec("print(b)").startswith(
            "UART(3, baudrate=38400, bits=7, parity=0, stop=2"
        )


def test_a_port_by_maixpys_arguments(serial: RemoteBoard, virtual: Board) -> None:
    serial.exec(
        "from fpioa_manager import fm\n"
        f"fm.register({A}, fm.fpioa.UART1_TX)\nfm.register({B}, fm.fpioa.UART1_RX)\n"
        "u = UART(UART.UART1, 115200, 8, 0, 0, timeout=100, read_buf_len=4096)"
    )
    assert serial.exec("print(u)") == (
        "UART(1, baudrate=115200, bits=8, parity=None, stop=1, rxbuf=4096, timeout=100,"
        " timeout_char=1)\n"
    )
    with jumper(virtual, A, B):
        serial.exec("u.write(b'\\x00\\xff' * 1500)\ntime.sleep_ms(300)")
        assert serial.eval("(u.any(), u.read() == b'\\x00\\xff' * 1500)") == (3000, True)


def test_a_ring_that_is_full_loses_the_newest(serial: RemoteBoard, virtual: Board) -> None:
    with jumper(virtual, A, B):
        serial.exec(
            f"u = UART(1, 115200, tx={A}, rx={B}, rxbuf=20)\n"
            "u.write(bytes(range(50)))\ntime.sleep_ms(20)"
        )
        assert serial.eval("u.read()") == bytes(range(20))


def test_a_handler_of_what_comes(serial: RemoteBoard, virtual: Board) -> None:
    with jumper(virtual, A, B):
        serial.exec(
            f"u = UART(1, 115200, tx={A}, rx={B})\nseen = []\n"
            "i = u.irq(lambda p: seen.append((p is u, i.flags(), u.read())), UART.IRQ_RXIDLE)\n"
            "u.write('one')\ntime.sleep_ms(5)\nu.write('two')\ntime.sleep_ms(5)"
        )
        wanted = [(True, serial.eval("i.flags()"), text) for text in (b"one", b"two")]
        assert serial.eval("seen") == wanted
        assert serial.eval("i.flags() & UART.IRQ_RXIDLE != 0") is True


def test_an_asyncio_stream(serial: RemoteBoard, virtual: Board) -> None:
    with jumper(virtual, A, B):
        serial.exec(
            f"import asyncio\nu = UART(1, 115200, tx={A}, rx={B})\n"
            "async def talk():\n"
            " s = asyncio.StreamReader(u)\n w = asyncio.StreamWriter(u, {})\n"
            " w.write(b'line\\n')\n await w.drain()\n return await s.readline()\n"
            "got = asyncio.run(talk())"
        )
        assert serial.eval("got") == b"line\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("0", "UART 0"), ("4", "UART 4"), ("1, 0, 9", "115200 baud of 9 bits"),
        ("1, 100", "100 baud"), ("1, 9600, 8, 5", "parity 5"), ("1, 9600, 8, None, 3", "stop 3"),
        ("1, rxbuf=40000", "rxbuf 40000"),
    ],
)  # fmt: skip
def test_what_a_port_is_not(serial: RemoteBoard, arguments: str, complaint: str) -> None:
    assert error(serial, f"UART({arguments})").startswith(f"ValueError: {complaint}")


# I2C


@pytest.fixture
def eeprom(virtual: Board) -> Iterator[Eeprom]:
    chip = Eeprom(lambda: virtual.seconds)
    virtual.i2c_lines.attach(C, D, chip)
    yield chip
    virtual.i2c_lines._devices[(C, D)].remove(chip)


@pytest.mark.parametrize(
    "made",
    [
        f"I2C(0, scl={C}, sda=Pin({D}), freq=100000)",
        f"I2C(I2C.I2C1, freq=400000, scl={C}, sda={D})",
        f"I2C(I2C.I2C2, mode=I2C.MODE_MASTER, freq=1000000, scl={C}, sda={D}, addr_size=7)",
    ],
)
def test_an_eeprom(serial: RemoteBoard, eeprom: Eeprom, made: str) -> None:
    serial.exec(f"i = {made}")
    assert serial.eval("i.scan()") == [0x50]
    serial.exec("i.writeto_mem(0x50, 16, b'microkpu')\ntime.sleep_ms(6)")
    assert bytes(eeprom.data[16:24]) == b"microkpu"
    assert serial.eval("i.readfrom_mem(0x50, 16, 8)") == b"microkpu"
    assert serial.eval("i.writeto(0x50, b'\\x12')") == 1
    assert serial.eval("i.readfrom(0x50, 6)") == b"crokpu"
    serial.exec("b = bytearray(30)\ni.readfrom_mem_into(0x50, 0, b)")
    assert serial.eval("bytes(b)") == bytes(eeprom.data[:30])
    assert serial.eval("i.writevto(0x50, (b'\\x20', b'ab', b'c'))") == 4
    serial.exec("time.sleep_ms(6)")
    assert bytes(eeprom.data[32:35]) == b"abc"


def test_nobody_and_no_stop(serial: RemoteBoard, eeprom: Eeprom) -> None:
    serial.exec(f"i = I2C(0, scl={C}, sda={D})")
    assert error(serial, "i.readfrom(0x51, 1)") == "OSError: [Errno 19] ENODEV"
    assert error(serial, "i.writeto(0x50, b'1', False)").startswith("ValueError: stop=False")
    assert error(serial, "I2C(3)").startswith("ValueError: I2C 3")
    assert error(serial, "i.init(freq=2000000)").startswith("ValueError: freq 2000000")


# SPI


def flash_chip(serial: RemoteBoard, chip_data: memoryview, write: str, read: str) -> None:
    """Programs and reads a flash chip by its commands; `write` and `read` send and receive."""
    serial.exec(f"{write}\n{read}")
    assert serial.eval("exchange(b'\\x9f', 3)")[:1] == b"\xef"
    serial.exec(
        "send(b'\\x06')\nsend(b'\\x02\\x00\\x10\\x00' + bytes(range(200)))\ntime.sleep_ms(5)"
    )
    assert bytes(chip_data[0x1000:0x10C8]) == bytes(range(200))
    assert serial.eval("exchange(b'\\x03\\x00\\x10\\x00', 200)") == bytes(range(200))


def test_a_flash_chip_by_upstreams_arguments(serial: RemoteBoard, virtual: Board) -> None:
    with nor_on_pads(virtual, A, B, C, D) as chip:
        serial.exec(f"s = SPI(1, 10_000_000, sck={A}, mosi={B}, miso={C})\ncs = Pin({D}, Pin.OUT)")
        flash_chip(
            serial,
            chip.data,
            "cs(1)\ndef send(data):\n cs(0)\n s.write(data)\n cs(1)",
            "def exchange(data, n):\n cs(0)\n s.write(data)\n b = s.read(n)\n cs(1)\n return b",
        )


def test_a_flash_chip_by_maixpys_arguments(serial: RemoteBoard, virtual: Board) -> None:
    with nor_on_pads(virtual, A, B, C, D) as chip:
        serial.exec(
            "s = SPI(SPI.SPI1, mode=SPI.MODE_MASTER, baudrate=1000000, polarity=0, phase=0,"
            f" bits=8, firstbit=SPI.MSB, sck={A}, mosi={B}, miso={C}, cs0={D})"
        )
        flash_chip(
            serial,
            chip.data,
            "def send(data): s.write(data, cs=SPI.CS0)",
            "def exchange(data, n):\n b = bytearray(data + bytes(n))\n"
            " s.write_readinto(b, b, cs=SPI.CS0)\n return bytes(b[len(data):])",
        )
        assert error(serial, "s.write(b'1', cs=SPI.CS1)").startswith("ValueError: cs=1 has no pin")


def test_the_master_and_the_card_share_a_bus(serial: RemoteBoard, virtual: Board) -> None:
    with nor_on_pads(virtual, A, B, C, D) as chip:
        before = [virtual.fpioa.function_of(pad) for pad in (26, 27, 28)]
        chip.data[0x2000:0x2004] = b"kpu!"
        serial.exec(
            f"s = SPI(1, 1000000, sck={A}, mosi={B}, miso={C}, cs0={D})\n"
            "b = bytearray(b'\\x03\\x00\\x20\\x00' + bytes(4))\ns.write_readinto(b, b)"
        )
        assert serial.eval("bytes(b[4:])") == b"kpu!"
        if before == [71, 83, 70]:
            assert [virtual.fpioa.function_of(pad) for pad in (26, 27, 28)] == before


def test_soft_spi_over_a_wire(serial: RemoteBoard, virtual: Board) -> None:
    with jumper(virtual, B, C):
        serial.exec(
            f"s = SoftSPI(baudrate=500000, polarity=1, phase=1, sck={A}, mosi={B}, miso={C})"
        )
        serial.exec("b = bytearray(5)\ns.write_readinto(b'\\x01\\x80\\xa5kp', b)")
        assert serial.eval("bytes(b)") == b"\x01\x80\xa5kp"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [("2", "SPI 2"), ("1, bits=16", "want bits=8"), ("1, 0, sck=20", "baudrate 0"),
     ("0", "SPI0 is on no pins"), ("1, polarity=2, sck=20", "baudrate -1, polarity 2")],
)  # fmt: skip
def test_what_a_bus_is_not(serial: RemoteBoard, arguments: str, complaint: str) -> None:
    assert error(serial, f"SPI({arguments})").startswith(f"ValueError: {complaint}")
