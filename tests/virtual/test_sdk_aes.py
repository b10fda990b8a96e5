# SPDX-License-Identifier: MIT
"""sdk/aes.c on the virtual board, against OpenSSL: all modes, keys and directions."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from virtual.bare import build

KEY, IV, TEXT = bytes(range(32)), bytes(range(50, 66)), bytes(range(96))
SOURCE = """
#include "aes.h"
static uint8_t key[32], iv[16], text[96], out[96], tag[16];
static cbc_context_t cbc = { key, iv };
static gcm_context_t gcm = { key, iv, text, 21 };
static void steps(void) {
    for (int i = 0; i < 96; i++) {
        text[i] = i;
        key[i %% 32] = i %% 32;
        iv[i %% 16] = 50 + i %% 16;
    }
    result[0] = aes_ecb%(bits)d_hard_encrypt(key, text, 96, out);
    memcpy((void *)(result + 100), out, 96);
    result[1] = aes_ecb%(bits)d_hard_decrypt(key, out, 96, out) || memcmp(out, text, 96);
    result[2] = aes_cbc%(bits)d_hard_encrypt(&cbc, text, 96, out);
    memcpy((void *)(result + 120), out, 96);
    result[3] = aes_cbc%(bits)d_hard_decrypt(&cbc, out, 96, out) || memcmp(out, text, 96);
    result[4] = aes_gcm%(bits)d_hard_encrypt(&gcm, text, 90, out, tag);
    memcpy((void *)(result + 140), out, 90);
    memcpy((uint8_t *)(result + 140) + 90, tag, 16);
    result[5] = aes_gcm%(bits)d_hard_decrypt(&gcm, out, 90, out, key) || memcmp(out, text, 90);
    result[6] = memcmp(key, tag, 16);
    result[7] = aes_ecb%(bits)d_hard_encrypt(key, text, 17, out);
    result[8] = aes_gcm%(bits)d_hard_encrypt(&gcm, text, 0, out, tag);
}
"""


@pytest.mark.parametrize("bits", [128, 192, 256])
def test_all_modes(tmp_path: Path, bits: int) -> None:
    built = build(tmp_path, SOURCE % {"bits": bits})
    built.run()
    assert [built.result(index) for index in range(9)] == [0] * 7 + [-1, -1]
    key = KEY[: bits // 8]
    ecb = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    cbc = Cipher(algorithms.AES(key), modes.CBC(IV)).encryptor()
    assert built.bytes("result", 96, 800) == ecb.update(TEXT)
    assert built.bytes("result", 96, 960) == cbc.update(TEXT)
    assert built.bytes("result", 106, 1120) == AESGCM(key).encrypt(IV[:12], TEXT[:90], TEXT[:21])
