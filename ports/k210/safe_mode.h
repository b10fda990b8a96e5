// SPDX-License-Identifier: MIT
// Whether boot.py, main.py and settings are left alone, and why; and the watch that brings it about.
#ifndef SAFE_MODE_H
#define SAFE_MODE_H

#include <stdbool.h>
#include <stdint.h>

// After power-on or a reset of the chip, once the flash can be read.
void safe_mode_begin(void);
// Looks at the key as well; the answer stays once it was yes, until the chip is reset.
bool safe_mode_is_on(void);
// NULL where it is off.
const char *safe_mode_reason(void);

// The start goes well when it reaches a prompt, or has lived for two seconds.
void safe_mode_watch_start(void);
void safe_mode_prompt_reached(void);
// A tool waits for its prompt: boot.py may take so long, then it is ended for good. 0 takes the limit back.
void safe_mode_limit(uint32_t ms);
// Python was ended by the watch, not by itself.
void safe_mode_ended(void);

// From the console: Ctrl-C came while a program ran; Ctrl-A came; a prompt reads.
void safe_mode_interrupted(void);
void safe_mode_raw_wanted(void);
void safe_mode_prompt_reads(void);

#endif // SAFE_MODE_H
