# SPDX-License-Identifier: MIT
"""From a kmodel V5 of nncase 1.6 to 1.9 to a kmodel V4."""

from microkpu.convert.transcode.transcoder import transcode

__all__ = ["transcode"]
