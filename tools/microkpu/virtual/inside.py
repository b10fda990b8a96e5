# SPDX-License-Identifier: MIT
"""What the blocks of a board find of each other, and how they refuse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn

from microkpu.virtual._core import Machine
from microkpu.virtual.registers import Block, DmaPort, RefusedError
from microkpu.virtual.wiring import Wiring

if TYPE_CHECKING:
    from microkpu.virtual.camera import Camera
    from microkpu.virtual.kpu import Kpu
    from microkpu.virtual.sysctl import Sysctl

# What SRAM holds after power-on: odd, not a pointer, never zero.
POWER_ON_BYTES = b"\xa5\x5a\xc3\x3d"
RAM_BYTES = 8 << 20  # seen at 0x40000000 and at 0x80000000
AI_RAM = 6 << 20
AI_RAM_EMPTY = POWER_ON_BYTES * ((RAM_BYTES - AI_RAM) // 4)
UNCACHED = 0x40000000


class Inside:
    """The side of a board that its blocks and chips see."""

    machine: Machine
    strict: bool
    warnings: Counter[str]
    wiring: Wiring
    sysctl: Sysctl
    kpu: Kpu
    camera: Camera | None
    seconds: float
    _ready: bool
    _dma_ports: Mapping[int, tuple[Block, DmaPort]]
    _pad_sinks: list[Callable[[float, int, bool], None]]

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

    def ai_ram_stops(self) -> None:
        """Software takes AI RAM's clock away, which nothing of worth in there survives."""
        content = memoryview(self.machine.ram)[AI_RAM:]
        if content != AI_RAM_EMPTY:
            place = next(i for i in range(len(content)) if content[i] != AI_RAM_EMPTY[i])
            self.sysctl.forbid(
                "the clock of AI RAM (pll1, or the AI gate) goes away while it holds data at"
                f" {UNCACHED + AI_RAM + place:#010x}"
            )

    def ai_ram_lost(self) -> None:
        """Its clock has stopped: a board that is not strict keeps what was in it."""
        if self.strict:
            self.machine.ram[AI_RAM:] = AI_RAM_EMPTY

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
