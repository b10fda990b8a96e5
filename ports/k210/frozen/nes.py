# SPDX-License-Identifier: MIT
# Says what to use instead.
raise ImportError("nes: games are not played: MaixPy has an emulator")
