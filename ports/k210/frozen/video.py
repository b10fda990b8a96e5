# SPDX-License-Identifier: MIT
# Says what to use instead.
raise ImportError(
    "video: clips are not played or written: show pictures in turn with image.Image(path) and lcd.display(), keep them with img.save()"
)
