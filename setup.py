# SPDX-License-Identifier: MIT
"""The package's compiled parts: the virtual board's core and the model runtime for the host."""

from glob import glob

from setuptools import Extension, setup

# Board and host must agree to the bit, so no fused multiply-add on either.
FLAGS = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off",
         "-Wno-missing-field-initializers"]

setup(
    ext_modules=[
        Extension(
            "microkpu.virtual._core",
            sorted(glob("tools/microkpu/virtual/core/*.c")) + ["tools/microkpu/native/kpu_layer.c"],
            include_dirs=["tools/microkpu/native", "tools/microkpu/virtual/core"],
            depends=glob("tools/microkpu/virtual/core/*.h") + glob("tools/microkpu/native/*.h"),
            extra_compile_args=[*FLAGS, "-O3"],
            libraries=["m"],
        ),
        Extension(
            "microkpu.kmodel._runtime",
            ["tools/microkpu/kmodel/_runtime.c"]
            + sorted(glob("tools/microkpu/native/*.c"))
            + sorted(glob("modules/kpu/kmodel*.c")),
            include_dirs=["tools/microkpu/native", "modules/kpu", "sdk"],
            depends=glob("modules/kpu/*.h") + glob("tools/microkpu/native/*.h") + ["sdk/kpu.h"],
            extra_compile_args=FLAGS,
            libraries=["m"],
        ),
    ]
)
