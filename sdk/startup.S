// SPDX-License-Identifier: MIT
// Both harts enter here from the boot ROM: traps, floating point and stacks, then main() on hart 0 and sleep on hart 1.

#define MSTATUS_MIE 8
#define MSTATUS_FS 0x6000
#define CLINT_MSIP 0x02000000

    .section .reset, "ax"
    .globl _start
    .type _start, @function
_start:
    la t0, trap_entry
    csrw mtvec, t0
    csrw mie, zero
    csrci mstatus, MSTATUS_MIE
    csrw mip, zero
    csrw medeleg, zero
    csrw mideleg, zero
    // The boot ROM wrote this image as data.
    fence.i
    li t0, MSTATUS_FS
    csrs mstatus, t0
    csrw fcsr, zero
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    csrr t0, mhartid
    li t1, CLINT_MSIP
    bnez t0, 2f

    // The boot ROM does not clear the software interrupts by which it woke the harts.
    sw zero, 0(t1)
    la sp, __stack_top
    la t0, __trap_stack_top
    csrw mscratch, t0
    la t0, __bss_start
    la t1, __bss_end
    bgeu t0, t1, 1f
0:
    sd zero, 0(t0)
    addi t0, t0, 8
    bltu t0, t1, 0b
1:
    fence rw, rw
    call main
    j 1b

2:
    sw zero, 4(t1)
    la sp, __stack1_top
    la t0, __trap_stack1_top
    csrw mscratch, t0
    call core1_park
    j 2b
    .size _start, . - _start
