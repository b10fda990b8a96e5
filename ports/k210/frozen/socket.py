# SPDX-License-Identifier: MIT
# Says what to use instead.
raise ImportError(
    "socket: there is no network: a WiFi module is spoken to by AT commands over machine.UART"
)
