// SPDX-License-Identifier: MIT
// The trap entry: integer registers onto the hart's trap stack, trap_dispatch(frame), and back.
//
// mscratch holds the top of the hart's trap stack while the program runs, and 0 while a trap is handled. So a trap finds
// a good stack even when the program's is the cause, and an exception in a handler goes on below the first frame.

#define WORD 8
#define X(n) (n) * WORD
#define MEPC 32 * WORD
#define MCAUSE 33 * WORD
#define MTVAL 34 * WORD
#define FRAME 36 * WORD // a multiple of 16

    .section .text.trap, "ax"
    .balign 64
    .globl trap_entry
    .type trap_entry, @function
trap_entry:
    csrrw sp, mscratch, sp
    bnez sp, 1f
    // Inside a trap: take the stack pointer back.
    csrrw sp, mscratch, sp
    addi sp, sp, -(FRAME)
    sd ra, X(1)(sp)
    addi ra, sp, FRAME
    sd ra, X(2)(sp)
    sd zero, X(0)(sp)
    j 2f
1:
    addi sp, sp, -(FRAME)
    sd ra, X(1)(sp)
    csrrw ra, mscratch, zero
    sd ra, X(2)(sp)
    addi ra, sp, FRAME
    sd ra, X(0)(sp)
2:
    .irp n, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    sd x\n, X(\n)(sp)
    .endr
    csrr t0, mepc
    csrr t1, mcause
    csrr t2, mtval
    sd t0, MEPC(sp)
    sd t1, MCAUSE(sp)
    sd t2, MTVAL(sp)
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    mv a0, sp
    call trap_dispatch
    ld t0, MEPC(sp)
    ld t1, X(0)(sp)
    csrw mepc, t0
    csrw mscratch, t1
    .irp n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    ld x\n, X(\n)(sp)
    .endr
    ld sp, X(2)(sp)
    mret
    .size trap_entry, . - trap_entry
