# SPDX-License-Identifier: MIT
"""fm: who has which function on which pad."""

from board import board_info as board_info
from Maix import FPIOA as FPIOA

class fm:
    fpioa: FPIOA
    @staticmethod
    def register(pin: int, function: int, force: bool = True) -> None: ...
    @staticmethod
    def unregister(pin: int) -> None: ...
    @staticmethod
    def get_pin_by_function(function: int) -> int | None: ...
    @staticmethod
    def str_function(function: int) -> str: ...
    @staticmethod
    def get_gpio_used() -> list[tuple[str, int]]: ...
    @staticmethod
    def help() -> None: ...
