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
sys.modules.pop("flashfs", None)
globals().pop("flashfs", None)
globals().pop("error", None)
