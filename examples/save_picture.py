# SPDX-License-Identifier: MIT
"""Takes a photograph, saves it on the SD card and shows what lies there.

Needs an SD card, formatted with FAT32.
"""

import os

import image
import lcd
import sensor

lcd.init()
sensor.reset()
sensor.set_pixformat(sensor.RGB565)
sensor.set_framesize(sensor.QVGA)
sensor.skip_frames(time=500)  # until exposure and white balance have settled

names = os.listdir("/sd")
number = 0
while "photo%03d.jpg" % number in names:
    number += 1
path = "/sd/photo%03d.jpg" % number
sensor.snapshot().save(path, quality=90)
lcd.display(image.Image(path))
print(path, os.stat(path)[6], "bytes")
