# SPDX-License-Identifier: MIT
"""Shows on the display what the camera sees, with the frames a second written over it."""

import time

import lcd
import sensor

lcd.init()
sensor.reset(dual_buff=True)  # the next frame comes in while this one is shown
sensor.set_pixformat(sensor.RGB565)
sensor.set_framesize(sensor.QVGA)
sensor.skip_frames(time=500)  # until exposure and white balance have settled

rate = 0.0
while True:
    start = time.ticks_us()
    img = sensor.snapshot()
    img.draw_string(4, 4, "%.1f fps" % rate, color=(255, 255, 255), scale=2)
    lcd.display(img)
    rate = 1e6 / time.ticks_diff(time.ticks_us(), start)
