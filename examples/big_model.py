# SPDX-License-Identifier: MIT
"""Runs a model that is larger than the memory: what has no room is read from flash in each run.

Needs a kmodel V3 in flash at 0x600000 whose input is 320x240 in colours.
"""

import time

import KPU as kpu
import sensor

sensor.reset()
sensor.set_pixformat(sensor.RGB565)
sensor.set_framesize(sensor.QVGA)
sensor.skip_frames(2)  # the camera takes its memory before the model takes the rest

model = kpu.load(0x600000)
read = sum(layer.streamed() for layer in kpu.netinfo(model))
print(model.model_size(), "bytes,", read, "of them read in each run")
for _ in range(3):
    img = sensor.snapshot()
    start = time.ticks_ms()
    answers = kpu.forward(model, img)[:]
    took = time.ticks_diff(time.ticks_ms(), start)
    best = max(range(len(answers)), key=lambda place: answers[place])
    print("answer", best, "%.3f" % answers[best], took, "ms")
kpu.deinit(model)
