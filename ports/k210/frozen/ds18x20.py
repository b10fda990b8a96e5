# SPDX-License-Identifier: MIT
# DS18X20: thermometers on a OneWire.
_CONVERT, _READ, _WRITE = 0x44, 0xBE, 0x4E
_FAMILIES = (0x10, 0x22, 0x28)


class DS18X20:
    def __init__(self, onewire):
        self.ow = onewire
        self.buf = bytearray(9)

    def scan(self):
        return [rom for rom in self.ow.scan() if rom[0] in _FAMILIES]

    def convert_temp(self):
        """All measure, which takes them 750 ms."""
        self.ow.reset(True)
        self.ow.writebyte(self.ow.SKIP_ROM)
        self.ow.writebyte(_CONVERT)

    def read_scratch(self, rom):
        self.ow.reset(True)
        self.ow.select_rom(rom)
        self.ow.writebyte(_READ)
        self.ow.readinto(self.buf)
        if self.ow.crc8(self.buf):
            raise Exception("what the thermometer sent has a wrong checksum")
        return self.buf

    def write_scratch(self, rom, buf):
        self.ow.reset(True)
        self.ow.select_rom(rom)
        self.ow.writebyte(_WRITE)
        self.ow.write(buf)

    def read_temp(self, rom):
        """Degrees Celsius."""
        data = self.read_scratch(rom)
        value = data[0] | data[1] << 8
        if value & 0x8000:
            value -= 0x10000
        if rom[0] == 0x10:  # halves of degrees, with the rest of the count
            return (value >> 1) - 0.25 + (data[7] - data[6]) / data[7]
        return value / 16
