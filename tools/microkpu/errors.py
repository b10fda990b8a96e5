# SPDX-License-Identifier: MIT
"""The one base of every error that the tools raise on purpose."""


class MicrokpuError(Exception):
    """Says what was given, what was wanted and what to do; the CLI prints it on one line."""
