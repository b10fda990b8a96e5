# SPDX-License-Identifier: MIT
# board.board_info: the board's pads by name, those of /flash/config.json over the firmware's own.
import _maix
from Maix import config


class Board_Info:
    def load(self, pads):
        for name, pad in pads.items():
            setattr(self, name, pad)


board_info = Board_Info()
board_info.load(_maix.pads)
board_info.load(config.get_value("board_info", {}))
