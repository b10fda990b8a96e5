# SPDX-License-Identifier: MIT
# Says what to use instead.
raise ImportError(
    "audio: sound is not played or recorded: bare samples come by the chip's I2S, which this firmware does not bind"
)
