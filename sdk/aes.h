// SPDX-License-Identifier: MIT
// AES by the chip: ECB and CBC of whole blocks, GCM of any length with a nonce of 96 bits.
//
// Every function works the text off and returns; input and output may be the same memory.
#ifndef AES_H
#define AES_H

#include <stddef.h>
#include <stdint.h>

enum {
    AES_OK = 0,
    AES_ERR_ARG = -1,     // no text, or no whole blocks where these are wanted
    AES_ERR_TIMEOUT = -2, // the block does not take or give words
};

#define AES_BLOCK_LEN (16)
#define AES_TAG_LEN (16)

typedef enum {
    AES_ECB,
    AES_CBC,
    AES_GCM,
} aes_cipher_mode_t;

// Bytes of a key.
typedef enum {
    AES_128 = 16,
    AES_192 = 24,
    AES_256 = 32,
} aes_kmode_t;

typedef enum {
    AES_HARD_ENCRYPTION,
    AES_HARD_DECRYPTION,
} aes_encrypt_sel_t;

typedef struct {
    const uint8_t *input_key;
    const uint8_t *iv; // 16 bytes
} cbc_context_t;

typedef struct {
    const uint8_t *input_key;
    const uint8_t *iv; // 12 bytes
    const uint8_t *gcm_aad;
    size_t gcm_aad_len;
} gcm_context_t;

// What the names below stand for. `iv` is NULL for ECB; `aad` and `tag` are GCM's, which gives the tag of 16 bytes in
// both directions: whoever decrypts compares it.
int aes_hard(aes_cipher_mode_t mode, aes_encrypt_sel_t direction, aes_kmode_t key_len, const uint8_t *key,
    const uint8_t *iv, const uint8_t *aad, size_t aad_len, const uint8_t *input, size_t input_len, uint8_t *output,
    uint8_t *tag);

#define AES_FUNCTIONS(bits, crypt, direction) \
    static inline int aes_ecb##bits##_hard_##crypt(const uint8_t * key, const uint8_t * input, size_t input_len, \
    uint8_t * output) { \
        return aes_hard(AES_ECB, direction, AES_##bits, key, NULL, NULL, 0, input, input_len, output, NULL); \
    } \
    static inline int aes_cbc##bits##_hard_##crypt(const cbc_context_t * context, const uint8_t * input, \
    size_t input_len, uint8_t * output) { \
        return aes_hard(AES_CBC, direction, AES_##bits, context->input_key, context->iv, NULL, 0, input, input_len, \
    output, NULL); \
    } \
    static inline int aes_gcm##bits##_hard_##crypt(const gcm_context_t * context, const uint8_t * input, \
    size_t input_len, uint8_t * output, uint8_t * tag) { \
        return aes_hard(AES_GCM, direction, AES_##bits, context->input_key, context->iv, context->gcm_aad, \
    context->gcm_aad_len, input, input_len, output, tag); \
    }

AES_FUNCTIONS(128, encrypt, AES_HARD_ENCRYPTION)
AES_FUNCTIONS(128, decrypt, AES_HARD_DECRYPTION)
AES_FUNCTIONS(192, encrypt, AES_HARD_ENCRYPTION)
AES_FUNCTIONS(192, decrypt, AES_HARD_DECRYPTION)
AES_FUNCTIONS(256, encrypt, AES_HARD_ENCRYPTION)
AES_FUNCTIONS(256, decrypt, AES_HARD_DECRYPTION)

#endif // AES_H
