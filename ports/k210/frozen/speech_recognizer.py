# SPDX-License-Identifier: MIT
# Says what to use instead.
raise ImportError(
    "speech_recognizer: words are not recognised here: convert a model of sounds and run it with KPU"
)
