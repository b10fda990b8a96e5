// SPDX-License-Identifier: MIT
// Runs a model whole and with its weights fetched in pieces, a V4 also with its constants apart from the file, and compares
// every byte of the outputs.
//
//   kmodel_flow_harness FILE PIECE PERCENT BUFFERS SEED FAIL
//
// PIECE: bytes fetched at a time at most; PERCENT: of the weights that can be cut, so many have room to stay; SEED: how
// long the source takes at each; FAIL: the call of the source that fails, counted from 1; 0: none. Prints the bytes that a
// run fetches and how often the source was called; of a failure that a run ended as it should, `failed`; of a refusal why,
// and in a line of its own what is said to who streams.
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kmodel4.h"
#include "kmodel_flow.h"
#include "kpu_host.h"

#define MOST_POLLS (7)

static const uint8_t *file;
static size_t file_bytes;
static uint32_t calls, fail_at, polls, random_state;
static size_t pending;
static bool asked, stopped;

static int call(void) {
    return ++calls == fail_at ? KMODEL_ERR_RUN : KMODEL_OK;
}

static void check(bool good, const char *what) {
    if (!good) {
        fprintf(stderr, "%s\n", what);
        exit(3);
    }
}

static int source_read(void *context, uint32_t offset, void *to, size_t bytes) {
    check(context == &calls, "another context");
    check(!asked, "a read while a fetch goes on");
    check(offset + bytes <= file_bytes, "a read beyond the file");
    memcpy(to, file + offset, bytes);
    return call();
}

static struct {
    uint32_t offset;
    void *to;
} fetch;

static int source_start(void *context, uint32_t offset, void *to, size_t bytes) {
    check(context == &calls && !asked, "a fetch while another goes on");
    check(offset % 8 == 0 && (uintptr_t)to % 8 == 0, "a piece on an odd address");
    check(offset + bytes <= file_bytes, "a fetch beyond the file");
    memset(to, 0xdd, (bytes + KMODEL_FLOW_ROUND - 1) / KMODEL_FLOW_ROUND * KMODEL_FLOW_ROUND);
    fetch.offset = offset;
    fetch.to = to;
    pending = bytes;
    asked = true;
    random_state = random_state * 1664525 + 1013904223;
    polls = random_state >> 16 & MOST_POLLS;
    int result = call();
    asked = result == KMODEL_OK;
    return result;
}

static int source_poll(void *context) {
    check(context == &calls && asked, "a poll of nothing");
    if (polls > 0) {
        polls--;
        return KMODEL_BUSY;
    }
    memcpy(fetch.to, file + fetch.offset, pending);
    asked = false;
    return call();
}

static void source_stop(void *context) {
    check(context == &calls && asked, "a stop of nothing");
    asked = false;
    stopped = true;
}

static void *block(size_t bytes) {
    size_t room = (bytes + KMODEL_ALIGN - 1) / KMODEL_ALIGN * KMODEL_ALIGN;
    void *p = aligned_alloc(KMODEL_ALIGN, room ? room : KMODEL_ALIGN);
    check(p != NULL, "no memory");
    memset(p, 0xee, room);
    check(kpu_host_map(p, room ? room : KMODEL_ALIGN), "no bus address");
    return p;
}

static int run(kmodel_t *model) {
    kmodel_tensor_t input = kmodel_input(model);
    uint8_t *data = block(input.bytes);
    for (size_t i = 0; i < input.bytes; i++) {
        data[i] = (uint8_t)(i * 37 + i / 251);
    }
    int result = kmodel_start(model, data, input.bytes);
    for (uint32_t steps = 0; result == KMODEL_OK || result == KMODEL_BUSY; steps++) {
        check(steps < 10000000, "a run without an end");
        result = kmodel_step(model);
        if (result != KMODEL_BUSY) {
            break;
        }
    }
    return result;
}

static void fail(const kmodel_why_t *why) {
    char text[256];
    printf("refused: %s\n", kmodel_explain(why, text, sizeof(text)));
    exit(0);
}

// What is refused whole must not get through by its pieces, and what is written of it has room. Says why.
static void check_refused(const kmodel_source_t *source, size_t piece, kmodel_why_t *said) {
    kmodel_why_t why;
    size_t bytes;
    if (kmodel_probe(file, file_bytes, &bytes, &why) != KMODEL_OK) {
        return; // who streams has come so far
    }
    kmodel_flow_needs_t flow;
    kmodel_needs_t needs;
    if (kmodel_flow_measure(file, file_bytes, source, piece, &flow, said) != KMODEL_OK) {
        return;
    }
    kmodel_flow_memory_t memory = {
        .source = *source,
        .skeleton = block(flow.skeleton),
        .skeleton_bytes = flow.skeleton,
        .file_bytes = file_bytes,
    };
    check(kmodel_flow_fill(file, &memory, &flow, &needs, said) != KMODEL_OK, "streamed, but refused whole");
}

// -- a V4 in memory without its constants

// NULL: not a V4 with so many that they are left out.
static uint8_t *without_constants(size_t *left_out) {
    kmodel_why_t why;
    size_t bytes;
    if (kmodel_probe(file, file_bytes, &bytes, &why) != KMODEL_OK || !kmodel_is_v4(file)) {
        return NULL;
    }
    kmodel4_header_t header = kmodel4_header(file);
    header.apart = true;
    size_t at = (size_t)kmodel4_tables(&header).constants;
    *left_out = kmodel4_left_out(&header);
    if (*left_out == 0) {
        return NULL;
    }
    uint8_t *apart = block(file_bytes - *left_out);
    memcpy(apart, file, at);
    memcpy(apart + at, file + at + *left_out, file_bytes - *left_out - at);
    apart[7] |= KMODEL4_APART >> 24;
    return apart;
}

// What is said of it is what is said of the file.
static int measure_apart(const uint8_t *apart, kmodel_needs_t *needs, const kmodel_why_t *whole) {
    kmodel_why_t why;
    int result = kmodel4_measure_apart(apart, file_bytes, needs, &why);
    char text[2][256];
    check(result == KMODEL_OK || strcmp(kmodel_explain(whole, text[0], sizeof(text[0])),
        kmodel_explain(&why, text[1], sizeof(text[1]))) == 0, "another refusal without the constants");
    return result;
}

static void check_apart(kmodel_t *resident) {
    size_t left_out;
    uint8_t *apart = without_constants(&left_out);
    if (apart == NULL) {
        return;
    }
    kmodel_needs_t needs;
    check(measure_apart(apart, &needs, NULL) == KMODEL_OK, "refused without the constants");
    kmodel4_header_t header = kmodel4_header(apart);
    uint8_t *work = block(needs.work);
    memcpy(kmodel4_constants(&header, work), file + kmodel4_tables(&header).constants, header.constants);
    kmodel_t *model = block(kmodel_struct_bytes());
    kmodel_open(model, apart, file_bytes - left_out, work, block(needs.device), block(needs.tape));
    check(run(model) == KMODEL_OK, "the run without the constants");
    for (uint32_t i = 0; i < kmodel_output_count(model); i++) {
        check(memcmp(kmodel_output_data(model, i), kmodel_output_data(resident, i), kmodel_output(model, i).bytes) == 0,
            "the outputs differ without the constants");
    }
}

int main(int count, char **arguments) {
    check(count == 7, "usage");
    FILE *in = fopen(arguments[1], "rb");
    check(in != NULL, "no file");
    fseek(in, 0, SEEK_END);
    file_bytes = (size_t)ftell(in);
    rewind(in);
    uint8_t *whole = block(file_bytes);
    check(fread(whole, 1, file_bytes, in) == file_bytes, "a short file");
    fclose(in);
    file = whole;
    size_t piece = strtoul(arguments[2], NULL, 0), percent = strtoul(arguments[3], NULL, 0);
    uint32_t buffers = (uint32_t)strtoul(arguments[4], NULL, 0);
    random_state = (uint32_t)strtoul(arguments[5], NULL, 0);
    fail_at = (uint32_t)strtoul(arguments[6], NULL, 0);

    kmodel_needs_t needs;
    kmodel_why_t why;
    kmodel_source_t source = {source_read, source_start, source_poll, source_stop, &calls, 25000};
    if (kmodel_measure(file, file_bytes, &needs, &why) != KMODEL_OK) {
        size_t left_out;
        uint8_t *apart = without_constants(&left_out);
        check(!apart || measure_apart(apart, &needs, &why) != KMODEL_OK, "accepted without the constants");
        kmodel_why_t streamed = why;
        check_refused(&source, piece, &streamed);
        char text[2][256];
        printf("refused: %s\nstreamed: %s\n", kmodel_explain(&why, text[0], sizeof(text[0])),
            kmodel_explain(&streamed, text[1], sizeof(text[1])));
        return 0;
    }
    kmodel_t *resident = block(kmodel_struct_bytes());
    void *work = block(needs.work), *device = block(needs.device), *tape = block(needs.tape);
    check(kmodel_open(resident, file, file_bytes, work, device, tape) == KMODEL_OK, "open");
    check(run(resident) == KMODEL_OK, "the resident run");
    check_apart(resident);

    kmodel_flow_needs_t flow;
    if (kmodel_flow_measure(file, file_bytes, &source, piece, &flow, &why) != KMODEL_OK) {
        if (fail_at) {
            printf("failed\n");
            return 0;
        }
        fail(&why);
    }
    check(flow.skeleton + flow.weights < file_bytes + 8 * 1024, "a skeleton with weights in it");
    kmodel_flow_memory_t memory = {
        .source = source,
        .skeleton = block(flow.skeleton),
        .skeleton_bytes = flow.skeleton,
        .file_bytes = file_bytes,
        .store_bytes = flow.fixed + flow.weights * percent / 100,
        .buffer_count = buffers,
        .piece = flow.piece,
    };
    memory.store = block(memory.store_bytes);
    memory.buffers = block(flow.piece * buffers);
    kmodel_t *model = block(kmodel_struct_bytes());
    bool failed = kmodel_flow_fill(file, &memory, &flow, &needs, &why) != KMODEL_OK;
    failed = failed || kmodel_flow_open(model, &memory, &flow, block(needs.work), block(needs.device),
        block(needs.tape)) != KMODEL_OK;
    failed = failed || run(model) != KMODEL_OK;
    check(!failed || (fail_at && calls >= fail_at), "a failure without a cause");
    if (failed) {
        check(!asked || stopped, "a fetch left alone");
        printf("failed\n");
        return 0;
    }
    check(!asked || fail_at, "a fetch after the end");
    fail_at = 0;
    uint32_t fetched = 0;
    for (uint32_t i = 0; i < kmodel_layer_count(model); i++) {
        kmodel_layer_t layer;
        kmodel_layer(model, i, &layer);
        fetched += layer.streamed_bytes;
    }
    for (int again = 0; again < 2; again++) {
        for (uint32_t i = 0; i < kmodel_output_count(model); i++) {
            kmodel_tensor_t tensor = kmodel_output(model, i);
            check(memcmp(kmodel_output_data(model, i), kmodel_output_data(resident, i), tensor.bytes) == 0,
                "the outputs differ");
        }
        check(run(model) == KMODEL_OK, "the second run");
    }
    printf("%u %u\n", fetched, calls);
    return 0;
}
