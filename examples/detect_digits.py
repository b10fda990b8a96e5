# SPDX-License-Identifier: MIT
"""Finds and reads handwritten digits before the camera, and shows them in boxes on the display.

Needs detector.kmodel, which `make detector` makes, in flash at 0x400000.
"""

import KPU as kpu
import lcd
import sensor

lcd.init()
sensor.reset(dual_buff=True)  # the next frame comes in while the KPU works on this one
sensor.set_pixformat(sensor.RGB565)
sensor.set_framesize(sensor.QVGA)

model = kpu.load(0x400000)
kpu.init_yolo2(model, 0.5, 0.3, 3, (1.5, 2.3, 2.2, 3.3, 2.9, 4.3))
try:
    while True:
        img = sensor.snapshot()
        found = kpu.run_yolo2(model, img) or []
        for box in found:
            x, y = box.x(), max(box.y() - 20, 0)
            img.draw_rectangle(box.rect(), color=(230, 30, 30), thickness=2)
            img.draw_rectangle(x, y, 19, 20, color=(230, 30, 30), fill=True)
            img.draw_string(x + 2, y, str(box.classid()), color=(255, 255, 255), scale=2)
        lcd.display(img)
        print([(box.classid(), box.rect()) for box in found])
finally:
    kpu.deinit(model)
