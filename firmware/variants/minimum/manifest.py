# SPDX-License-Identifier: MIT
# ruff: noqa: F821 (names that makemanifest.py gives)
# The Python code inside the minimum image: the start script, what KPU has in Python.
freeze("$(PORT_DIR)/frozen")
freeze("../../../modules/kpu/frozen")
