// SPDX-License-Identifier: MIT
// Feeds broken files to the model loader, and runs those that it accepts; built with sanitizers by test_kmodel_sanitized.py.
//
//   kmodel_harness truncate FILE            every length from 0 to the whole
//   kmodel_harness mutate FILE SEED SECONDS random changes, until the time is up
//
// Each file lies in a block of exactly its size. A file that is accepted must run: no error, no end by alarm.
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kmodel.h"
#include "kpu_host.h"

#define CASE_SECONDS (120) // far beyond the slowest file under sanitizers on a busy machine
#define MOST_CHANGES (4)

static uint64_t random_state;

static uint32_t random_below(uint32_t limit) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 32) * limit >> 32);
}

static void *block(size_t bytes, size_t align) {
    void *p = NULL;
    if (posix_memalign(&p, align, bytes) != 0) {
        fprintf(stderr, "no memory for %zu bytes\n", bytes);
        exit(2);
    }
    memset(p, 0xa5, bytes);
    return p;
}

static void run(const void *file, size_t bytes, const kmodel_needs_t *needs) {
    void *work = block(needs->work, 64), *device = block(needs->device, 64), *tape = block(needs->tape, 64);
    kmodel_t *model = block(kmodel_struct_bytes(), 64);
    if (!kpu_host_map(file, bytes) || kmodel_open(model, file, bytes, work, device, tape) != KMODEL_OK) {
        fprintf(stderr, "a measured file does not open\n");
        exit(3);
    }
    kmodel_tensor_t input = kmodel_input(model);
    uint8_t *data = block(input.bytes, 8);
    for (size_t i = 0; i < input.bytes; i++) {
        data[i] = (uint8_t)(i * 37);
    }
    int result = kmodel_start(model, data, input.bytes);
    if (result == KMODEL_OK) {
        do {
            result = kmodel_step(model);
        } while (result == KMODEL_BUSY);
    }
    if (result != KMODEL_OK) {
        fprintf(stderr, "a measured file ends its run with %d\n", result);
        exit(4);
    }
    uint32_t sum = 0;
    for (uint32_t i = 0; i < kmodel_output_count(model); i++) {
        const uint8_t *out = kmodel_output_data(model, i);
        for (size_t j = 0; j < kmodel_output(model, i).bytes; j++) {
            sum += out[j];
        }
    }
    for (uint32_t i = 0; i < kmodel_layer_count(model); i++) {
        kmodel_layer_t layer;
        sum += (uint32_t)kmodel_layer(model, i, &layer);
    }
    __asm__ volatile ("" : : "r" (sum));
    kpu_host_unmap(file);
    free(data);
    free(model);
    free(tape);
    free(device);
    free(work);
}

// True where the file is accepted.
static bool try(const uint8_t *data, size_t bytes) {
    uint8_t *file = block(bytes, KMODEL_ALIGN);
    memcpy(file, data, bytes);
    alarm(CASE_SECONDS);
    kmodel_needs_t needs;
    kmodel_why_t why;
    int result = kmodel_measure(file, bytes, &needs, &why);
    if (result == KMODEL_OK) {
        run(file, bytes, &needs);
    } else {
        char text[256];
        if (strlen(kmodel_explain(&why, text, sizeof(text))) < 10) {
            exit(5);
        }
    }
    free(file);
    return result == KMODEL_OK;
}

static const uint32_t telling[] = {
    0, 1, 2, 3, 4, 7, 8, 63, 64, 65, 255, 256, 1023, 1024, 32767, 32768, 65535, 65536, 0x7fffffff, 0x80000000,
    0xfffffff8, 0xfffffffc, 0xffffffff, 10240, 10243,
};

static uint32_t word_at(const uint8_t *data, size_t offset) {
    uint32_t word;
    memcpy(&word, data + offset, 4);
    return word;
}

// Where the tables end, a row of eight bytes for each layer last, and how many layers there are.
static size_t tables_end(const uint8_t *data, uint32_t *layers) {
    if (memcmp(data, "LDMK", 4) != 0) {
        *layers = word_at(data, 12);
        return 28 + 8 * (size_t)word_at(data, 24) + 8 * (size_t)*layers;
    }
    *layers = word_at(data, 24);
    size_t ranges = 32 * (size_t)word_at(data, 28) + 16 * (size_t)word_at(data, 32);
    return 40 + ranges + word_at(data, 16) + 8 * (size_t)*layers;
}

// Most changes go to fields: the header, the tables, the first words of the bodies.
static size_t place_to_change(const uint8_t *data, size_t bytes) {
    uint32_t layers;
    size_t tables = tables_end(data, &layers), body = tables;
    switch (random_below(4)) {
        case 0:
            return random_below(bytes / 4) * 4;
        case 1:
            return random_below(tables / 4) * 4;
    }
    size_t row = tables - 8 * (size_t)layers;
    for (uint32_t skip = random_below(layers); skip; skip--, row += 8) {
        body += word_at(data, row + 4);
    }
    size_t place = body + random_below(36) * 4;
    return place + 4 <= bytes ? place : 0;
}

static void change(uint8_t *data, const uint8_t *original, size_t bytes) {
    size_t place = place_to_change(original, bytes);
    uint32_t word;
    memcpy(&word, data + place, 4);
    switch (random_below(5)) {
        case 0:
            word = telling[random_below(sizeof(telling) / sizeof(telling[0]))];
            break;
        case 1:
            word += random_below(17) - 8;
            break;
        case 2:
            word ^= 1u << random_below(32);
            break;
        case 3:
            memcpy(&word, original + random_below(bytes / 4) * 4, 4);
            break;
        default:
            word = random_below(UINT32_MAX);
    }
    memcpy(data + place, &word, 4);
}

int main(int argc, char **argv) {
    FILE *f = argc > 2 ? fopen(argv[2], "rb") : NULL;
    if (!f) {
        return 2;
    }
    fseek(f, 0, SEEK_END);
    size_t bytes = (size_t)ftell(f);
    rewind(f);
    uint8_t *original = block(bytes, 8), *data = block(bytes, 8);
    if (fread(original, 1, bytes, f) != bytes || !try(original, bytes)) {
        fprintf(stderr, "the file itself is refused\n");
        return 2;
    }
    fclose(f);

    unsigned long accepted = 0, refused = 0;
    if (strcmp(argv[1], "truncate") == 0) {
        for (size_t length = 0; length <= bytes; length++) {
            *(try(original, length) ? &accepted : &refused) += 1;
        }
    } else {
        random_state = strtoull(argv[3], NULL, 10) * 0x9e3779b97f4a7c15u + 1;
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        double end = now.tv_sec + now.tv_nsec * 1e-9 + strtod(argv[4], NULL);
        do {
            memcpy(data, original, bytes);
            for (uint32_t count = 1 + random_below(MOST_CHANGES); count; count--) {
                change(data, original, bytes);
            }
            *(try(data, bytes) ? &accepted : &refused) += 1;
            clock_gettime(CLOCK_MONOTONIC, &now);
        } while (now.tv_sec + now.tv_nsec * 1e-9 < end);
    }
    printf("%lu %lu\n", accepted, refused);
    free(data);
    free(original);
    return 0;
}
