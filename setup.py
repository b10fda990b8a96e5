# SPDX-License-Identifier: MIT
"""The package's compiled parts: the virtual board's core and the model runtime for the host."""

from pathlib import Path

from setuptools import Extension, setup

# Board and host must agree to the bit, so no fused multiply-add on either.
FLAGS = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off"]
FLAGS.append("-Wno-missing-field-initializers")  # MicroPython's manner, and Python's own tables


def files(pattern: str) -> list[str]:
    return sorted(map(str, Path().glob(pattern)))


setup(
    ext_modules=[
        Extension(
            "microkpu.virtual._core",
            files("tools/microkpu/virtual/core/*.c") + files("tools/microkpu/native/kpu_layer*.c"),
            include_dirs=["tools/microkpu/native", "tools/microkpu/virtual/core"],
            depends=files("tools/microkpu/virtual/core/*.h") + files("tools/microkpu/native/*.h"),
            extra_compile_args=[*FLAGS, "-O3"],
            libraries=["m"],
        ),
        Extension(
            "microkpu.kmodel._runtime",
            [
                "tools/microkpu/kmodel/_runtime.c",
                *files("tools/microkpu/native/*.c"),
                *files("modules/kpu/kmodel*.c"),
            ],
            include_dirs=["tools/microkpu/native", "modules/kpu", "sdk"],
            depends=[
                *files("modules/kpu/*.h"),
                *files("tools/microkpu/native/*.h"),
                "sdk/kpu.h",
            ],
            extra_compile_args=FLAGS,
            libraries=["m"],
        ),
    ]
)
