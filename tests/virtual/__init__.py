# SPDX-License-Identifier: MIT
"""Tests that look inside the virtual board."""
