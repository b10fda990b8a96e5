# SPDX-License-Identifier: MIT
# ruff: noqa: F821 (names that makemanifest.py gives)
# The Python code inside the full image: the start script, what KPU has in Python, asyncio.
freeze("$(PORT_DIR)/frozen")
freeze("../../../modules/kpu/frozen")
include("$(MPY_DIR)/extmod/asyncio")
