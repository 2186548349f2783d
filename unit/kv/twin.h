/*
 * twin.h -- the naive twin of the machine: arrays, scans, and the rules written down once more.
 *
 * It knows short keys and values only, and no limit on a value's size. Assertions are cmocka's.
 */
#ifndef DKV_UNIT_TWIN_H
#define DKV_UNIT_TWIN_H

#include "../unit.h"

#include "kv/command.h"
#include "kv/machine.h"

#define TWIN_KEYS 24
#define TWIN_CLIENTS 16
#define TWIN_RESULTS 64
#define TWIN_TEXT 1024

struct twin_text {
    bool there;
    size_t size;
    uint8_t data[TWIN_TEXT];
};

struct twin_key {
    struct twin_text key;
    struct twin_text value;
    uint64_t create_revision;
    uint64_t mod_revision;
    uint64_t version;
};

struct twin_result {
    bool applied;
    bool found;
    uint64_t revision;
    uint64_t slot;
    struct twin_text previous;
    struct twin_text output;
};

struct twin_done {
    uint64_t op_id;
    struct buf payload; /* The command, encoded without its session. */
    uint64_t bytes;     /* As results_bytes_max counts. */
    bool omitted;
    struct twin_result result;
};

struct twin_client {
    struct twin_text id;
    uint64_t floor;
    uint64_t used; /* slot << 32 | place */
    struct twin_done done[TWIN_RESULTS];
    size_t done_count;
};

struct twin {
    struct machine_limits limits;
    struct twin_key keys[TWIN_KEYS];
    struct twin_client clients[TWIN_CLIENTS];
    uint64_t revision;
    uint64_t evicted_to;
    uint64_t executed;
    uint64_t suppressed;
};

/* Apply a command, and assert that the machine's answer to it was r, unless that is NULL. */
void twin_apply(struct twin *t, const struct command *c, uint64_t slot, uint32_t place,
                const struct result *r);

/* Assert that m holds what t holds. */
void twin_compare(const struct twin *t, const struct machine *m);

void twin_fini(struct twin *t);

/* What there is of this key, or NULL. */
const struct twin_key *twin_get(const struct twin *t, struct bytes key);

#endif
