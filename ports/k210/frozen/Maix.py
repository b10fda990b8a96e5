# SPDX-License-Identifier: MIT
# Module Maix: pads and pins, and what scripts ask about clocks, memory and settings.
import json

import machine
from _maix import FPIOA, GPIO, kpu_hz  # noqa: F401


class utils:
    @staticmethod
    def gc_heap_size(size=None):
        """The heap grows by itself, so a size need not be kept."""
        import gc

        if size is None:
            return gc.mem_alloc() + gc.mem_free()

    @staticmethod
    def heap_free():
        import k210

        return k210.pool()["free"]

    @staticmethod
    def flash_read(address, size):
        import k210

        start = address // 4096 * 4096
        blocks = (address + size - start + 4095) // 4096
        data = bytearray(blocks * 4096)
        k210.Flash(start, len(data)).readblocks(0, data)
        return bytes(data[address - start : address - start + size])


class freq:
    @staticmethod
    def get_cpu():
        return machine.freq() // 1000000

    @staticmethod
    def get_kpu():
        return kpu_hz() // 1000000

    @staticmethod
    def get():
        return freq.get_cpu(), freq.get_kpu()

    @staticmethod
    def set(cpu=0, pll1=0, kpu_div=0):
        if cpu not in (0, freq.get_cpu()):
            raise OSError("Unsupported CPU frequency!: it is fixed at %d MHz" % freq.get_cpu())
        if pll1:
            raise OSError("Unsupported KPU frequency!: it is fixed at %d MHz" % freq.get_kpu())
        print("No change")


class config:
    @staticmethod
    def get_value(key, default):
        """A setting out of /flash/config.json."""
        try:
            with open("/flash/config.json") as file:
                return json.load(file).get(key, default)
        except (OSError, ValueError):
            return default
