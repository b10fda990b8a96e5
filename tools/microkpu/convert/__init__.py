# SPDX-License-Identifier: MIT
"""From ONNX or TensorFlow Lite to a kmodel: `convert(Path("m.onnx"), Path("pictures")).data`."""

from __future__ import annotations

from microkpu.errors import MicrokpuError

try:
    from microkpu.convert.conversion import Conversion, Options, convert
    from microkpu.convert.errors import ConvertError
except ImportError as error:
    raise MicrokpuError(
        f"converting needs a package that is missing ({error}): pip install 'microkpu[convert]'"
    ) from None

__all__ = ["Conversion", "ConvertError", "Options", "convert"]
