# SPDX-License-Identifier: MIT
"""The virtual Maix board: core, blocks and chips put together, and what a host can do with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from microkpu.errors import UsageError
from microkpu.virtual import _core, boot_rom
from microkpu.virtual.camera import SENSORS, Camera, check_sensors
from microkpu.virtual.card_slot import CardSlot
from microkpu.virtual.chips.nor import QE, Nor
from microkpu.virtual.chips.pictures import Pictures
from microkpu.virtual.chips.pmu import Pmu
from microkpu.virtual.chips.touch import Touch
from microkpu.virtual.display import Display
from microkpu.virtual.dmac import Dmac
from microkpu.virtual.dvp import Dvp
from microkpu.virtual.events import Events
from microkpu.virtual.faults import Faults
from microkpu.virtual.fpioa import UARTHS_RX, Fpioa
from microkpu.virtual.gpio import Gpio
from microkpu.virtual.gpiohs import Gpiohs
from microkpu.virtual.guard import Guard
from microkpu.virtual.i2c import I2c
from microkpu.virtual.i2c_lines import I2cLines
from microkpu.virtual.i2s import I2s
from microkpu.virtual.inside import POWER_ON_BYTES, Inside
from microkpu.virtual.isp import Isp
from microkpu.virtual.kpu import Kpu
from microkpu.virtual.memory_map import ABSENT, MODELLED
from microkpu.virtual.outside import Outside
from microkpu.virtual.plic import Plic
from microkpu.virtual.registers import Block, DmaPort
from microkpu.virtual.rom_calls import RomCalls
from microkpu.virtual.rtc import Rtc
from microkpu.virtual.running import Running
from microkpu.virtual.spi import Spi
from microkpu.virtual.spi_lines import Socket
from microkpu.virtual.sysctl import PIN_RESET, SOFT_RESET, Sysctl
from microkpu.virtual.timers import Timers
from microkpu.virtual.trace import Tracer
from microkpu.virtual.uart import Uart
from microkpu.virtual.uarths import Uarths
from microkpu.virtual.wdt import Wdt
from microkpu.virtual.windows import state_hash
from microkpu.virtual.wire import Lines
from microkpu.virtual.wiring import BOOT_PAD, CONSOLE_PADS, WIRINGS, Wiring, wiring_of
from microkpu.virtual.xip import FlashSpi

FLASH_CHIP_SELECT = 0
# So long after a reset a programmer's other line may still ask for the ROM's programming mode:
# over a network the two move some 50 ms apart.
STRAP_SECONDS = 0.08
BlockT = TypeVar("BlockT", bound=Block)


class Board(Inside, Outside, Running):
    """A Maix board that runs a firmware image on virtual time.

    `firmware` is a raw .bin, put into flash with its header; `images` are (flash address,
    content). `flash` is a file that keeps the flash's 16 MiB. `strict` refuses what silicon may
    forgive. `wiring` says what hangs on which pad: a board's name, or a Wiring.
    `camera` puts a sensor into the camera socket that sees a picture, or those of a folder in
    turn, one per frame that is taken; `sensors` are other ones than the board comes with. `sd` is
    the card in the slot: an image file, or a folder that becomes a FAT32 volume; with `sd_keep` it
    holds what the firmware wrote, once the board is closed. `waits_in_isp`: with nothing to boot
    in flash the ROM waits for a programmer, as on silicon; else that is a BootError. `cache` puts
    a data cache between each hart and memory, so that what devices do not see of it shows.
    """

    def __init__(
        self,
        firmware: Path | bytes | None = None,
        images: Sequence[tuple[int, Path | bytes]] = (),
        flash: Path | None = None,
        strict: bool = True,
        wiring: str | Wiring = "maix_dock",
        camera: Path | Pictures | None = None,
        sensors: Sequence[str] = (),
        sd: Path | None = None,
        sd_keep: bool = False,
        waits_in_isp: bool = False,
        cache: bool = False,
    ) -> None:
        self.wiring = wiring_of(wiring) if isinstance(wiring, str) else wiring
        check_parts(camera, sensors, sd, sd_keep)
        self.strict = strict
        self.waits_in_isp = waits_in_isp
        self.warnings: Counter[str] = Counter()
        self.machine = _core.Machine()
        self.machine.set_strict(strict)
        self.machine.set_cache(cache)
        self.events = Events(self.machine)
        self.guard = Guard(self)
        self.faults = Faults(self)
        self.idle = False
        self.stopped_hart: int | None = None
        """The hart at whose breakpoint or watched access the last run ended."""
        self.resets = 0
        self._base = (0, 0.0)  # cycle and second at which the CPU's rate last changed
        self._cpu_hz = 0
        self._ready = False
        self._reset_cause = 0  # of a reset that is due
        self._output = bytearray()
        self._stream = bytearray()  # output not yet searched for `until`
        self._uart_sinks: list[Callable[[bytes], None]] = []
        self.tracer = Tracer(self)
        self._pad_sinks: list[Callable[[float, int, bool], None]] = []
        self.blocks: dict[str, Block] = {
            name: kind(self, name, base) for name, (kind, base) in (MODELLED | ABSENT).items()
        }
        self.pad_blocks: dict[int, Block] = {
            function: block for block in self.blocks.values() for function in block.functions()
        }
        """The block of each pad function."""
        self._dma_ports: dict[int, tuple[Block, DmaPort]] = {
            request: (block, port)
            for block in self.blocks.values()
            for request, port in block.dma_ports().items()
        }
        self.plic: Plic = self._block("plic", Plic)
        self.sysctl: Sysctl = self._block("sysctl", Sysctl)
        self.fpioa: Fpioa = self._block("fpioa", Fpioa)
        self.uarths: Uarths = self._block("uarths", Uarths)
        self.gpiohs: Gpiohs = self._block("gpiohs", Gpiohs)
        self.gpio: Gpio = self._block("gpio", Gpio)
        self.dmac: Dmac = self._block("dmac", Dmac)
        self.kpu: Kpu = self._block("kpu", Kpu)
        self.spi: dict[int, Spi] = {index: self._block(f"spi{index}", Spi) for index in (0, 1, 3)}
        self.flash_spi: FlashSpi = self._block("spi3", FlashSpi)
        self.uart: dict[int, Uart] = {
            index: self._block(f"uart{index}", Uart) for index in (1, 2, 3)
        }
        self.timer: list[Timers] = [self._block(f"timer{index}", Timers) for index in range(3)]
        self.wdt: list[Wdt] = [self._block(f"wdt{index}", Wdt) for index in range(2)]
        self.rtc: Rtc = self._block("rtc", Rtc)
        self.dvp: Dvp = self._block("dvp", Dvp)
        self.i2s: dict[int, I2s] = {index: self._block(f"i2s{index}", I2s) for index in range(3)}
        self.i2c: dict[int, I2c] = {index: self._block(f"i2c{index}", I2c) for index in range(3)}
        self.sockets: list[Socket] = []
        """What an SPI master may reach through pads."""
        wirings = [self.wiring] if strict else [self.wiring, *WIRINGS.values()]
        self.i2c_lines = I2cLines(self)
        """The wires of I2C: attach() hangs another device on two pads."""
        self.pmu = Pmu()
        self.touch = Touch(self._touched)
        for pair in dict.fromkeys(pair for wiring in wirings for pair in wiring.i2c):
            if "pmu" in pair.devices:
                self.i2c_lines.attach(pair.scl, pair.sda, self.pmu)
            if "touch" in pair.devices:
                self.i2c_lines.attach(pair.scl, pair.sda, self.touch)
        self.lcd = Display(self, [wiring.lcd for wiring in wirings])
        self.sockets.append(self.lcd)
        self.card_slot: CardSlot | None = None
        if sd is not None:
            pads = list(dict.fromkeys(wiring.sd for wiring in wirings))
            self.card_slot = CardSlot(self, sd, pads, sd_keep)
            self.sockets.append(self.card_slot)
        self.lines = Lines(
            self,
            {UARTHS_RX: self.uarths} | {uart.rx_function: uart for uart in self.uart.values()},
        )
        self.wire, self.jumper = self.lines.wire, self.lines.jumper
        self.console = self.wire(*CONSOLE_PADS, self.uart_byte)
        """The line that send() and take_output() use."""
        self.isp = Isp(self)
        self._rom_calls = RomCalls(self)
        self._held = False  # the reset line is low
        self._released = -STRAP_SECONDS  # when it last rose
        for pad in {BOOT_PAD, *self.wiring.buttons.values()}:
            self.fpioa.pull(pad, True)
        self.camera: Camera | None = None
        if camera is not None:
            pictures = Pictures(camera) if isinstance(camera, Path) else camera
            own = sensors or self.wiring.sensors
            self.camera = Camera(self, pictures, sensors or self._sensors(), own)
        self.flash = Nor(lambda: self.seconds, flash, lambda: self.faults.met("flash"))
        if not strict:
            self.flash.status[1] |= QE  # as an ISP stub once left it; programs rely on that
        self.spi[3].chips[FLASH_CHIP_SELECT] = self.flash
        if firmware is not None:
            self.write_flash(0, boot_rom.pack(_content(firmware)))
        for address, image in images:
            self.write_flash(address, _content(image))
        self._ready = True
        self.reset()

    def _block(self, name: str, kind: type[BlockT]) -> BlockT:
        block = self.blocks[name]
        assert isinstance(block, kind)
        return block

    def __enter__(self) -> Board:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Keeps the flash's content in its file, if it has one, and the card's where asked to."""
        try:
            self.flash.save()
        finally:
            if self.card_slot is not None:
                self.card_slot.close()

    def write_flash(self, address: int, content: bytes) -> None:
        """Puts bytes into flash as a programmer would: no erase needed, no time taken."""
        end = address + len(content)
        if not 0 <= address <= end <= len(self.flash.data):
            raise boot_rom.BootError(
                f"{len(content)} bytes at flash address {address:#x} go beyond its "
                f"{len(self.flash.data)} bytes"
            )
        if self.flash.data[address:end] != content:
            self.flash.data[address:end] = content
            self.flash.dirty = True

    # Reset and time.

    def reset(self, power: bool = True) -> None:
        """Power-on (or, for False, warm) reset, then the boot ROM loads the image from flash."""
        cause = PIN_RESET if power else self._reset_cause or SOFT_RESET
        self.events.clear()
        self.resets += 1
        self._reset_cause = 0
        self.idle = False
        if power:
            self.machine.ram[:] = POWER_ON_BYTES * (len(self.machine.ram) // 4)
            self.flash.power_on()
            if self.camera is not None:
                self.camera.power_on()
            if self.card_slot is not None:
                self.card_slot.card.power_on()
        self.sysctl.note_cause(cause)
        # Pads let go before the blocks behind them change, so that nothing outside sees that.
        self.fpioa.release()
        for block in self.blocks.values():
            if block is not self.fpioa:
                block.reset()
        self.fpioa.reset()
        self.lines.reset()
        boot_rom.start(self)
        self.lines.pump()

    def start_program(self, entry: int) -> None:
        """The ROM jumps to a program that was put into SRAM."""
        boot_rom.run(self, entry)

    # Lines that a programmer holds.

    def set_reset(self, low: bool) -> None:
        """The reset line: while it is low nothing runs; when it rises the ROM starts."""
        if low:
            self._held = True
            self.machine.stop()
        elif self._held:
            self._held = False
            self._released = self.seconds
            self._restart()

    def set_boot_pin(self, low: bool) -> None:
        """The line on pad 16, which the ROM looks at when reset has risen.

        The host's two lines move one after the other, so a fall shortly after that counts too.
        """
        self.fpioa.drive(BOOT_PAD, False if low else None)
        soon = self.seconds < self._released + STRAP_SECONDS
        if low and soon and not self._held and self.isp.phase == "off":
            self._restart()

    def _restart(self) -> None:
        self._reset_cause = PIN_RESET
        self.reset(power=False)

    def request_reset(self, cause: int) -> None:
        """Ends the slice; the reset follows, and its cause is a bit of reset_status."""
        self._reset_cause = cause
        self.machine.stop()

    def _touched(self, level: bool) -> None:
        for pair in self.wiring.i2c:
            if pair.irq is not None:
                self.fpioa.drive(pair.irq, level)

    def _sensors(self) -> Sequence[str]:
        """The board's own sensor; a board that is not strict takes whatever firmware expects."""
        return self.wiring.sensors if self.strict else tuple(SENSORS)

    # Windows.

    def counters(self) -> dict[str, tuple[int, int]]:
        """The harts' reads and writes per register since the board was made."""
        return {
            name: count
            for block in self.blocks.values()
            for name, count in block.counters().items()
        }

    def state_hash(self) -> str:
        """A digest of memory, harts, registers, parts and agenda: equal runs have equal ones."""
        return state_hash(self)


def check_parts(
    camera: object | None, sensors: Sequence[str], sd: object | None, sd_keep: bool
) -> None:
    """Refuses parts that hang on others which are not there."""
    check_sensors(sensors)
    if sensors and camera is None:
        raise UsageError(f"the sensor {sensors[0]} sees nothing: give --camera PICTURE too")
    if sd_keep and sd is None:
        raise UsageError("there is no card to keep: give --sd IMG or DIR with --sd-keep")


def _content(source: Path | bytes) -> bytes:
    return source if isinstance(source, bytes) else source.read_bytes()
