# SPDX-License-Identifier: MIT
# The Python code inside the minimum image: the start script.
freeze("$(PORT_DIR)/frozen")
