// SPDX-License-Identifier: MIT
// Feeds broken files to the model loader, and runs those that it accepts; built with sanitizers by kmodel_harness.py.
//
//   kmodel_harness truncate FILE                 every length from 0 to the whole, each in a block of its own
//   kmodel_harness prefixes FILE                 the same in place, what is cut off poisoned; the shortest one accepted runs
//   kmodel_harness loads FILE SEED COUNT SECONDS random changes, each checked by the loader
//   kmodel_harness runs FILE SEED COUNT SECONDS  the same, and what the loader accepts runs: so many times
//   kmodel_harness mutants FILE SEED COUNT OUT   random changes into a file, one changed file after the other
//   kmodel_harness explain FILE...               why each is refused, a line each
//
// A file that is accepted must run: no error, no end by alarm. 0 SECONDS: as long as it takes.
#include <sanitizer/asan_interface.h>
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
#define CHANGE_BYTES (16) // the longest change: a V4's range
#define CLOCK_EVERY (256) // cases

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

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec * 1e-9;
}

// -- one file

static void run_to_the_end(kmodel_t *model, const uint8_t *data, size_t bytes) {
    int result = kmodel_start(model, data, bytes);
    if (result == KMODEL_OK) {
        do {
            result = kmodel_step(model);
        } while (result == KMODEL_BUSY);
    }
    if (result != KMODEL_OK) {
        fprintf(stderr, "a measured file ends its run with %d\n", result);
        exit(4);
    }
}

// Of a V3: half its layers, and what the last of them leaves.
static void run_first_layers(kmodel_t *model, const uint8_t *data, size_t bytes) {
    uint32_t count = (kmodel_layer_count(model) + 1) / 2;
    if (kmodel_set_layers(model, count) != KMODEL_OK) {
        return;
    }
    run_to_the_end(model, data, bytes);
    kmodel_tensor_t tensor;
    if (kmodel_layer_result(model, count - 1, &tensor) == KMODEL_OK) {
        uint8_t *result = block(tensor.bytes, 8);
        if (kmodel_read_result(model, count - 1, result) != KMODEL_OK) {
            fprintf(stderr, "a layer's result cannot be read\n");
            exit(7);
        }
        free(result);
    }
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
    run_to_the_end(model, data, input.bytes);
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
    run_first_layers(model, data, input.bytes);
    kpu_host_unmap(file);
    free(data);
    free(model);
    free(tape);
    free(device);
    free(work);
}

// True where the loader accepts the file; a refusal must have its sentence.
static bool load(const uint8_t *file, size_t bytes, kmodel_needs_t *needs) {
    kmodel_why_t why;
    if (kmodel_measure(file, bytes, needs, &why) == KMODEL_OK) {
        return true;
    }
    char text[256];
    if (strlen(kmodel_explain(&why, text, sizeof(text))) < 10) {
        fprintf(stderr, "a refusal says: %s\n", text);
        exit(5);
    }
    return false;
}

static bool load_and_run(const uint8_t *file, size_t bytes) {
    kmodel_needs_t needs;
    alarm(CASE_SECONDS);
    bool accepted = load(file, bytes, &needs);
    if (accepted) {
        run(file, bytes, &needs);
    }
    return accepted;
}

static uint8_t *read_file(const char *path, size_t *bytes) {
    FILE *f = fopen(path, "rb");
    if (!f) {
        fprintf(stderr, "no file %s\n", path);
        exit(2);
    }
    fseek(f, 0, SEEK_END);
    *bytes = (size_t)ftell(f);
    rewind(f);
    uint8_t *data = block(*bytes, KMODEL_ALIGN);
    if (fread(data, 1, *bytes, f) != *bytes) {
        exit(2);
    }
    fclose(f);
    return data;
}

// -- files cut short

static void truncate_file(const uint8_t *whole, size_t bytes) {
    unsigned long accepted = 0;
    for (size_t length = 0; length <= bytes; length++) {
        uint8_t *file = block(length, KMODEL_ALIGN);
        memcpy(file, whole, length);
        accepted += load_and_run(file, length);
        free(file);
    }
    printf("%lu %lu\n", accepted, bytes + 1 - accepted);
}

// From the whole down. What the shortest accepted prefix lacks is poisoned while it runs, so it lacks nothing that is used.
static void cut_in_place(const uint8_t *file, size_t bytes) {
    size_t shortest = SIZE_MAX, refused = 0;
    kmodel_needs_t needs, needed = {0};
    for (size_t length = bytes + 1; length-- > 0;) {
        if (length < bytes) {
            size_t end = (length / 8 + 1) * 8;
            ASAN_POISON_MEMORY_REGION(file + length, (end < bytes ? end : bytes) - length);
        }
        if (!load(file, length, &needs)) {
            refused++;
        } else if (refused) {
            fprintf(stderr, "%zu bytes are accepted, more of them are not\n", length);
            exit(6);
        } else {
            shortest = length;
            needed = needs;
        }
    }
    ASAN_UNPOISON_MEMORY_REGION(file, bytes);
    if (shortest <= bytes) {
        ASAN_POISON_MEMORY_REGION(file + shortest, bytes - shortest);
        alarm(10 * CASE_SECONDS);
        run(file, shortest, &needed);
        ASAN_UNPOISON_MEMORY_REGION(file, bytes);
    }
    printf("%zu %zu\n", shortest, refused);
}

// -- changed files

static const uint32_t telling[] = {
    0, 1, 2, 3, 4, 7, 8, 63, 64, 65, 255, 256, 1023, 1024, 32767, 32768, 65535, 65536, 0x7fffffff, 0x80000000,
    0xfffffff8, 0xfffffffc, 0xffffffff,
};
// Types of layers, of both versions.
static const uint32_t types[] = {
    1, 2, 5, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 20, 22, 23, 24, 25, 10240, 10241, 10242, 10243, 0, 3, 4, 6, 7, 10, 19,
    0x2001, 0x2002,
};

#define ONE_OF(list) ((list)[random_below(sizeof(list) / sizeof((list)[0]))])

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

// Most changes go to fields: the header, the tables, the first words of the bodies, which hold a KPU layer's too.
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

static void change(uint8_t *data, const uint8_t *original, size_t bytes, size_t place) {
    uint32_t word = word_at(data, place);
    switch (random_below(7)) {
        case 0:
            word = ONE_OF(telling);
            break;
        case 1:
            word += random_below(17) - 8;
            break;
        case 2:
            word ^= 1u << random_below(32);
            break;
        case 3:
            word = word_at(original, random_below(bytes / 4) * 4);
            break;
        case 4:
            word = ONE_OF(types);
            break;
        case 5: { // some words in a row, such as a range or a shape, from elsewhere
            size_t count = 4 + random_below(4) * 4, from = random_below(bytes / 4) * 4;
            if (place + count <= bytes && from + count <= bytes) {
                memmove(data + place, original + from, count);
            }
            return;
        }
        default:
            word = random_below(UINT32_MAX);
    }
    memcpy(data + place, &word, 4);
}

// Changes made to a copy of the file, and where, so that they can be taken back.
typedef struct {
    uint8_t *data;
    const uint8_t *original;
    size_t bytes;
    size_t places[MOST_CHANGES];
    uint32_t count;
} mutant_t;

static void mutate(mutant_t *m) {
    m->count = 1 + random_below(MOST_CHANGES);
    for (uint32_t i = 0; i < m->count; i++) {
        m->places[i] = place_to_change(m->original, m->bytes);
        change(m->data, m->original, m->bytes, m->places[i]);
    }
}

static void take_back(mutant_t *m) {
    for (uint32_t i = 0; i < m->count; i++) {
        size_t rest = m->bytes - m->places[i];
        memcpy(m->data + m->places[i], m->original + m->places[i], rest < CHANGE_BYTES ? rest : CHANGE_BYTES);
    }
}

static void mutate_file(const uint8_t *original, size_t bytes, char **arguments, bool runs) {
    uint8_t *data = block(bytes, KMODEL_ALIGN);
    memcpy(data, original, bytes);
    mutant_t mutant = {.data = data, .original = original, .bytes = bytes};
    random_state = strtoull(arguments[0], NULL, 10) * 0x9e3779b97f4a7c15u + 1;
    unsigned long most = strtoul(arguments[1], NULL, 10), accepted = 0, refused = 0;
    double start = seconds(), limit = strtod(arguments[2], NULL);
    while ((runs ? accepted : accepted + refused) < most) {
        mutate(&mutant);
        kmodel_needs_t needs;
        bool fine = runs ? load_and_run(data, bytes) : load(data, bytes, &needs);
        *(fine ? &accepted : &refused) += 1;
        take_back(&mutant);
        if (limit > 0 && (fine || refused % CLOCK_EVERY == 0) && seconds() - start > limit) {
            break;
        }
    }
    printf("%lu %lu\n", accepted, refused);
    free(data);
}

static void write_mutants(const uint8_t *original, size_t bytes, char **arguments) {
    uint8_t *data = block(bytes, KMODEL_ALIGN);
    memcpy(data, original, bytes);
    mutant_t mutant = {.data = data, .original = original, .bytes = bytes};
    random_state = strtoull(arguments[0], NULL, 10) * 0x9e3779b97f4a7c15u + 1;
    FILE *f = fopen(arguments[2], "wb");
    for (unsigned long left = strtoul(arguments[1], NULL, 10); f && left; left--) {
        mutate(&mutant);
        fwrite(data, 1, bytes, f);
        take_back(&mutant);
    }
    if (!f || fclose(f) != 0) {
        exit(2);
    }
    free(data);
}

// -- explanations

static void explain(char **paths, int count) {
    for (int i = 0; i < count; i++) {
        size_t bytes;
        uint8_t *file = read_file(paths[i], &bytes);
        kmodel_needs_t needs;
        kmodel_why_t why;
        char text[256] = "accepted";
        if (kmodel_measure(file, bytes, &needs, &why) != KMODEL_OK) {
            kmodel_explain(&why, text, sizeof(text));
        }
        printf("%s\n", text);
        free(file);
    }
}

int main(int argc, char **argv) {
    const char *what = argc > 2 ? argv[1] : "";
    if (strcmp(what, "explain") == 0) {
        explain(argv + 2, argc - 2);
        return 0;
    }
    if (argc <= 2) {
        return 2;
    }
    size_t bytes;
    uint8_t *file = read_file(argv[2], &bytes);
    kmodel_needs_t needs;
    if (!load(file, bytes, &needs)) {
        fprintf(stderr, "the file itself is refused\n");
        return 2;
    }
    bool runs = strcmp(what, "runs") == 0;
    if (strcmp(what, "truncate") == 0) {
        truncate_file(file, bytes);
    } else if (strcmp(what, "prefixes") == 0) {
        cut_in_place(file, bytes);
    } else if ((runs || strcmp(what, "loads") == 0) && argc == 6) {
        mutate_file(file, bytes, argv + 3, runs);
    } else if (strcmp(what, "mutants") == 0 && argc == 6) {
        write_mutants(file, bytes, argv + 3);
    } else {
        return 2;
    }
    free(file);
    return 0;
}
