// SPDX-License-Identifier: MIT
// A kmodel V3 or V4: measured, checked whole, then run layer by layer; pure C, the same on the chip and on a PC.
//
// Who does what: the caller owns all memory. It asks how long the file is (kmodel_probe), places the file, asks what else
// is needed (kmodel_measure: it also checks everything, so nothing can go wrong later because of the file), places that,
// opens, and then runs as often as it likes. A run is a loop of kmodel_step(); where that says KMODEL_BUSY the run goes on
// and the caller waits for an interrupt where kpu_poll() says that the KPU works.
#ifndef KMODEL_H
#define KMODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    KMODEL_OK = 0,
    KMODEL_BUSY = 1,         // a run goes on: wait for an interrupt, step again
    KMODEL_MORE = 2,         // kmodel_probe wants more of the file: as many bytes as it says
    KMODEL_ERR_VERSION = -1, // not a kmodel, or one of a version that is not supported
    KMODEL_ERR_FORMAT = -2,  // a kmodel that breaks its format: truncated, out of range, unsafe
    KMODEL_ERR_LAYER = -3,   // a layer type that no runtime implements
    KMODEL_ERR_INPUT = -4,   // the input does not fit the model
    KMODEL_ERR_RUN = -5,     // KPU or DMA failed or took too long
    KMODEL_ERR_STATE = -6,   // step without start, and the like
};

// The file in memory must start on this many bytes (activation tables are fetched from 256-byte boundaries).
#define KMODEL_ALIGN (256)
// More layers than any real file has; bounds what probe asks for.
#define KMODEL_MAX_LAYERS (1024)
#define KMODEL_MAX_OUTPUTS (64)

// Why a file was refused. `reason` is one of the file-scope ids of kmodel_why.c; numbers are filled in by reason.
typedef struct {
    int code;         // KMODEL_ERR_...
    int reason;
    int layer;              // -1: the file as a whole
    const char *layer_type; // "K210Conv" and the like, static text, NULL where unknown
    const char *name;       // the field in question, static text, may be NULL
    int64_t given;
    int64_t wanted;
} kmodel_why_t;

// Writes the sentence for a refusal (lower case: what was given, what was wanted, what to do), always terminated, cut at
// `bytes`. The same words on the board and in `microkpu kmodel`. Returns text.
char *kmodel_explain(const kmodel_why_t *why, char *text, size_t bytes);

typedef struct {
    size_t work;   // cached working memory: the file's main memory, 64-byte aligned
    size_t device; // uncached: what the KPU streams out, largest layer, 64-byte aligned; 0 where nothing is streamed
    size_t tape;   // cached: the layers' words with their addresses, and what else is worked out once at load
} kmodel_needs_t;

typedef enum { KMODEL_U8, KMODEL_F32 } kmodel_type_t;

// Shape and element type of an input or output. Planar CHW; a flat one has w = h = 1 and channels = elements. Batches of a
// V4 count as channels.
typedef struct {
    kmodel_type_t type;
    uint32_t w, h, channels;
    size_t bytes;
} kmodel_tensor_t;

typedef struct kmodel kmodel_t;

// How long the model is that begins with `head`. KMODEL_MORE: call again with *bytes bytes of it (or as many as there
// are). KMODEL_OK: *bytes is the length by the file's own fields; up to 7 bytes of it may be missing at the end of a real
// file, and other data may follow. Errors fill `why`: erased flash, ZIP, text, V1, V2, V5, byte-swapped, encrypted ...
int kmodel_probe(const void *head, size_t head_bytes, size_t *bytes, kmodel_why_t *why);

// Checks the whole file (every offset, size, row and overlap that could touch memory outside) and says what it needs.
// `file` is KMODEL_ALIGN-aligned and may be an uncached alias: it is only read as integers. `file_bytes` is what is there.
int kmodel_measure(const void *file, size_t file_bytes, kmodel_needs_t *needs, kmodel_why_t *why);

// sizeof(kmodel_t), for the caller to place.
size_t kmodel_struct_bytes(void);

// Sets `model` up on memory of the measured sizes; the file must have passed kmodel_measure. Nothing is freed or kept
// elsewhere: forgetting the memory is the end of the model, after kmodel_abort where a run goes on.
int kmodel_open(kmodel_t *model, const void *file, size_t file_bytes, void *work, void *device, void *tape);

uint32_t kmodel_layer_count(const kmodel_t *model);
uint32_t kmodel_kpu_layer_count(const kmodel_t *model);
uint32_t kmodel_output_count(const kmodel_t *model);
// What a run takes. A V4 with several inputs takes them one after another, as one flat tensor: of floats where all are.
kmodel_tensor_t kmodel_input(const kmodel_t *model);
uint32_t kmodel_input_count(const kmodel_t *model);
kmodel_tensor_t kmodel_input_part(const kmodel_t *model, uint32_t index);
// The row of AI RAM at which planes are read that kmodel_start() is given; below 0 where they do not go there as they are.
int32_t kmodel_input_row(const kmodel_t *model);
kmodel_tensor_t kmodel_output(const kmodel_t *model, uint32_t index);
// The output's bytes in working memory (cached, 4-aligned for f32): valid until the next start. After a run that ended with
// a result of the KPU, and at most its bytes made into floats, this is done now.
void *kmodel_output_data(kmodel_t *model, uint32_t index);

// An output of the last run as the KPU streamed it, for who wants to do without: element i is kmodel_raw_value() of byte i
// where `is_float`, else the byte. Valid until the next start.
typedef struct {
    const uint8_t *bytes; // on the chip uncached; 64-byte aligned, with room up to a multiple of eight
    uint32_t count;
    bool is_float;
    bool subtracts; // (byte - zero) * scale instead of byte * scale + bias
    uint32_t zero;
    float scale, bias;
} kmodel_raw_t;
// NULL where the output is not one of these; the answer does not change from one whole run to the next.
const kmodel_raw_t *kmodel_output_raw(const kmodel_t *model, uint32_t index);
static inline float kmodel_raw_value(const kmodel_raw_t *raw, uint8_t byte) {
    if (raw->subtracts) {
        return (float)(int32_t)((uint32_t)byte - raw->zero) * raw->scale;
    }
    float scaled = byte * raw->scale;
    return scaled + raw->bias;
}

// A layer as `netinfo` and `kmodel info` show it.
typedef struct {
    uint32_t type; // as in the file: of a V3 0..25 and 10240..10243, of a V4 its opcode
    const char *name;
    uint32_t body_bytes;
    bool kpu, depthwise, main_memory_output;
    uint32_t w_in, h_in, ch_in, w_out, h_out, ch_out; // KPU layers; 0 elsewhere
    uint32_t kernel;                                  // 1 or 3
    uint32_t pool;                                    // as in the file
    uint32_t parameter_bytes;
    uint32_t streamed_bytes; // of them, that every run fetches anew
} kmodel_layer_t;
int kmodel_layer(const kmodel_t *model, uint32_t index, kmodel_layer_t *layer);

// Starts a run. `input` has kmodel_input().bytes of its type; on the chip an uncached alias lets planes go by DMA. It must
// stay in place until kmodel_step() was called once and kpu_feeding() is over. Returns at once.
int kmodel_start(kmodel_t *model, const void *input, size_t bytes);

// Goes on: runs a CPU layer or hands KPU layers over. KMODEL_BUSY while there is more, KMODEL_OK when the outputs are there.
int kmodel_step(kmodel_t *model);

// After KMODEL_BUSY: whether only devices can go on, so that the next step is worth taking after an interrupt; else a step
// of the CPU is next.
bool kmodel_waits(const kmodel_t *model);

// From now on a run ends after that many layers, and the outputs are nobody's where those are not all; fewer than all only
// of a V3, else KMODEL_ERR_VERSION. KMODEL_ERR_STATE: none, more than there are, or during a run.
int kmodel_set_layers(kmodel_t *model, uint32_t count);

// What a layer of a V3 leaves: a KPU layer its planes, another its elements, flat. KMODEL_ERR_LAYER: nothing of its own.
int kmodel_layer_result(const kmodel_t *model, uint32_t index, kmodel_tensor_t *tensor);

// Copies it out, right after a run that ended with that layer.
int kmodel_read_result(kmodel_t *model, uint32_t index, void *to);

// Ends a run at once; the model can be started again. Does nothing when idle.
void kmodel_abort(kmodel_t *model);

#endif // KMODEL_H
