# SPDX-License-Identifier: MIT
# fm: who has which function on which pad.
from board import board_info  # noqa: F401
from Maix import FPIOA


def _name(function):
    for name in dir(FPIOA):
        if getattr(FPIOA, name) == function:
            return name
    return str(function)


class fm:
    fpioa = FPIOA()

    @staticmethod
    def register(pin, function, force=True):
        had = fm.fpioa.get_Pin_num(function)
        if had is not None and had != pin:
            if not force:
                raise Exception("%s is on pin %d: force=True moves it" % (_name(function), had))
            print("[Warning] function is used by %s(pin:%d)" % (_name(function), had))
        fm.fpioa.set_function(pin, function)

    @staticmethod
    def unregister(pin):
        fm.fpioa.set_function(pin, 120)  # nothing

    @staticmethod
    def get_pin_by_function(function):
        return fm.fpioa.get_Pin_num(function)

    @staticmethod
    def str_function(function):
        return _name(function)

    @staticmethod
    def get_gpio_used():
        """(GPIOHS or GPIO by name, pin) of all that are on pads."""
        found = []
        for name in dir(FPIOA):
            if name.startswith("GPIO"):
                pin = fm.fpioa.get_Pin_num(getattr(FPIOA, name))
                if pin is not None:
                    found.append((name, pin))
        return found

    @staticmethod
    def help():
        fm.fpioa.help()
