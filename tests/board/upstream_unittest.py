# SPDX-License-Identifier: MIT
"""Module unittest for the board, as far as MicroPython's own tests use it; its form of report."""

import sys


class SkipTest(Exception):
    pass


class _Raises:
    def __init__(self, wanted):
        self.wanted = wanted

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            raise AssertionError(f"{self.wanted!r} was not raised")
        return issubclass(kind, self.wanted)


class TestCase:
    def setUp(self):
        pass

    def tearDown(self):
        pass

    def skipTest(self, reason):
        raise SkipTest(reason)

    def fail(self, message=""):
        raise AssertionError(message)

    def assertEqual(self, first, second, message=""):
        if first != second:
            raise AssertionError(message or f"{first!r} is not {second!r}")

    def assertTrue(self, value, message=""):
        if not value:
            raise AssertionError(message or f"{value!r} is false")

    def assertIn(self, item, container, message=""):
        if item not in container:
            raise AssertionError(message or f"{item!r} is not in {container!r}")

    def assertIsInstance(self, value, kind, message=""):
        if not isinstance(value, kind):
            raise AssertionError(message or f"{value!r} is no {kind!r}")

    def assertLessEqual(self, first, second, message=""):
        if not first <= second:
            raise AssertionError(message or f"{first!r} is more than {second!r}")

    def assertRaises(self, wanted, call=None, *args, **kwargs):
        if call is None:
            return _Raises(wanted)
        with _Raises(wanted):
            call(*args, **kwargs)


def skip(reason):
    def wrapped(_):
        def skipped(self):
            raise SkipTest(reason)

        return skipped

    return wrapped


def skipIf(condition, reason):
    return skip(reason) if condition else lambda tried: tried


def skipUnless(condition, reason):
    return skipIf(not condition, reason)


def _run(case, name):
    test = case()
    test.setUp()
    try:
        getattr(test, name)()
    finally:
        test.tearDown()


def main(module="__main__"):
    counts = {"ran": 0, "skipped": 0, "failures": 0, "errors": 0}
    names = vars_of(__import__(module))
    for case in names:
        if not (isinstance(case, type) and issubclass(case, TestCase) and case is not TestCase):
            continue
        for name in sorted(each for each in dir(case) if each.startswith("test")):
            counts["ran"] += 1
            print(name)
            try:
                _run(case, name)
            except SkipTest:
                counts["skipped"] += 1
            except AssertionError as error:
                counts["failures"] += 1
                sys.print_exception(error)
            except Exception as error:
                counts["errors"] += 1
                sys.print_exception(error)
    print("-" * 70)
    print("Ran %d tests\n" % counts["ran"])
    if counts["failures"] or counts["errors"]:
        print("FAILED (failures=%d, errors=%d)" % (counts["failures"], counts["errors"]))
    elif counts["skipped"]:
        print("OK (skipped=%d)" % counts["skipped"])
    else:
        print("OK")


def vars_of(module):
    return [getattr(module, name) for name in dir(module)]
