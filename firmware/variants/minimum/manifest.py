# SPDX-License-Identifier: MIT
# ruff: noqa: F821 (names that makemanifest.py gives)
# The Python code inside the minimum image: the start script, what KPU and Maix have in Python, and
# modules that say what to use instead of them. No line numbers in its tracebacks.
ABSENT = ("audio", "lvgl", "nes", "network", "socket", "speech_recognizer", "ulab", "video")
MODULES = ("Maix", "_boot", "board", "flashfs", "fpioa_manager", "sdfs")
freeze("$(PORT_DIR)/frozen", tuple(name + ".py" for name in MODULES + ABSENT), opt=3)
freeze("../../../modules/kpu/frozen", opt=3)
