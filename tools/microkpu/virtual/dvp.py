# SPDX-License-Identifier: MIT
"""DVP: frames into memory as RGB565 and as three planes, and the control bus of the sensor."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil, floor
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from microkpu.virtual.camera import FrameKey
from microkpu.virtual.chips.sensor import Bytes, Output
from microkpu.virtual.dvp_pixels import FORMAT_RGB, FORMAT_Y, FORMAT_YUV, Decoded, decode
from microkpu.virtual.dvp_sccb import SCCB_CFG, Sccb
from microkpu.virtual.events import Event, Events
from microkpu.virtual.fpioa import CMOS_PWDN, CMOS_RST, CMOS_XCLK, SCCB_SCLK, SCCB_SDA
from microkpu.virtual.registers import Block, Register
from microkpu.virtual.sysctl import SPI_DVP_DATA

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

IRQ = 24
CFG, RED, GREEN, BLUE, CMOS, _, _, AXI, STS, _, RGB = range(11)
START_INT, FINISH_INT, PLANES, RGB565, AUTO, BURST = 1, 2, 4, 8, 16, 1 << 8
CLOCK_EN, RESET_PIN, POWER_DOWN_PIN = 1 << 8, 1 << 16, 1 << 24
START, FINISH, ENABLE, SCCB = (1 << bit for bit in (0, 8, 16, 24))
AXI_BURST = 3
WIDTH_MAX, HEIGHT_MAX = 640, 480
# The share of a frame's time that has passed when its first and its last line are sent.
LINES_BEGIN, LINES_END = 0.05, 0.95
MEMORY, CACHED, SIZE, AI_RAM, ALIGNMENT = 0x40000000, 0x80000000, 0x800000, 0x600000, 8
CACHED_FRAMES = 4


class Dvp(Block):
    REGISTERS: ClassVar = (
        Register("dvp_cfg", 0x00, "RW"),
        Register("r_addr", 0x04, "RW"),
        Register("g_addr", 0x08, "RW"),
        Register("b_addr", 0x0C, "RW"),
        Register("cmos_cfg", 0x10, "RW"),
        Register("sccb_cfg", 0x14, "RW", stored=False),
        Register("sccb_ctl", 0x18, "RW"),
        Register("axi", 0x1C, "RW"),
        Register("sts", 0x20, "RW", stored=False),
        Register("rgb_addr", 0x28, "RW"),
    )
    NOT_MODELLED: ClassVar = (Register("reverse", 0x24, "RW"),)

    def __init__(self, board: Board, name: str, base: int) -> None:
        super().__init__(board, name, base)
        self._begin = 0.0  # when the camera began to send as it does now
        self._seen = 0  # frames whose begin was noticed
        self._output: Output | None = None
        self._frame_event: Event | None = None
        self._line_event: Event | None = None
        self._sccb = Sccb(self)
        self.taking = False
        """Whether lines of a frame are coming that will be written."""
        self._decoded: dict[tuple[FrameKey, int, int], Decoded] = {}
        self.frames = 0
        """Frames that were written to memory."""

    def functions(self) -> Iterable[int]:
        return range(CMOS_XCLK, SCCB_SDA + 1)

    def reset(self) -> None:
        super().reset()
        for event in (self._frame_event, self._line_event):
            Events.cancel(event)
        self._frame_event = self._line_event = None
        self._sccb.reset()
        self.taking = False
        self._output = None
        self._drive()
        self._interrupt()
        self.camera_changed()

    # The sensor's pins and clock.

    @property
    def clock_hz(self) -> float:
        """XCLK as the block gives it."""
        cmos = self.words[CMOS]
        if not cmos & CLOCK_EN or not self.board.sysctl.clocked("dvp"):
            return 0.0
        return self.board.sysctl.apb_hz(1) / (2 * ((cmos & 0xFF) + 1))

    def _drive(self) -> None:
        self.board.fpioa.output(CMOS_RST, bool(self.words[CMOS] & RESET_PIN))
        self.board.fpioa.output(CMOS_PWDN, bool(self.words[CMOS] & POWER_DOWN_PIN))

    def write_cmos_cfg(self, _: int) -> None:
        self._drive()
        self._tell_camera()

    def pad_moved(self, function: int) -> None:
        if function in (CMOS_RST, CMOS_PWDN):
            self._drive()
        if function not in (SCCB_SCLK, SCCB_SDA):
            self._tell_camera()
            self.camera_changed()

    def clock_changed(self) -> None:
        self._tell_camera()
        if self._output is not None:
            self._book()

    def _tell_camera(self) -> None:
        if self.board.camera is not None:
            self.board.camera.changed()

    # The control bus.

    def read_sccb_cfg(self) -> int:
        return self.words[SCCB_CFG]

    def write_sccb_cfg(self, value: int) -> None:
        self._sccb.configure(value)

    def write_sccb_ctl(self, _: int) -> None:
        self._sccb.not_busy("sccb_ctl")

    # Status and interrupts.

    def read_sts(self) -> int:
        self._catch_up()
        busy = SCCB if self._sccb.busy else 0
        return self.words[STS] | busy

    def write_sts(self, value: int) -> None:
        self._catch_up()
        chosen = value & value >> 1
        self.words[STS] &= ~(chosen & (START | FINISH))
        if value & ENABLE << 1:
            self.words[STS] = self.words[STS] & ~ENABLE | value & ENABLE
        if chosen & SCCB:
            self._sccb.start()
        self._interrupt()
        self._book()

    def write_dvp_cfg(self, _: int) -> None:
        self._interrupt()
        self._book()

    def _interrupt(self) -> None:
        cfg, sts = self.words[CFG], self.words[STS]
        level = (cfg & START_INT and sts & START) or (cfg & FINISH_INT and sts & FINISH)
        self.board.plic.set_line(IRQ, bool(level))

    # The camera's frames.

    def camera_changed(self) -> None:
        """The camera begins, ends, or sends frames of another kind from now on."""
        camera = self.board.camera
        output = None if camera is None else camera.output()
        if output == self._output:
            return
        self._output = output
        self._begin, self._seen = self.board.seconds, 0
        Events.cancel(self._line_event)
        self._line_event = None
        self.taking = False
        self._book()

    def _frames(self) -> int:
        """How many frames have begun by now."""
        if self._output is None:
            return 0
        elapsed = self.board.seconds - self._begin
        return floor(elapsed * self._output.frames_per_second + 1e-6)

    def _catch_up(self) -> None:
        """Notices the frames that began since nobody watched."""
        begun = self._frames()
        if begun > self._seen:
            self._seen = begun
            self.words[STS] |= START
            self._interrupt()

    def _watched(self) -> bool:
        cfg = self.words[CFG]
        return bool(cfg & (START_INT | FINISH_INT | AUTO) or self.words[STS] & ENABLE)

    def _cycles_to(self, frames: float) -> int:
        assert self._output is not None
        moment = self._begin + frames / self._output.frames_per_second
        return max(1, ceil((moment - self.board.seconds) * self.board.sysctl.cpu_hz))

    def _book(self) -> None:
        """Books what comes next of the camera's frames, where somebody waits for them."""
        Events.cancel(self._frame_event)
        self._frame_event = None
        if self._output is None or not self._watched():
            return
        begun = self._frames()
        cycles = self._cycles_to(begun + 1)
        self._frame_event = self.board.events.after(cycles, self._frame_begins)
        if self._line_event is None and begun:
            elapsed = (self.board.seconds - self._begin) * self._output.frames_per_second
            if elapsed < begun + LINES_BEGIN:
                cycles = self._cycles_to(begun + LINES_BEGIN)
                self._line_event = self.board.events.after(cycles, self._lines_begin)

    def _frame_begins(self) -> None:
        self._frame_event = None
        self._catch_up()
        self._book()

    def _lines_begin(self) -> None:
        self._line_event = None
        if not (self.words[STS] & ENABLE or self.words[CFG] & AUTO):
            return
        self.words[STS] |= ENABLE
        self._check()
        self.taking = True
        cycles = self._cycles_to(self._frames() + LINES_END)
        self._line_event = self.board.events.after(cycles, self._lines_end)

    def _lines_end(self) -> None:
        self._line_event = None
        self.taking = False
        output, camera = self._output, self.board.camera
        assert output is not None and camera is not None
        if self.board.faults.met("camera"):
            self.camera_changed()
            return
        self._write(*camera.frame(output))
        camera.pictures.advance()
        self.frames += 1
        self.words[STS] = self.words[STS] & ~ENABLE | FINISH
        self._interrupt()
        self._book()

    # Taking a frame.

    @property
    def size(self) -> tuple[int, int]:
        """Width and height that the block was told."""
        cfg = self.words[CFG]
        return (cfg >> 12 & 0xFF) * (32 if cfg & BURST else 8), cfg >> 20 & 0x3FF

    def _check(self) -> None:
        width, height = self.size
        if not (width and height):
            self.refuse(f"a frame of {width}x{height}: set href_burst and lines in dvp_cfg")
        if width > WIDTH_MAX or height > HEIGHT_MAX:
            self.forbid(f"a frame of {width}x{height}: the block takes up to 640x480")
        burst = AXI_BURST if self.words[CFG] & BURST else 0
        if self.words[AXI] & 0xFF != burst:
            self.forbid(f"axi = {self.words[AXI]:#x}, but dvp_cfg bit 8 wants {burst}")
        if self.words[CFG] >> 9 & 3 not in (FORMAT_RGB, FORMAT_YUV, FORMAT_Y):
            self.refuse("format 2, which the block does not have")
        for name, word, length in self._targets(width * height):
            self._memory(name, self.words[word], length)

    def _targets(self, pixels: int) -> list[tuple[str, int, int]]:
        cfg = self.words[CFG]
        targets = [("rgb_addr", RGB, 2 * pixels)] if cfg & RGB565 else []
        if cfg & PLANES:
            targets += [
                (name, word, pixels)
                for name, word in (("r_addr", RED), ("g_addr", GREEN), ("b_addr", BLUE))
            ]
        return targets

    def _memory(self, name: str, address: int, length: int) -> memoryview:
        if CACHED <= address < CACHED + SIZE:
            self.forbid(f"{name} {address:#010x} is the cached view: give devices 0x4...")
            address += MEMORY - CACHED
        if not MEMORY <= address <= address + length <= MEMORY + SIZE:
            self.refuse(f"{name} {address:#010x} + {length} bytes is not memory")
        if address % ALIGNMENT:
            self.forbid(f"{name} {address:#010x} is not aligned to {ALIGNMENT} bytes")
        start = address - MEMORY
        if start + length > AI_RAM and not self.board.ai_ram_on:
            self.refuse(f"{name} {address:#010x} in AI RAM while {self.board.ai_ram_why}")
        return self.board.machine.ram[start : start + length]

    def _moved(self, name: str) -> None:
        if self.taking:
            self.forbid(f"{name} written while a frame is taken: half of it goes elsewhere")

    def write_r_addr(self, _: int) -> None:
        self._moved("r_addr")

    def write_g_addr(self, _: int) -> None:
        self._moved("g_addr")

    def write_b_addr(self, _: int) -> None:
        self._moved("b_addr")

    def write_rgb_addr(self, _: int) -> None:
        self._moved("rgb_addr")

    def _write(self, key: FrameKey, stream: Bytes) -> None:
        width, height = self.size
        pixels = width * height
        kind = self.words[CFG] >> 9 & 3
        if self.board.strict and not self.board.sysctl.words[0x54 >> 2] & SPI_DVP_DATA:
            stream = np.zeros_like(stream)  # the data balls float
            key = (0, 0, key[2])
        found = self._decoded.get((key, kind, pixels))
        if found is None:
            found = decode(stream[: 2 * pixels], kind)
            if len(self._decoded) >= CACHED_FRAMES:
                self._decoded.pop(next(iter(self._decoded)))
            self._decoded[key, kind, pixels] = found
        display, planes = found
        taken = len(display) // 2
        for name, word, length in self._targets(pixels):
            self.board.guard.touch("dvp", name, self.words[word], length, written=True)
            target = self._memory(name, self.words[word], length)
            self.board.device_touches(self, self.words[word], length, write=True)
            if word == RGB:
                target[: 2 * taken] = display
            else:
                target[:taken] = planes[(word - RED) * taken : (word - RED + 1) * taken]
