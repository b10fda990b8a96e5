# SPDX-License-Identifier: MIT
"""Reads handwritten digits, pictures from /flash, with the KPU, and counts the right answers."""

import image
import KPU as kpu

FOLDER = "/flash/digits/"

model = kpu.load(0x300000)  # the model lies in flash, outside the file system


def read(name):
    """The picture as the model wants it, and how likely each of the ten digits is."""
    img = image.Image(FOLDER + name).resize(32, 32)
    img.pix_to_ai()  # the KPU reads the picture's other buffer
    return img, kpu.forward(model, img)[:]


right = count = 0
for line in open(FOLDER + "labels.txt"):
    name, truth = line.split()
    img, chances = read(name)
    answer = chances.index(max(chances))
    count += 1
    right += answer == int(truth)
    print(name, "truth", truth, "answer", answer, " ".join("%.3f" % p for p in chances))
print(right, "of", count, "digits read right")

kpu.deinit(model)
model = kpu.load("/flash/digits.kmodel")  # the same model, as a file
assert read(name)[1] == chances
