/*
 * history.h -- what clients saw: every operation, when it was called, when and how it ended.
 *
 * An append-only record. Whoever drives clients (a scenario, the simulator) calls history_begin
 * when an operation leaves and history_end when its answer is there; an operation that is never
 * ended stays HISTORY_UNKNOWN and open for ever, which is what it is. The checkers of this folder
 * read a history; history_json.h writes it down and reads it back.
 *
 * Outcomes. HISTORY_FAIL is a promise that the operation took no effect and never will; whoever
 * is not certain says HISTORY_UNKNOWN, and a checker then lets it happen at any time after its
 * call, or never. Calling a doubtful write failed makes a checker cry wolf; calling a failed one
 * unknown only makes it slower.
 *
 * Times are nanoseconds of one clock for all clients. An operation precedes another only if it
 * returned strictly before the other was called; equal times count as concurrent.
 *
 * Memory. A history copies all bytes it is given, and keeps them at the same place until
 * history_fini; `ops` itself moves when it grows. Not thread-safe: clients on several threads
 * share a lock, or record apart and history_add into one.
 */
#ifndef DKV_HISTORY_HISTORY_H
#define DKV_HISTORY_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

#define HISTORY_NEVER UINT64_MAX                       /* return_ns of what did not return. */
#define HISTORY_BYTES_MAX (64 * 1024 * 1024)           /* Of each key, value, output. */
#define HISTORY_OPS_MAX ((size_t)(UINT32_MAX / 2 - 1)) /* Of a whole history. */

enum history_kind {
    HISTORY_GET = 1,
    HISTORY_PUT,
    HISTORY_APPEND, /* To what is there, or to nothing. */
    HISTORY_DELETE,
    HISTORY_CAS, /* Put `value` if what is there is what was expected. */
};

enum history_outcome {
    HISTORY_UNKNOWN = 0, /* May take effect at any time after its call, or never. */
    HISTORY_OK,
    HISTORY_FAIL, /* Certainly took no effect. */
};

/* What a client asked for. */
struct history_call {
    uint32_t client; /* Whose operation: any number that tells clients apart. */
    enum history_kind kind;
    struct bytes key;
    struct bytes value;     /* Of PUT, APPEND, CAS; else empty. */
    bool expect_found;      /* CAS: expects the value `expect`; false: expects no such key. */
    struct bytes expect;    /* CAS with expect_found; else empty. */
    uint64_t call_ns;       /* < HISTORY_NEVER. */
    struct bytes client_id; /* Of the exactly-once session; empty: none. */
    uint64_t op_id;         /* 0: none. */
};

/*
 * What it was told. Of an OK operation: a GET has found, and output if found. The others may
 * carry found (the key was there before) and output: of an APPEND the value that resulted, of a
 * PUT, DELETE or CAS the value that was there before (never if nothing was). A CAS has applied.
 * What an answer carries is checked; what it does not carry is not.
 */
struct history_answer {
    enum history_outcome outcome;
    uint64_t return_ns; /* >= call_ns; HISTORY_NEVER only if UNKNOWN. */
    bool has_found;
    bool found;
    bool has_output;
    struct bytes output;
    bool applied;      /* CAS only: the comparison held. */
    uint64_t revision; /* The store's after a write; 0: not told. */
    uint64_t slot;     /* 0: not told. */
    uint32_t node;     /* Who answered; 0: not told. */
};

struct history_op {
    struct history_call call;
    struct history_answer answer;
};

struct history_block;

struct history {
    struct history_op *ops;
    size_t count;
    size_t capacity;
    struct history_block *blocks; /* Behind every struct bytes of ops. */
};

void history_init(struct history *h);

/* Frees all; h is empty and usable afterwards. NULL is fine. */
void history_fini(struct history *h);

/* Copy a call; its answer is UNKNOWN until history_end. ERR_NO_MEMORY: nothing was added. */
int history_begin(struct history *h, const struct history_call *call, size_t *out_index) MUST_CHECK;

/*
 * Copy the answer of the operation at `index`, which has none yet.
 * ERR_NO_MEMORY: the operation is as it was, that is, unknown.
 */
int history_end(struct history *h, size_t index, const struct history_answer *answer) MUST_CHECK;

/* Copy a whole operation, which is valid. ERR_NO_MEMORY: nothing was added. */
int history_add(struct history *h, const struct history_op *op) MUST_CHECK;

/* Does op keep the rules given above? All that is recorded does. */
bool history_op_is_valid(const struct history_op *op);

/* Was it answered OK, and did it certainly change something? (So its revision is its own.) */
bool history_op_is_change(const struct history_op *op);

#endif
