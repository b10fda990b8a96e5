# SPDX-License-Identifier: MIT
"""Shows what each layer of a net makes of the camera's picture: its feature maps, side by side.

Needs digits.kmodel, which `make digits` makes, in flash at 0x300000; any model of layers that the
KPU computes will do, with its input's SIDE.
"""

import image
import KPU as kpu
import lcd
import sensor

SIDE = 32
LAYERS = 5

lcd.init()
sensor.reset()
sensor.set_pixformat(sensor.RGB565)
sensor.set_framesize(sensor.QVGA)
sensor.skip_frames(time=300)

model = kpu.load(0x300000)
for layers in range(1, LAYERS + 1):
    kpu.set_layers(model, layers)
    img = sensor.snapshot().resize(SIDE, SIDE).to_grayscale()
    img.pix_to_ai()
    maps = kpu.forward(model, img)
    columns = max(320 // (maps.w() * 2), 1)
    sheet = image.Image()
    for channel in range(maps.ch()):
        row, column = divmod(channel, columns)
        one = kpu.fmap(maps, channel).resize(maps.w() * 2 - 2, maps.h() * 2 - 2)
        sheet.draw_image(one, column * maps.w() * 2, row * maps.h() * 2)
    lcd.display(sheet)
    print("layer", layers, "makes", maps.ch(), "maps of %dx%d" % (maps.w(), maps.h()))
kpu.deinit(model)
