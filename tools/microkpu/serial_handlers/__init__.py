# SPDX-License-Identifier: MIT
"""pyserial's URL handlers of the project; `register()` makes serial_for_url() know virtual://."""

import serial


def register() -> None:
    """Puts this package on pyserial's search path, once."""
    if __name__ not in serial.protocol_handler_packages:
        serial.protocol_handler_packages.append(__name__)
