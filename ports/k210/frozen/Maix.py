# SPDX-License-Identifier: MIT
# Module Maix: pads and pins, and what scripts ask about clocks, memory and settings.
import json

import k210
import machine
from _maix import FPIOA, GPIO, fft, kpu_hz  # noqa: F401

# The heap takes more by itself; what is left for models and frames is the script's affair.
HEAP_LEAST = 32 * 1024
HEAP_LEAVES = 1024 * 1024
CPU_MHZ = (60, 500)


def __getattr__(name):
    sound = name in ("I2S", "Audio", "MIC_ARRAY")
    raise AttributeError("Maix.%s: sound is neither recorded nor played" % name if sound else name)


class FFT:
    run = staticmethod(fft)

    @staticmethod
    def freq(points=64, sample_rate=16000):
        """The frequencies in Hz, rounded down, that run() with so many points tells apart."""
        return [sample_rate * i // points for i in range(points)]

    @staticmethod
    def amplitude(points):
        """The amplitudes of the sines that run() has taken apart."""
        return [int((re * re + im * im) ** 0.5 * 2 / len(points)) for re, im in points]


def _keep(place, value):
    settings = k210.settings()
    settings[place] = value
    k210.settings(settings)


class utils:
    @staticmethod
    def gc_heap_size(size=None):
        """Bytes of the heap now; or what its first area has from the next start on, 0 for the firmware's own."""
        import gc

        if size is None:
            return gc.mem_alloc() + gc.mem_free()
        largest = k210.pool()["total"] - HEAP_LEAVES
        if size and not HEAP_LEAST <= size <= largest:
            raise ValueError("heap of %d bytes: want %d to %d, or 0" % (size, HEAP_LEAST, largest))
        _keep(1, size)

    @staticmethod
    def heap_free():
        return k210.pool()["free"]

    @staticmethod
    def flash_read(address, size):
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
        """Keeps another rate in MHz and resets the chip; 0 leaves it. The KPU runs at the CPU's."""
        cpu = cpu or freq.get_cpu()
        if not CPU_MHZ[0] <= cpu <= CPU_MHZ[1]:
            raise OSError("Unsupported CPU frequency!: %d MHz, want %d to %d" % ((cpu,) + CPU_MHZ))
        if pll1 and pll1 // (kpu_div or 1) != cpu:
            raise OSError(
                "Unsupported KPU frequency!: its memory is only steady at the CPU's %d MHz" % cpu
            )
        if cpu == freq.get_cpu():
            print("No change")
            return
        _keep(0, cpu * 1000000)
        machine.reset()


def _kept():
    text = k210.settings()[2]
    return json.loads(text) if text else {}


class config:
    @staticmethod
    def get_value(key, default):
        """A setting that set_value() has kept, else one out of /flash/config.json."""
        if k210.safe_mode():
            return default
        kept = _kept()
        if key in kept:
            return kept[key]
        try:
            with open("/flash/config.json") as file:
                return json.load(file).get(key, default)
        except (OSError, ValueError):
            return default

    @staticmethod
    def set_value(key, value):
        """Keeps a setting in flash sectors of its own, with a checksum and the last state beside; None takes it out."""
        kept = _kept()
        kept[key] = value
        if value is None:
            del kept[key]
        settings = k210.settings()
        settings[2] = json.dumps(kept) if kept else ""
        k210.settings(settings)
