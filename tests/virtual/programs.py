# SPDX-License-Identifier: MIT
"""Small programs that stand for firmware where a test is about the host's side of the console."""

from __future__ import annotations

START = """
    csrr t0, mhartid
    bnez t0, park
    lui  s0, 0x38000            # UARTHS
"""
PARK = """
park:
    csrw mie, zero
    wfi
    j    park
"""
# Sends back what comes, and waits with the hart stopped.
ECHO = f"""{START}
    li   t0, 1
    sw   t0, 0x0c(s0)
    li   t0, 2                  # interrupt: receive
    sw   t0, 0x10(s0)
    li   s1, 0x0c000000         # PLIC: priority, enable, threshold of source 33
    li   t0, 1
    sw   t0, 132(s1)
    li   t0, 0x0c002000
    li   t1, 2
    sw   t1, 4(t0)
    li   s2, 0x0c200000
    sw   zero, 0(s2)
    li   t0, 1 << 11
    csrw mie, t0
wait:
    wfi
    lw   s3, 4(s2)              # claim
next:
    lw   t1, 4(s0)
    bltz t1, done
full:
    lw   t2, 0(s0)
    bltz t2, full
    sw   t1, 0(s0)
    j    next
done:
    sw   s3, 4(s2)              # complete
    j    wait
{PARK}"""


def sleeper(ticks: int) -> str:
    """Prints a, sleeps so many ticks of mtime (7.8 million a second), prints b."""
    return f"""{START}
    li   t3, 0x61
    sw   t3, 0(s0)
    li   s1, 0x200bff8          # mtime
    ld   s2, 0(s1)
    li   t0, {ticks}
    add  s2, s2, t0
    li   t0, 0x2004000          # mtimecmp of hart 0
    sd   s2, 0(t0)
    li   t0, 0x80
    csrw mie, t0
1:  wfi
    ld   t0, 0(s1)
    bltu t0, s2, 1b
    li   t3, 0x62
    sw   t3, 0(s0)
    j    park
{PARK}"""


def talker(count: int) -> str:
    """Prints `count` bytes, letters in turn, then waits."""
    return f"""{START}
    li   s1, {count}
    li   s2, 0
1:  beq  s1, s2, park
    li   t0, 26
    remu t1, s2, t0
    addi t1, t1, 0x41
2:  lw   t2, 0(s0)
    bltz t2, 2b
    sw   t1, 0(s0)
    addi s2, s2, 1
    j    1b
{PARK}"""
