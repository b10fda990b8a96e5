# SPDX-License-Identifier: MIT
"""C programs on the sdk alone, for the virtual board: what sdk/ does, seen from both sides."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from microkpu.elf import symbols
from microkpu.virtual import Board

SDK = Path(__file__).resolve().parents[2] / "sdk"
COMPILE = (
    "riscv64-unknown-elf-gcc", "-march=rv64imafdc_zicsr_zifencei", "-mabi=lp64d",
    "-mcmodel=medany", "--specs=picolibc.specs", "--picolibc-buildtype=release", "-std=gnu99",
    "-O2", "-g", "-mstrict-align", "-Wall", "-Wextra", "-Werror", f"-I{SDK}",
)  # fmt: skip
LINK = ("-nostartfiles", f"-T{SDK / 'k210.ld'}", "-Wl,--no-warn-rwx-segments")

# Every program: chip up, its steps, and `done` printed, after which hart 0 sleeps.
FRAME = """
#include <string.h>
#include "clint.h"
#include "core1.h"
#include "csr.h"
#include "dmac.h"
#include "flash.h"
#include "fpioa.h"
#include "gpiohs.h"
#include "iomem.h"
#include "kpu.h"
#include "plic.h"
#include "regs/clint.h"
#include "regs/kpu.h"
#include "regs/plic.h"
#include "regs/spi.h"
#include "regs/sysctl.h"
#include "regs/uarths.h"
#include "spi.h"
#include "sysctl.h"
#include "trap.h"
#include "uarths.h"

// Read by the test through the board's memory.
volatile int64_t result[256];
extern uint8_t __pool_start, __pool_end;

static void say(const char *text) {
    for (; *text; text++) {
        while (UARTHS->txdata & UARTHS_TXDATA_FULL) {
        }
        UARTHS->txdata = *text;
    }
}

static void park(const char *text) {
    say(text);
    csr_write(mie, 0);
    for (;;) {
        csr_wait_for_interrupt();
    }
}

void exception(trap_frame_t *frame);
void trap_exception(trap_frame_t *frame) {
    exception(frame);
}

%s

int main(void) {
    sysctl_clock_init(390000000);
    fpioa_init();
    plic_init();
    fpioa_set_function(5, FUNC_UARTHS_TX);
    uarths_config(115200, UARTHS_STOP_1);
    UARTHS->txctrl = UARTHS_TXCTRL_EN;
    sysctl_enable_irq();
    dmac_init();
    steps();
    park("done");
}
"""
NO_EXCEPTION = """
void exception(trap_frame_t *frame) {
    result[0] = frame->mcause;
    result[1] = frame->mepc;
    result[2] = frame->mtval;
    park("exception");
}
"""


@dataclass
class Program:
    """A built program and the board that runs it."""

    board: Board
    symbols: dict[str, int]

    def run(self, seconds: float = 5.0, until: bytes = b"done") -> bytes:
        """Everything printed; fails unless `until` comes."""
        done = self.board.run(seconds=seconds, until=until)
        output = self.board.take_output()
        if not done:
            where = [hex(self.board.machine.pc(hart)) for hart in (0, 1)]
            raise AssertionError(f"printed {output!r} and stands at {where}")
        return output

    def bytes(self, name: str, length: int, offset: int = 0) -> bytes:
        start = (self.symbols[name] & 0x7FFFFF) + offset
        return bytes(self.board.machine.ram[start : start + length])

    def result(self, index: int) -> int:
        return int.from_bytes(self.bytes("result", 8, 8 * index), "little", signed=True)


def _run(command: Sequence[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@cache
def _library(flags: tuple[str, ...]) -> TemporaryDirectory[str]:
    """All of sdk/ as objects, compiled once."""
    folder = TemporaryDirectory(prefix="sdk-")
    for kind in ("*.c", "*.S"):
        for path in sorted(SDK.glob(kind)):
            _run([*COMPILE, *flags, "-c", path, "-o", Path(folder.name, path.stem + ".o")])
    return folder


def build(
    folder: Path, source: str, *flags: str, strict: bool = True, cache: bool = False
) -> Program:
    """Links `source`, which has a function steps(), with sdk/ compiled with `flags`."""
    if "void exception(" not in source:
        source = NO_EXCEPTION + source
    main, elf, binary = folder / "main.c", folder / "program.elf", folder / "program.bin"
    main.write_text(FRAME.replace("%s", source))
    objects = sorted(Path(_library(flags).name).glob("*.o"))
    _run([*COMPILE, *flags, *LINK, "-o", elf, main, *objects])
    _run(["riscv64-unknown-elf-objcopy", "-O", "binary", elf, binary])
    return Program(Board(binary, strict=strict, cache=cache), symbols(elf))
