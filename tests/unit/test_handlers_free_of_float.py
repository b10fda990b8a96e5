# SPDX-License-Identifier: MIT
"""No trap handler uses floating point: the trap entry saves integer registers only. Neither does
what copies memory, for the chip's uncached alias does not take it.

The image is disassembled; everything that can be reached from the handlers is read. A handler is
known by its name, which ends in _interrupt, and every plic_irq_register() call must name one.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OBJDUMP = ("riscv64-unknown-elf-objdump", "-d", "--no-show-raw-insn")
FUNCTION = re.compile(r"^[0-9a-f]+ <([^>]+)>:$")
INSTRUCTION = re.compile(r"^\s*[0-9a-f]+:\s+(\S+)\s*(.*)$")
TARGET = re.compile(r"<([^>+]+)(?:\+0x[0-9a-f]+)?>")
ENTRY = "trap_entry"
# Floating-point instructions begin with f, and so do fences.
FLOAT = re.compile(r"c?\.?f(?!ence)")
REGISTER = re.compile(r"plic_irq_register\(\s*[^,]+,\s*(\w+)\s*,")
# Who is told of ends within a handler.
TOLD = re.compile(
    r"\b(?:dmac_on_end\(\w+, |kpu_on_end\(|clint_set_alarm\([^;]*, |wdt_start\([^;]*\? "
    r"|timer_start\([^;]*, (?=\w+, self))(\w+)\b"
)
# The only calls through pointers: to handlers, and to who is told; both are reached by name.
DISPATCH = (
    "plic_dispatch",
    "channel_interrupt",
    "clint_serve_alarm",
    "end_run",
    "fed",
    "layers_interrupt",
    "timer_interrupt",
    "wdt_interrupt",
)
# A switch of its own, by a table of places inside the function.
SWITCH = ("uart_interrupt_cause",)
# Saves registers for functions that are compiled for size, and returns by t0.
SAVE = "__riscv_save_"
# Handlers only hand on the address: these run when the trap is over, most by the scheduler.
AFTER_THE_TRAP = {"raise_in_python", "go_on", "lived"}


class Code:
    """Instructions and direct targets of every function of an image."""

    def __init__(self, elf: Path) -> None:
        text = subprocess.run([*OBJDUMP, elf], capture_output=True, text=True, check=True).stdout
        self.instructions: dict[str, list[tuple[str, str]]] = {}
        current: list[tuple[str, str]] = []
        for line in text.splitlines():
            if head := FUNCTION.match(line):
                current = self.instructions.setdefault(head[1], [])
            elif row := INSTRUCTION.match(line):
                current.append((row[1], row[2]))

    def reachable(self, roots: set[str]) -> set[str]:
        found: set[str] = set()
        todo = sorted(roots)
        while todo:
            name = todo.pop()
            if name in found:
                continue
            found.add(name)
            if name in AFTER_THE_TRAP:
                continue
            for mnemonic, operands in self.instructions[name]:
                # An address that is only taken counts as a call too.
                if target := TARGET.search(operands):
                    if target[1] in self.instructions:
                        todo.append(target[1])
                elif mnemonic in ("jalr", "jr") and operands not in ("ra", ""):
                    returns = name.startswith(SAVE) and operands == "t0"
                    known = returns or name in DISPATCH or name in SWITCH
                    assert known, f"{name} calls by pointer: {operands}"
        return found


def registered(by: re.Pattern[str] = REGISTER) -> set[str]:
    names: set[str] = set()
    for folder in ("sdk", "ports/k210", "modules"):
        for path in (ROOT / folder).rglob("*.c"):
            if path.name != "plic.c":
                names |= set(by.findall(path.read_text()))
    return names - {"NULL"}


@pytest.fixture(scope="module")
def code(firmware: Path) -> Code:
    return Code(firmware.with_suffix(".elf"))


def test_handlers_are_known_by_their_names() -> None:
    names = registered()
    assert {"console_interrupt", "channel_interrupt", "layers_interrupt"} <= names
    assert all(name.endswith("_interrupt") for name in names), names


def test_nothing_reached_from_a_trap_uses_floating_point(code: Code) -> None:
    # An image without the modules has not all of the handlers.
    handlers = registered() & code.instructions.keys()
    assert {"console_interrupt", "channel_interrupt"} <= handlers
    told = registered(TOLD) & code.instructions.keys()
    assert {"end_run", "fed", "expired", "round_over", "alarm"} <= told
    assert told & {"tell_scheduler", "tell_of_flash"}  # whose code is the same
    reached = code.reachable(handlers | told | {ENTRY})
    assert {"trap_dispatch", "plic_dispatch", "trap_exception"} <= reached
    for name in sorted(reached - AFTER_THE_TRAP):
        for mnemonic, operands in code.instructions[name]:
            assert not FLOAT.match(mnemonic), f"{name}: {mnemonic} {operands}"


@pytest.mark.parametrize("name", ["memcpy", "memmove", "memset", "memcmp", "iomem_copy_out"])
def test_memory_is_moved_by_integers(code: Code, name: str) -> None:
    for mnemonic, operands in code.instructions[name]:
        assert not FLOAT.match(mnemonic), f"{name}: {mnemonic} {operands}"
