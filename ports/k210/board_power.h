// SPDX-License-Identifier: MIT
// The power chip of boards that have one.
#ifndef BOARD_POWER_H
#define BOARD_POWER_H

// Switches on what display and camera live on; 0, or what i2c.h says. Does nothing where the board has no such chip.
int board_power_init(void);

#endif // BOARD_POWER_H
