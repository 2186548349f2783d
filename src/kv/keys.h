/*
 * keys.h -- all keys with their values; their part of the state hash; what of them has changed.
 *
 * Invariants: hash is the sum, modulo 2^64, of the hashes of all entries. An entry is dirty when
 * its mod_revision > clean_revision; dirty[e->dirty_at] has e for exactly those. A key that went
 * since the last freeze, and is not there again, is in gone.
 *
 * What is dirty is kept as a checkpoint wants it, with a reference to each entry, so that a freeze
 * hands over the array whole: with hundreds of thousands of keys, touching each of them would stop
 * all clients for as long as a failover takes.
 */
#ifndef DKV_KV_KEYS_H
#define DKV_KV_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "kv/entry.h"
#include "kv/machine.h"
#include "kv/map.h"
#include "kv/names.h"

struct keys {
    struct map map;
    uint64_t hash;
    uint64_t bytes;               /* Of memory, near enough. */
    uint64_t clean_revision;      /* What was changed up to here is in a checkpoint. */
    struct checkpoint_key *dirty; /* A reference to each. */
    size_t dirty_count;
    size_t dirty_capacity;
    uint64_t dirty_bytes; /* To be written for them, near enough. */
    struct names gone;
};

void keys_init(struct keys *k);
void keys_fini(struct keys *k);

/* Where the entry of a key is kept, or NULL: good until the next change. */
struct entry **keys_find(const struct keys *k, struct bytes key);

/*
 * Put e, sealed and newer than all there is, at what keys_find said of its key. Takes over the
 * reference of e; the entry before it may be gone afterwards. ERR_NO_MEMORY: e is still the
 * caller's, and k is fit for keys_fini only.
 */
int keys_put(struct keys *k, struct entry **place, struct entry *e) MUST_CHECK;

/* Take out `old`, which is in there and may be gone afterwards. ERR_NO_MEMORY: nothing changed. */
int keys_delete(struct keys *k, struct entry *old) MUST_CHECK;

/*
 * Put in an entry of a checkpoint, sealed. Takes over the reference of e, unless it fails.
 * ERR_CORRUPT: the key is there already. ERR_NO_MEMORY.
 */
int keys_restore(struct keys *k, struct entry *e) MUST_CHECK;

/*
 * All that is dirty becomes the keys of c, with its references, and the names of what is gone stand
 * behind it: these are borrowed until keys_clean, which is to follow. ERR_NO_MEMORY: nothing
 * changed.
 */
int keys_hand_over(struct keys *k, struct checkpoint *c) MUST_CHECK;

/* All there is, at this revision of the store, is in a checkpoint now. */
void keys_clean(struct keys *k, uint64_t revision);

#endif
