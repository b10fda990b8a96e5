# SPDX-License-Identifier: MIT
"""The subcommands of `microkpu`, a file each: add() describes the options, call() works."""
