# SPDX-License-Identifier: MIT
"""`python -m microkpu` is the command `microkpu`."""

import sys

from microkpu.cli import main

sys.exit(main())
