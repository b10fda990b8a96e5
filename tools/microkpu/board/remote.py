# SPDX-License-Identifier: MIT
"""A board under control: run code, move files, reset; the same calls for any port."""

from __future__ import annotations

import ast
import binascii
import termios
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from mpremote.transport import TransportError
from tqdm import tqdm

from microkpu.board.transport import INTERRUPT, BoardError, Port, Transport, failing
from microkpu.errors import MicrokpuError
from microkpu.serial_handlers import protocol_virtual
from microkpu.virtual.board import Board

# Raw bytes of one step of put() and get(): a line of base64 that the board's small heap takes.
CHUNK_BYTES = 3072
# Transfers above this many bytes show a progress bar.
LONG_BYTES = 64 << 10
PROMPT = b">>> "
# No console prints it: an ending that never comes.
NEVER = b"\xff"
BOOT_SECONDS = 5.0
# How long code may be silent where its caller names no time.
ANSWER_SECONDS = 10.0
# What transfers use on the board: few names, all with this beginning, gone afterwards.
TOOLS = "from binascii import a2b_base64 as _mk_in, b2a_base64 as _mk_out"
TOOLS_END = "del _mk_in, _mk_out, _mk_data"
HASH = """
with open({path!r}, "rb") as _mk_file:
    from hashlib import sha256 as _mk_hash
    _mk_hash = _mk_hash()
    _mk_block = memoryview(bytearray(4096))
    while _mk_count := _mk_file.readinto(_mk_block):
        _mk_hash.update(_mk_block[:_mk_count])
_mk_hash = _mk_hash.digest()
"""
HASH_END = "del _mk_hash, _mk_block, _mk_file, _mk_count"


class ScriptError(BoardError):
    """Code on the board raised: the text is the board's traceback, `output` what came before."""

    def __init__(self, traceback: str, output: str) -> None:
        super().__init__(traceback)
        self.output = output

    @property
    def last_line(self) -> str:
        return str(self).strip().rpartition("\n")[2]


class RemoteBoard:
    """A board whose MicroPython answers. Timeouts are seconds of silence, on its own clock.

    `booting`: the board was switched on just now, so its prompt is waited for.
    """

    def __init__(self, port: Port, booting: bool = False, timeout_scale: float = 1.0) -> None:
        self._port = port
        self.timeout_scale = timeout_scale
        self._transport = Transport(port)
        self._idle = True  # nothing runs that we have started and not seen the end of
        self.timeout = ANSWER_SECONDS
        """Seconds that exec() and eval() wait where they are given none."""
        if booting:
            self._wait_for_prompt()
        self._enter()

    def __enter__(self) -> RemoteBoard:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def timeout_scale(self) -> float:
        """Multiplies every time that an answer may take, for slow boards."""
        return self._port.timeout_scale

    @timeout_scale.setter
    def timeout_scale(self, factor: float) -> None:
        self._port.timeout_scale = factor

    @property
    def name(self) -> str:
        """The port's name."""
        return self._port.name

    @property
    def virtual(self) -> Board | None:
        """The virtual board behind the port; None on a real one."""
        line = self._port.line
        return line.board if isinstance(line, protocol_virtual.Serial) else None

    @property
    def log(self) -> bytes:
        """Everything that the board has sent."""
        return bytes(self._port.log)

    def _enter(self, soft_reset: bool = False) -> None:
        with failing(self.name):
            try:
                self._transport.enter_raw_repl(soft_reset, BOOT_SECONDS)
            except TransportError as error:
                raise BoardError(
                    f"{self.name}: the board does not answer: is it on, does it run MicroPython,"
                    " and is the port the right one? Press its reset button and try again"
                ) from error
        self._idle = True

    # Code.

    def run(
        self,
        script: Path | str,
        output: Callable[[bytes], None] | None = None,
        timeout: float | None = None,
    ) -> str:
        """Runs a script file, or text; gives its output, and each byte of it to `output` at once.

        ScriptError where it raises. Ctrl-C here interrupts it there.
        """
        self.start(script)
        return self.finish(output, timeout)

    def start(self, script: Path | str) -> None:
        """Sends a script and does not wait for it: finish() does."""
        code = read_script(script) if isinstance(script, Path) else script
        if not self._idle:
            self._enter()
        self._idle = False
        with failing(self.name):
            self._transport.exec_raw_no_follow(code)

    def finish(
        self, output: Callable[[bytes], None] | None = None, timeout: float | None = None
    ) -> str:
        """Waits for the end of what start() sent, as run() does."""
        got = bytearray()

        def consume(data: bytes) -> None:
            got.extend(data)
            if output is not None:
                output(data)

        with failing(self.name):
            try:
                error = self._follow(timeout, consume)
            except KeyboardInterrupt:
                self._port.write(INTERRUPT)
                error = self._follow(BOOT_SECONDS, consume)
        self._idle = True
        text = _text(got)
        if error:
            raise ScriptError(error, text)
        return text

    def _follow(self, timeout: float | None, consume: Callable[[bytes], None]) -> str:
        """Waits for the end of what runs; the traceback, empty where there is none."""
        timeout = None if timeout is None else timeout * self.timeout_scale
        ended = self._transport.read_until(1, b"\x04", timeout, data_consumer=consume)
        if ended.endswith(b"\x04"):
            error = self._transport.read_until(1, b"\x04", timeout)
            if error.endswith(b"\x04"):
                return _text(error[:-1])
        if self._port.stuck:
            raise BoardError(f"{self.name}: the script waits for input that nobody sends")
        raise BoardError(
            f"{self.name}: nothing came for {timeout:g} s: the script runs on; give it more time,"
            " or interrupt it"
        )

    def exec(self, code: str, timeout: float | None = None) -> str:
        """Runs code and gives what it printed; ScriptError where it raises."""
        return self.run(code, timeout=self.timeout if timeout is None else timeout)

    def eval(self, expression: str, timeout: float | None = None) -> Any:
        """An expression's value, where its repr() is a Python literal."""
        text = self.exec(f"print(repr({expression}))", timeout).strip()
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError) as error:
            raise BoardError(
                f"{expression} is {text!r} on the board, which is no literal"
            ) from error

    def interrupt(self) -> None:
        """Ends what runs, as Ctrl-C does."""
        self._enter()

    # The line itself.

    def type(self, keys: bytes | str) -> None:
        """Sends keys as a person would; what answers is read by read_until() and listen()."""
        self._idle = False
        with failing(self.name):
            self._port.write(keys.encode() if isinstance(keys, str) else keys)

    def read_until(self, ending: bytes, seconds: float) -> bytes:
        """What is printed up to `ending`, or in `seconds` where it does not come."""
        seconds *= self.timeout_scale
        with failing(self.name):
            return self._transport.read_until(1, ending, seconds, timeout_overall=seconds)

    def listen(self, seconds: float) -> bytes:
        """What is printed in `seconds`."""
        return self.read_until(NEVER, seconds)

    # Files.

    def put(self, path: str, data: bytes) -> None:
        """Writes a file on the board."""
        self.exec(f"_mk_data = open({path!r}, 'wb')\n{TOOLS}")
        self._send(path, data, lambda at, text: f"_mk_data.write(_mk_in({text}))")
        self.exec(f"_mk_data.close()\n{TOOLS_END}")

    def put_buffer(self, name: str, data: bytes) -> None:
        """Makes a bytearray with that name in the board's globals."""
        self.exec(f"{TOOLS}\n{name} = bytearray({len(data)})\n_mk_data = memoryview({name})")
        end = len(data)
        self._send(
            name,
            data,
            lambda at, text: f"_mk_data[{at}:{min(at + CHUNK_BYTES, end)}] = _mk_in({text})",
        )
        self.exec(TOOLS_END)

    def get(self, path: str) -> bytes:
        """Reads a file of the board."""
        self.exec(f"_mk_data = open({path!r}, 'rb')\n{TOOLS}")
        size = self.eval("_mk_data.seek(0, 2)")
        self.exec("_mk_data.seek(0)")
        data = self._fetch(path, size, lambda at: f"_mk_data.read({CHUNK_BYTES})")
        self.exec(f"_mk_data.close()\n{TOOLS_END}")
        return data

    def get_buffer(self, expression: str) -> bytes:
        """The bytes of anything with the buffer protocol on the board."""
        self.exec(f"{TOOLS}\n_mk_data = memoryview(bytes({expression}))")
        size = self.eval("len(_mk_data)")
        data = self._fetch(expression, size, lambda at: f"_mk_data[{at}:{at + CHUNK_BYTES}]")
        self.exec(TOOLS_END)
        return data

    def digest(self, path: str) -> bytes | None:
        """A file's SHA-256; None where there is none."""
        try:
            self.exec(HASH.format(path=path), timeout=60)
        except ScriptError as error:
            if "ENOENT" in str(error):
                return None
            raise
        found: bytes = self.eval("_mk_hash")
        self.exec(HASH_END)
        return found

    def _send(self, name: str, data: bytes, take: Callable[[int, str], str]) -> None:
        """Sends bytes in pieces: `take` is the statement for a place and a base64 literal."""
        with _progress(name, len(data)) as bar:
            for at in range(0, len(data), CHUNK_BYTES):
                chunk = data[at : at + CHUNK_BYTES]
                self.exec(take(at, repr(binascii.b2a_base64(chunk, newline=False))))
                bar.update(len(chunk))

    def _fetch(self, name: str, size: int, piece: Callable[[int], str]) -> bytes:
        """`size` bytes, asked for in pieces: `piece` is the expression for the one at a place."""
        data = bytearray()
        with _progress(name, size) as bar:
            while len(data) < size:
                chunk = binascii.a2b_base64(self.eval(f"_mk_out({piece(len(data))})"))
                if not chunk:
                    raise BoardError(
                        f"{self.name}: {name} ended after {len(data)} of {size} bytes"
                    )
                data += chunk
                bar.update(len(chunk))
        return bytes(data)

    # Resets.

    def soft_reset(self) -> None:
        """Starts Python afresh: new heap, boot.py runs, main.py does not."""
        self._enter(soft_reset=True)

    def reset(self) -> None:
        """Resets the chip; boot.py and main.py run, main.py is interrupted after a while."""
        self.start_reset()
        self._wait_for_prompt()
        self._enter()

    def start_reset(self) -> None:
        """Resets the chip and does not wait: read_until() reads what boot.py and main.py print."""
        if self.virtual is not None:
            self.virtual.reset()
        else:
            if not self._idle:
                self._enter()
            with failing(self.name):
                self._transport.exec_raw_no_follow("import machine; machine.reset()")
        self._idle = False

    def _wait_for_prompt(self) -> None:
        """So that Ctrl-C does not hit boot.py; goes on where main.py does not end."""
        wait = BOOT_SECONDS * self.timeout_scale
        self._transport.read_until(1, PROMPT, None, timeout_overall=wait)

    def close(self) -> None:
        """Leaves the board at its friendly prompt and gives the port back."""
        try:
            if self._idle:
                self._transport.exit_raw_repl()
            self._port.line.flush()
        except (OSError, termios.error, MicrokpuError):
            pass  # the board is gone; the port is given back all the same
        finally:
            self._port.close()


def read_script(script: Path) -> str:
    """A script's text."""
    try:
        return script.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise MicrokpuError(
            f"{script} is no Python script: byte {error.start} is no text"
        ) from None


def _text(data: bytes | bytearray) -> str:
    return bytes(data).decode("utf-8", "replace").replace("\r\n", "\n")


def _progress(name: str, size: int) -> Any:
    hidden = True if size < LONG_BYTES else None  # None: where stderr is no terminal
    return tqdm(total=size, desc=name, unit="B", unit_scale=True, disable=hidden)
