# SPDX-License-Identifier: MIT
"""Finds faces before the camera and shows them in boxes on the display.

Needs a YOLOv2 model for faces in flash at 0x300000, 320x240 as it comes from the camera: Sipeed's
facedetect.kmodel or the detect.kmodel of Kendryte's face_detect demo.
"""

import KPU as kpu
import lcd
import sensor

ANCHORS = (1.889, 2.5245, 2.9465, 3.94056, 3.99987, 5.3658, 5.155437, 6.92275, 6.718375, 9.01)

lcd.init()
sensor.reset(dual_buff=True)
sensor.set_pixformat(sensor.RGB565)
sensor.set_framesize(sensor.QVGA)

model = kpu.load(0x300000)
kpu.init_yolo2(model, 0.5, 0.3, 5, ANCHORS)
try:
    while True:
        img = sensor.snapshot()
        faces = kpu.run_yolo2(model, img) or []
        for face in faces:
            img.draw_rectangle(face.rect(), color=(0, 255, 0), thickness=2)
            img.draw_string(face.x(), max(face.y() - 14, 0), "%.0f %%" % (100 * face.value()))
        lcd.display(img)
        print([face.rect() for face in faces])
finally:
    kpu.deinit(model)
