# SPDX-License-Identifier: MIT
"""Host tools for the K210: a virtual Maix board, board control and the kmodel toolbox."""

__version__ = "0.1.0"
