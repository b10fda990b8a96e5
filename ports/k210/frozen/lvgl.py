# SPDX-License-Identifier: MIT
# Says what to use instead.
raise ImportError(
    "lvgl: there is no LVGL: draw into an image.Image and show it with lcd.display()"
)
