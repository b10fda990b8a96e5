# SPDX-License-Identifier: MIT
# Says what to use instead.
raise ImportError("ulab: there is no ulab: array, and for pictures the functions of image")
