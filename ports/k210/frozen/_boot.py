# SPDX-License-Identifier: MIT
# Runs in __main__ before boot.py, so the names it imports are there in boot.py, main.py and at the prompt.
import gc
import os
import sys
import time

sys.path += ["/sd", "/flash", "/flash/lib"]

try:
    import flashfs

    flashfs.mount()
except Exception as error:
    print("/flash is not mounted:", error)
else:
    os.chdir("/flash")

try:
    import sdfs

    if sdfs.mount():
        os.chdir("/sd")
except Exception as error:
    print("/sd is not mounted:", error)
for name in ("flashfs", "sdfs"):
    sys.modules.pop(name, None)
    globals().pop(name, None)
globals().pop("error", None)
del name
