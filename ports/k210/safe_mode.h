// SPDX-License-Identifier: MIT
// Whether boot.py, main.py and settings are left alone, and why; and the watch that brings it about.
#ifndef SAFE_MODE_H
#define SAFE_MODE_H

#include <stdbool.h>
#include <stdint.h>

// After power-on or a reset of the chip, once the flash can be read.
void safe_mode_begin(void);
// Before the first script it looks at the key as well; once it was yes, it stays until the chip is reset.
bool safe_mode_is_on(void);
// NULL where it is off.
const char *safe_mode_reason(void);

// The start goes well when it reaches a prompt, or has lived for two seconds.
void safe_mode_watch_start(void);
void safe_mode_prompt_reached(void);
// boot.py begins. Where a tool waits for its prompt it may take so long, then it is ended for good; 0 is no limit.
void safe_mode_scripts_begin(uint32_t limit_ms);
void safe_mode_limit_ends(void);
// Python was ended by the watch, not by itself.
void safe_mode_ended(void);

// From the console: Ctrl-C came while a program ran; Ctrl-A came; a prompt reads.
void safe_mode_interrupted(void);
void safe_mode_raw_wanted(void);
void safe_mode_prompt_reads(void);

#endif // SAFE_MODE_H
