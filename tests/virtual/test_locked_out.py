# SPDX-License-Identifier: MIT
"""No boot.py and no main.py locks out mpremote, which gets its prompt from each of these."""

from __future__ import annotations

from pathlib import Path

import pytest
from microkpu.board import VirtualOptions
from microkpu.board.program import find, run
from microkpu.board.session import session

SCRIPTS = {
    "sleeps": "import time\nwhile True: time.sleep_ms(20)\n",
    "prints noise": r"while True: print('\x04\x01>>> raw REPL; CTRL-B to exit', end='')",
    "swallows Ctrl-C": (
        "import time\nwhile True:\n    try:\n        while True: time.sleep_ms(20)\n"
        "    except BaseException: pass\n"
    ),
    "swallows what is typed": (
        "while True:\n    try:\n        input()\n    except BaseException: pass\n"
    ),
    "takes all memory": "x = []\nwhile True:\n    x.append(bytearray(10000))\n",
    "resets": "import machine\nmachine.reset()\n",
    "crashes": (
        "import machine, uctypes\nb = bytearray(64)\nat = uctypes.addressof(b) + 1\n"
        "s = uctypes.struct(at, {'a': uctypes.UINT32 | 0}, uctypes.NATIVE)\n"
        "machine.disable_irq()\ns.a\n"
    ),
}
# When a tool comes: what resets the chip has come to safe mode by then.
LATER_SECONDS = 1.0


@pytest.mark.parametrize("name", ["boot.py", "main.py"])
@pytest.mark.parametrize("what", SCRIPTS)
def test_mpremote_gets_its_prompt(
    what: str, name: str, firmware: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text(SCRIPTS[what])
    with VirtualOptions(firmware, files=tmp_path).make() as board:
        board.run(seconds=LATER_SECONDS)
        board.take_output()
        with session(lambda _: board):
            status = run(find(["mpremote", "connect", "virtual", "eval", "6 * 7"]))
    assert (status, capfd.readouterr().out.strip()) == (0, "42")
