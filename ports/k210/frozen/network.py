# SPDX-License-Identifier: MIT
# Says what to use instead.
raise ImportError(
    "network: there is no network: a WiFi module is spoken to by AT commands over machine.UART"
)
