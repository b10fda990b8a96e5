# SPDX-License-Identifier: MIT
# DHT11 and DHT22: thermometers and hygrometers on one pin.
from machine import dht_readinto


class _Dht:
    def __init__(self, pin):
        self.pin = pin
        self.buf = bytearray(5)

    def measure(self):
        """Asks the sensor: OSError where it does not answer."""
        dht_readinto(self.pin, self.buf)
        if sum(self.buf[:4]) & 0xFF != self.buf[4]:
            raise Exception("what the sensor sent has a wrong checksum")


class DHT11(_Dht):
    def humidity(self):
        return self.buf[0]

    def temperature(self):
        return self.buf[2]


class DHT22(_Dht):
    def humidity(self):
        return (self.buf[0] << 8 | self.buf[1]) / 10

    def temperature(self):
        degrees = ((self.buf[2] & 0x7F) << 8 | self.buf[3]) / 10
        return -degrees if self.buf[2] & 0x80 else degrees
