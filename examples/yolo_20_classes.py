# SPDX-License-Identifier: MIT
"""Finds twenty kinds of things before the camera, and shows their names in boxes on the display.

Needs a YOLOv2 model of the twenty classes of PASCAL VOC in flash at 0x500000, 320x240: Sipeed's
20class.kmodel or the yolo.kmodel of Kendryte's demos.
"""

import KPU as kpu
import lcd
import sensor

ANCHORS = (1.08, 1.19, 3.42, 4.41, 6.63, 11.38, 9.42, 5.11, 16.62, 10.52)
NAMES = (
    "aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike"
    " person pottedplant sheep sofa train tvmonitor"
).split()

lcd.init()
sensor.reset(dual_buff=True)
sensor.set_pixformat(sensor.RGB565)
sensor.set_framesize(sensor.QVGA)

model = kpu.load(0x500000)
kpu.init_yolo2(model, 0.5, 0.3, 5, ANCHORS)
try:
    while True:
        img = sensor.snapshot()
        things = kpu.run_yolo2(model, img) or []
        for thing in things:
            name = NAMES[thing.classid()]
            img.draw_rectangle(thing.rect(), color=(255, 0, 0), thickness=2)
            img.draw_string(thing.x() + 4, thing.y() + 4, name, color=(255, 0, 0), scale=2)
        lcd.display(img)
        print([(NAMES[thing.classid()], thing.rect()) for thing in things])
finally:
    kpu.deinit(model)
