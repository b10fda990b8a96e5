# SPDX-License-Identifier: MIT
"""The board's pads by name."""

from collections.abc import Mapping
from typing import Any

from Maix import config as config

class Board_Info:
    def load(self, pads: Mapping[str, Any]) -> None: ...
    # What else /flash/config.json names.
    def __getattr__(self, name: str) -> Any: ...

board_info: Board_Info
