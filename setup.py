# SPDX-License-Identifier: MIT
"""The package's compiled parts, and what a wheel carries: firmware, boards, examples, models.

`make dist` names in MICROKPU_CARRIED the folder with what a checkout builds; without it a package
carries nothing and is a checkout's own.
"""

import os
import shutil
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_py import build_py

# Board and host must agree to the bit, so no fused multiply-add on either.
FLAGS = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off"]
FLAGS.append("-Wno-missing-field-initializers")  # MicroPython's manner, and Python's own tables
# One wheel for every CPython from 3.11 on.
LIMITED = [("Py_LIMITED_API", "0x030B0000")]


def files(pattern: str) -> list[str]:
    return sorted(map(str, Path().glob(pattern)))


class BuildPy(build_py):
    """Adds what the wheel carries beside the package's Python."""

    def run(self) -> None:
        super().run()
        carried = os.environ.get("MICROKPU_CARRIED")
        if carried and not self.editable_mode:
            target = Path(self.build_lib) / "microkpu" / "carried"
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(carried, target)


setup(
    cmdclass={"build_py": BuildPy},
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
    ext_modules=[
        Extension(
            "microkpu.virtual._core",
            files("tools/microkpu/virtual/core/*.c") + files("tools/microkpu/native/kpu_layer*.c"),
            include_dirs=["tools/microkpu/native", "tools/microkpu/virtual/core"],
            depends=files("tools/microkpu/virtual/core/*.h") + files("tools/microkpu/native/*.h"),
            define_macros=LIMITED,
            py_limited_api=True,
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
            define_macros=LIMITED,
            py_limited_api=True,
            extra_compile_args=FLAGS,
            libraries=["m"],
        ),
    ],
)
