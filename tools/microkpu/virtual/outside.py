# SPDX-License-Identifier: MIT
"""What a host does with a board, and what it sees of it: keys, LEDs, console."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from microkpu.errors import UsageError
from microkpu.virtual.wiring import Wiring

if TYPE_CHECKING:
    from microkpu.virtual.fpioa import Fpioa
    from microkpu.virtual.wire import Wire

# Output that run(until=...) still finds when it is called later.
SEARCHED_BYTES = 1 << 20


class Outside:
    """The side of a board that a host has in its hands."""

    wiring: Wiring
    fpioa: Fpioa
    console: Wire
    idle: bool
    _output: bytearray
    _stream: bytearray
    _uart_sinks: list[Callable[[bytes], None]]
    _pad_sinks: list[Callable[[float, int, bool], None]]

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
            raise UsageError(f"{self.wiring.name} has no {kind} {name!r}: {known}")
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
