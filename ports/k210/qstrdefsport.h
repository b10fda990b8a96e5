// SPDX-License-Identifier: MIT
// Names that only frozen code and the port's start use.
Q(/flash)
Q(/flash/lib)
Q(/sd)
