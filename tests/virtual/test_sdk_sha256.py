# SPDX-License-Identifier: MIT
"""sdk/sha256.c on the virtual board: against hashlib, in pieces, and a length that is not kept."""

from __future__ import annotations

import hashlib
from pathlib import Path

from virtual.bare import build

OK, ERR_ARG = 0, -1
SIZES = (0, 1, 55, 56, 57, 63, 64, 65, 127, 128, 3000)


def test_digests_of_all_kinds_of_lengths(tmp_path: Path) -> None:
    source = """
    #include "sha256.h"
    static uint8_t message[3000], digests[%d][SHA256_HASH_LEN];
    static void steps(void) {
        static const size_t sizes[] = { %s };
        for (size_t i = 0; i < sizeof(message); i++) {
            message[i] = i * 7;
        }
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            result[i] = sha256_hard_calculate(message, sizes[i], digests[i]);
        }
        memcpy((void *)(result + 100), digests, sizeof(digests));
    }"""
    built = build(tmp_path, source % (len(SIZES), ", ".join(map(str, SIZES))))
    built.run()
    message = bytes(place * 7 & 0xFF for place in range(3000))
    for index, size in enumerate(SIZES):
        assert built.result(index) == OK
        digest = built.bytes("result", 32, 800 + 32 * index)
        assert digest == hashlib.sha256(message[:size]).digest(), size


def test_pieces_and_lengths_that_are_not_kept(tmp_path: Path) -> None:
    source = """
    #include "sha256.h"
    static void steps(void) {
        sha256_context_t context;
        uint8_t digest[SHA256_HASH_LEN];
        result[0] = sha256_hard_init(&context, 70);
        result[1] = sha256_hard_update(&context, "0123456789", 10);
        result[2] = sha256_hard_final(&context, digest); // 60 bytes are missing
        result[3] = sha256_hard_update(&context, digest, 61);
        for (int i = 0; i < 6; i++) {
            result[4] |= sha256_hard_update(&context, "0123456789", 10);
        }
        result[5] = sha256_hard_final(&context, digest);
        result[6] = sha256_hard_init(&context, SHA256_INPUT_MAX + 1);
        result[7] = sha256_hard_init(&context, SHA256_INPUT_MAX);
        memcpy((void *)(result + 100), digest, sizeof(digest));
    }"""
    built = build(tmp_path, source)
    built.run()
    assert [built.result(index) for index in range(8)] == [
        OK, OK, ERR_ARG, ERR_ARG, OK, OK, ERR_ARG, OK,
    ]  # fmt: skip
    assert built.bytes("result", 32, 800) == hashlib.sha256(b"0123456789" * 7).digest()
