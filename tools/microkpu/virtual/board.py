# SPDX-License-Identifier: MIT
"""The virtual Maix board: core, blocks and chips put together, and what a host can do with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import ceil
from pathlib import Path
from types import TracebackType
from typing import NoReturn, TypeVar

from microkpu.errors import MicrokpuError
from microkpu.virtual import _core, boot_rom
from microkpu.virtual.camera import SENSORS, Camera
from microkpu.virtual.card_slot import CardSlot
from microkpu.virtual.chips.nor import Nor
from microkpu.virtual.chips.pictures import Pictures
from microkpu.virtual.chips.pmu import Pmu
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
from microkpu.virtual.isp import Isp
from microkpu.virtual.kpu import Kpu
from microkpu.virtual.memory_map import ABSENT, MODELLED
from microkpu.virtual.plic import Plic
from microkpu.virtual.registers import Block, DmaPort, RefusedError
from microkpu.virtual.rom_calls import RomCalls
from microkpu.virtual.rtc import Rtc
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

# The longest stretch without an event or another end to stop at.
STRETCH_SECONDS = 1e-3
# What SRAM holds after power-on: odd, not a pointer, never zero.
POWER_ON_BYTES = b"\xa5\x5a\xc3\x3d"
FLASH_CHIP_SELECT = 0
RAM_BYTES = 8 << 20  # seen at 0x40000000 and at 0x80000000
AI_RAM = 6 << 20
# So long after a reset a programmer's other line may still ask for the ROM's programming mode:
# over a network the two move some 50 ms apart.
STRAP_SECONDS = 0.08
# Output that run(until=...) still finds when it is called later.
SEARCHED_BYTES = 1 << 20
BlockT = TypeVar("BlockT", bound=Block)


class Board:
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
        for pair in dict.fromkeys(pair for wiring in wirings for pair in wiring.i2c):
            if "pmu" in pair.devices:
                self.i2c_lines.attach(pair.scl, pair.sda, self.pmu)
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
        self.flash.save()
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

    @property
    def cycles(self) -> int:
        """CPU cycles since the board was made."""
        return self.machine.cycles

    @property
    def seconds(self) -> float:
        """Virtual seconds since the board was made."""
        cycle, second = self._base
        return second + (self.machine.cycles - cycle) / self._cpu_hz if self._cpu_hz else second

    def cycles_of(self, seconds: float) -> int:
        """CPU cycles in a time at the present rate, rounded up."""
        return ceil(seconds * self.sysctl.cpu_hz)

    def cpu_rate_changed(self) -> None:
        """SYSCTL found another rate: seconds count on from here at it."""
        self._base = (self.machine.cycles, self.seconds)
        self._cpu_hz = self.sysctl.cpu_hz
        if self.events.running:
            self.machine.cut()

    # What the firmware must not do.

    def refuse(self, part: str, what: str) -> NoReturn:
        """Ends the run: `what` says what was done with a part of the board, and why not."""
        hart = self.machine.access_hart
        pc = self.machine.pc(hart)
        raise RefusedError(f"{part}: {what} (hart {hart}, pc {pc:#010x})")

    def forbid(self, part: str, what: str) -> None:
        """Refuses in strict mode; else notes it, and the board goes on as a forgiving one."""
        if self.strict:
            self.refuse(part, what)
        self.warnings[f"{part}: {what}"] += 1

    def device_touches(self, block: Block, address: int, length: int, write: bool) -> None:
        """A device now reads or writes memory: no hart's cache must hold anything else of it."""
        found = self.machine.device_touches(address % RAM_BYTES, length, write)
        if found is not None:
            where, why = found
            place = f" {where:#010x}" if self.strict else ""
            block.forbid(f"{'writes' if write else 'reads'} memory{place}: {why}")

    # Wires between blocks.

    @property
    def ai_ram_why(self) -> str:
        """Why AI RAM may not be touched now; empty when it may."""
        if self.kpu.running:
            return "the KPU runs"
        return "" if self.sysctl.ai_hz else "it has no clock (pll1 out_en, AI gate)"

    @property
    def ai_ram_on(self) -> bool:
        return not self.ai_ram_why

    def ai_ram_changed(self) -> None:
        if self._ready:
            self.machine.set_ai_ram(self.ai_ram_on)

    def ai_ram_lost(self) -> None:
        """Its clock stops: a board that is not strict keeps what was in it."""
        if self.strict:
            self.machine.ram[AI_RAM:] = POWER_ON_BYTES * ((RAM_BYTES - AI_RAM) // 4)

    def power_changed(self, banks: int) -> None:
        """power_sel: a wrong 1.8 V setting on a 3.3 V supply may harm the pads of the bank."""
        for bank in range(8):
            if banks >> bank & 1 and bank not in self.wiring.banks_1v8:
                self.sysctl.forbid(
                    f"power_sel bit {bank} says 1.8 V, but {self.wiring.name} supplies pads "
                    f"{6 * bank} to {6 * bank + 5} with 3.3 V: that may destroy them"
                )

    def banks_wrong(self, pads: Sequence[int]) -> bool:
        """Whether power_sel says other voltages for some pads than the board supplies."""
        if not self.strict:
            return False
        told = self.sysctl.words[0x6C >> 2]
        return any((told >> pad // 6 & 1) != (pad // 6 in self.wiring.banks_1v8) for pad in pads)

    def supplies_changed(self) -> None:
        """Pad voltages or the data balls of display and camera were switched."""
        if self.camera is not None:
            self.camera.changed()

    def _sensors(self) -> Sequence[str]:
        """The board's own sensor; a board that is not strict takes whatever firmware expects."""
        return self.wiring.sensors if self.strict else tuple(SENSORS)

    def pad_driven(self, pad: int, level: bool) -> None:
        for sink in self._pad_sinks:
            sink(self.seconds, pad, level)

    def dma_device(self, request: int) -> tuple[Block, DmaPort] | None:
        """A request's device and the port where DMA reaches it."""
        return self._dma_ports.get(request)

    def dma_armed(self, request: int) -> None:
        """A channel now waits for this request."""
        device = self._dma_ports.get(request)
        if device is not None:
            device[0].dma_armed(request)

    # Pads from outside.

    def press(self, button: str) -> None:
        """Holds a key of the board down."""
        self.fpioa.drive(self._pad("button", button, self.wiring.buttons), False)

    def release(self, button: str) -> None:
        self.fpioa.drive(self._pad("button", button, self.wiring.buttons), None)

    def led(self, name: str) -> bool:
        """Whether an LED of the board is lit."""
        return self.fpioa.driven(self._pad("led", name, self.wiring.leds)) is False

    def _pad(self, kind: str, name: str, pads: Mapping[str, int]) -> int:
        if name not in pads:
            known = ", ".join(pads) or "none"
            raise MicrokpuError(f"{self.wiring.name} has no {kind} {name!r}: {known}")
        return pads[name]

    # The console.

    def uart_byte(self, byte: int) -> None:
        data = bytes([byte])
        self._output += data
        self._stream += data
        if len(self._stream) > 2 * SEARCHED_BYTES:
            del self._stream[:-SEARCHED_BYTES]
        for sink in self._uart_sinks:
            sink(data)

    def on_uart(self, sink: Callable[[bytes], None]) -> None:
        """Calls `sink` with everything the board prints."""
        self._uart_sinks.append(sink)

    def on_pad(self, sink: Callable[[float, int, bool], None]) -> None:
        """Calls `sink` with second, pad and level whenever the chip drives a pad elsewhere."""
        self._pad_sinks.append(sink)

    def send(self, data: bytes) -> None:
        """Queues bytes for the console's receiver, at the baud rate."""
        self.idle = False
        self.console.send(data)

    def take_output(self) -> bytes:
        """What was printed since the last call."""
        data = bytes(self._output)
        self._output.clear()
        return data

    # Running.

    def run(
        self,
        seconds: float | None = None,
        until: bytes | None = None,
        instructions: int | None = None,
    ) -> bool:
        """Runs; True when `until` was printed (searched after the place where it was last found).

        Without that it ends after `seconds` of virtual time, after `instructions` of both harts
        together, or when every hart waits with no event and no timer to come: see `idle`.
        """
        try:
            return self._run(seconds, until, instructions)
        finally:
            self.warnings |= Counter(self.machine.hazards())

    def _run(self, seconds: float | None, until: bytes | None, instructions: int | None) -> bool:
        self.idle, self.stopped_hart = self._held, None
        if self._held:
            return False
        end = None if seconds is None else self.seconds + seconds
        target = None if instructions is None else self._retired() + instructions
        while True:
            self.events.run_due()
            if self._reset_cause:
                self.reset(power=False)
            if until is not None and self._found(until):
                return True
            if end is not None and self.seconds >= end:
                return False
            limit = self.cycles + self.cycles_of(STRETCH_SECONDS)
            if end is not None:
                limit = min(limit, self.cycles + max(1, self.cycles_of(end - self.seconds)))
            if target is not None:
                left = target - self._retired()
                if left <= 0:
                    return False
                limit = min(limit, self.cycles + max(1, left // 2))
            reason = self._slice(limit)
            if reason == _core.BREAK:
                if self.guard.stored():
                    continue
                self.stopped_hart = self.machine.break_hart
                return False
            if reason == _core.IDLE and self.events.next is None and not self._timer():
                self.idle = True
                return False

    def step(self, hart: int) -> bool:
        """One instruction of a hart, the other one standing; False where the hart waits."""
        try:
            stepped = self.machine.step(hart) != _core.IDLE
        except _core.CoreError as error:
            raise RefusedError(f"{error}{self._hint(str(error))}") from error
        self.events.run_due()
        if self._reset_cause:
            self.reset(power=False)
        return stepped

    def run_until_idle(self, seconds: float = 60.0) -> bool:
        """Runs until every hart waits for the outside; False when `seconds` passed before."""
        self.run(seconds=seconds)
        return self.idle

    def _timer(self) -> bool:
        return self.machine.next_timer() >= 0

    def _retired(self) -> int:
        return self.machine.instret(0) + self.machine.instret(1)

    def _slice(self, limit: int) -> int:
        due = self.events.next
        if due is not None:
            limit = min(limit, due)
        self.events.running = True
        try:
            return self.machine.run(limit)
        except _core.CoreError as error:
            if self._rom_calls.serve():
                return _core.LIMIT
            raise RefusedError(f"{error}{self._hint(str(error))}") from error
        finally:
            self.events.running = False

    def _hint(self, text: str) -> str:
        if f"{boot_rom.TRAP:x}" in text:
            return ": the boot ROM's trap handler, so a trap came before mtvec was set"
        if "806" in text or "807" in text or "406" in text or "407" in text:
            return f": {self.ai_ram_why}" if self.ai_ram_why else ""
        return ""

    def _found(self, until: bytes) -> bool:
        place = self._stream.find(until)
        if place < 0:
            keep = len(until) - 1
            del self._stream[: max(0, len(self._stream) - keep)]
            return False
        del self._stream[: place + len(until)]
        return True

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


def _content(source: Path | bytes) -> bytes:
    return source if isinstance(source, bytes) else source.read_bytes()
