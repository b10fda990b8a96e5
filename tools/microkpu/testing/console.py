# SPDX-License-Identifier: MIT
"""A person at the board's console: keys typed, and what is printed."""

from __future__ import annotations

from microkpu.board import BoardError, RemoteBoard

PROMPT = ">>> "
FRIENDLY, SOFT_RESET, INTERRUPT = "\x02", "\x04", "\x03"
WAIT_SECONDS = 3.0


class Console:
    """The board's output as it comes, with nothing interrupted: for boot messages and main.py."""

    def __init__(self, board: RemoteBoard) -> None:
        self.board = board

    def type(self, keys: bytes | str) -> None:
        """Sends keys as they are; Enter is "\\r", Ctrl-C "\\x03"."""
        self.board.type(keys)

    def until(self, ending: bytes | str, seconds: float = WAIT_SECONDS) -> str:
        """What is printed up to `ending`; BoardError where it does not come in `seconds`."""
        wanted = ending.encode() if isinstance(ending, str) else ending
        data = self.board.read_until(wanted, seconds)
        text = data.decode("utf-8", "replace").replace("\r\n", "\n")
        if not data.endswith(wanted):
            raise BoardError(
                f"{self.board.name}: {wanted!r} was not printed in {seconds:g} s, but {text!r}"
            )
        return text

    def listen(self, seconds: float) -> bytes:
        """What is printed in so many seconds."""
        return self.board.listen(seconds)

    def reset(self) -> None:
        """Resets the chip and leaves boot.py and main.py alone: until() reads what they print."""
        self.board.start_reset()


class Repl(Console):
    """The friendly prompt."""

    def __init__(self, board: RemoteBoard) -> None:
        super().__init__(board)
        self.type(FRIENDLY)
        self.until(PROMPT)

    def says(self, line: str, seconds: float = WAIT_SECONDS) -> str:
        """Types a line; gives what is printed between its echo and the next prompt."""
        self.type(line + "\r")
        text = self.until(PROMPT, seconds)
        if not text.startswith(line + "\n"):
            raise BoardError(f"{self.board.name}: {line!r} was typed but echoed as {text!r}")
        return text[len(line) + 1 : -len(PROMPT)]
