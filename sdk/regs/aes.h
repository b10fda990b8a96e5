// SPDX-License-Identifier: MIT
// AES: ECB, CBC and GCM with keys of 128, 192 and 256 bits.
#ifndef REGS_AES_H
#define REGS_AES_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    volatile uint32_t key[4];        // 0x00 RW the last four words of the key, the last one first
    volatile uint32_t encrypt_sel;   // 0x10 RW 1: decrypt
    volatile uint32_t mode_ctl;      // 0x14 RW
    volatile uint32_t iv[4];         // 0x18 RW the last word first; three words for GCM
    volatile uint32_t endian;        // 0x28 RW 1: words are four bytes, the first one lowest
    volatile uint32_t finish;        // 0x2C RO 1: all is worked off
    volatile uint32_t dma_sel;       // 0x30 RW 1: results go to DMA
    volatile uint32_t aad_num;       // 0x34 RW bytes of additional data, minus one
    uint32_t reserved_38;
    volatile uint32_t pc_num;        // 0x3C RW bytes of text, minus one
    volatile uint32_t text_data;     // 0x40 WO
    volatile uint32_t aad_data;      // 0x44 WO
    volatile uint32_t tag_chk;       // 0x48 RO 1: the tag is wrong, 2: it is right
    volatile uint32_t data_in_flag;  // 0x4C RO 1: a word may be written
    volatile uint32_t gcm_in_tag[4]; // 0x50 WO the tag to compare, the last word first
    volatile uint32_t out_data;      // 0x60 RO
    volatile uint32_t enable;        // 0x64 RW
    volatile uint32_t data_out_flag; // 0x68 RO 1: a word can be read
    volatile uint32_t tag_in_flag;   // 0x6C RO 1: the tag may be written
    volatile uint32_t tag_clear;     // 0x70 WO clears tag_chk
    volatile uint32_t gcm_out_tag[4]; // 0x74 RO the tag, the last word first, its first byte highest
    volatile uint32_t key_ext[4];    // 0x84 RW the words of the key before those in key, the last one first
} aes_t;

_Static_assert(offsetof(aes_t, endian) == 0x28, "endian");
_Static_assert(offsetof(aes_t, text_data) == 0x40, "text_data");
_Static_assert(offsetof(aes_t, out_data) == 0x60, "out_data");
_Static_assert(offsetof(aes_t, key_ext) == 0x84, "key_ext");

#define AES_MODE_ECB (0u)
#define AES_MODE_CBC (1u)
#define AES_MODE_GCM (2u)
#define AES_MODE_KEY_SHIFT (3) // 0: 128 bits, 1: 192, 2: 256
#define AES_TAG_WRONG (1u)
#define AES_TAG_RIGHT (2u)

#define AES ((aes_t *)0x50450000)

#endif // REGS_AES_H
