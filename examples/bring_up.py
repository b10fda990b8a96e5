# SPDX-License-Identifier: MIT
# The first hour on a board, as far as software sees it: a line before each step, a line after.
import os
import time

import k210
import machine

SCRATCH = 0xCFB000  # a sector below the settings that nothing uses; it must be blank


def chip():
    assert len(machine.unique_id()) == 8
    return "%s, cpu %d MHz, reset cause %d" % (
        os.uname().machine,
        machine.freq() // 1000000,
        machine.reset_cause(),
    )


def clock():
    start, us = time.ticks_ms(), time.ticks_us()
    time.sleep_ms(500)
    took = time.ticks_diff(time.ticks_ms(), start)
    assert 499 <= took <= 510, took
    assert abs(time.ticks_diff(time.ticks_us(), us) - took * 1000) < 2000
    return "%d ms for 500" % took


def memory():
    size = k210.pool()["largest"] // 2
    block = bytearray(size)
    for value in (0x55, 0xAA):
        for at in range(0, size, 65536):
            part = memoryview(block)[at : at + 65536]
            part[:] = bytes([value]) * len(part)
        for at in range(0, size, 65536):
            part = memoryview(block)[at : at + 65536]
            assert part == bytes([value]) * len(part), "0x%x holds something else" % at
    return "%d KiB, every bit as 0 and as 1" % (size // 1024)


def flash():
    device = k210.Flash(SCRATCH, 4096)
    assert device.blank(), "sector 0x%x is not blank: choose another" % SCRATCH
    pattern, found = bytes(range(256)) * 16, bytearray(4096)
    device.writeblocks(0, pattern)
    for _ in range(100):
        device.readblocks(0, found)
        assert found == pattern
    device.ioctl(6, 0)
    assert device.blank()
    return "id 0x%06x; a sector written, read a hundred times, erased" % k210.flash_id()


def leds():
    from board import board_info

    names = sorted(name for name in dir(board_info) if name.startswith("LED_"))
    for name in names:
        led = machine.Pin(name, machine.Pin.OUT, value=0)
        time.sleep_ms(300)
        led.value(1)
    return "lit one after the other: " + " ".join(names)


def card():
    return "%d files on /sd" % len(os.listdir("/sd"))


def display():
    import lcd

    lcd.init()
    for color in (lcd.RED, lcd.GREEN, lcd.BLUE, lcd.WHITE, lcd.BLACK):
        lcd.clear(color)
    w, h = lcd.width(), lcd.height()
    lcd.fill_rectangle(0, 0, 8, 8, lcd.RED)
    lcd.fill_rectangle(w - 8, 0, 8, 8, lcd.GREEN)
    lcd.fill_rectangle(0, h - 8, 8, 8, lcd.BLUE)
    lcd.fill_rectangle(w - 8, h - 8, 8, 8, lcd.WHITE)
    return "red, green, blue, white, black, then four corners, %dx%d" % (w, h)


def camera():
    import sensor

    sensor.reset()
    sensor.set_pixformat(sensor.RGB565)
    sensor.set_framesize(sensor.QVGA)
    sensor.snapshot()
    start = time.ticks_ms()
    for _ in range(10):
        sensor.snapshot()
    return "sensor 0x%x, %d ms a frame" % (
        sensor.get_id(),
        time.ticks_diff(time.ticks_ms(), start) // 10,
    )


def watched(step):
    try:
        return "ok: " + step()
    except Exception as error:
        return "FAILED: %s %s" % (type(error).__name__, error)


STEPS = (chip, clock, memory, flash, leds, card, display, camera)
for number, step in enumerate(STEPS, 1):
    print("S%02d> %s" % (number, step.__name__))
    print("S%02d %s" % (number, watched(step)))
