// SPDX-License-Identifier: MIT
// The full image: all that mpconfigport.h turns on.
