# SPDX-License-Identifier: MIT
# OneWire: several devices on one pin, each with a number of eight bytes.
import _onewire


class OneWireError(Exception):
    pass


class OneWire:
    SEARCH_ROM = 0xF0
    MATCH_ROM = 0x55
    SKIP_ROM = 0xCC

    def __init__(self, pin):
        self.pin = pin
        pin.init(pin.OPEN_DRAIN, pin.PULL_UP)

    def reset(self, required=False):
        """Whether somebody answered."""
        there = _onewire.reset(self.pin)
        if required and not there:
            raise OneWireError("nobody answers on %s" % self.pin)
        return there

    def readbit(self):
        return _onewire.readbit(self.pin)

    def readbyte(self):
        return _onewire.readbyte(self.pin)

    def readinto(self, buf):
        for i in range(len(buf)):
            buf[i] = self.readbyte()

    def writebit(self, value):
        _onewire.writebit(self.pin, value)

    def writebyte(self, value):
        _onewire.writebyte(self.pin, value)

    def write(self, buf):
        for byte in buf:
            self.writebyte(byte)

    def select_rom(self, rom):
        """Speaks to one device from now on, until the next reset."""
        self.reset()
        self.writebyte(self.MATCH_ROM)
        self.write(rom)

    def crc8(self, data):
        return _onewire.crc8(data)

    def scan(self):
        """The numbers of all devices."""
        found = []
        fork = 0  # the last bit, from 1 on, at which the other branch is still to be taken
        rom = bytearray(8)
        while self.reset():
            self.writebyte(self.SEARCH_ROM)
            later = 0
            for bit in range(64):
                place, mask = bit // 8, 1 << bit % 8
                ones, zeros = self.readbit(), self.readbit()
                if ones and zeros:
                    return found  # nobody is left
                if ones == zeros:  # some have a 0 here and some a 1
                    way = bit + 1 == fork or (bit + 1 < fork and rom[place] & mask)
                    if not way:
                        later = bit + 1
                else:
                    way = ones
                rom[place] = rom[place] | mask if way else rom[place] & ~mask
                self.writebit(1 if way else 0)
            if not self.crc8(rom):
                found.append(bytes(rom))
            fork = later
            if not fork:
                break
        return found
