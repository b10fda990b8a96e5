# SPDX-License-Identifier: MIT
"""The base of every error that the tools raise on purpose, and of those that are a caller's."""


class MicrokpuError(Exception):
    """Says what was given, what was wanted and what to do; the CLI prints it on one line."""


class UsageError(MicrokpuError, ValueError):
    """What was asked for has no meaning; found before anything is done, and the CLI exits 2."""
