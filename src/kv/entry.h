/*
 * entry.h -- a key, its value and its revisions: immutable and counted.
 *
 * A change makes a new entry and drops the old one, so that a reader, an answer on its way out, or
 * a checkpoint under way may hold on to an entry while the loop goes on. The count is atomic; any
 * thread may hold, read and let go.
 */
#ifndef DKV_KV_ENTRY_H
#define DKV_KV_ENTRY_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

struct entry {
    atomic_uint refs;
    uint32_t key_size;
    uint32_t value_size;
    uint64_t create_revision; /* Of the write that made the key. */
    uint64_t mod_revision;    /* Of the last write to it; >= create_revision. */
    uint64_t version;         /* Writes since it was made, that one included; >= 1. */
    uint64_t hash;            /* Of key, value and the three above; entry_seal sets it. */
    size_t dirty_at;          /* The machine's own, see keys.h: nobody else looks at it. */
    uint8_t data[];           /* The key, then the value. */
};

/*
 * One reference, the caller's. The value is head followed by tail (an append needs both); the sizes
 * are within KEY_SIZE_MAX and VALUE_SIZE_MAX. Revisions and hash are 0 until entry_seal.
 * ERR_NO_MEMORY.
 */
int entry_new(struct bytes key, struct bytes head, struct bytes tail,
              struct entry **out_entry) MUST_CHECK;

/* Set the revisions and the hash, once, before anybody else sees e. */
void entry_seal(struct entry *e, uint64_t create_revision, uint64_t mod_revision, uint64_t version);

/* One more reference; returns e. NULL gives NULL. */
struct entry *entry_ref(struct entry *e);

/* One reference less; the last one frees. NULL is fine. */
void entry_unref(struct entry *e);

/* Borrowed from e. */
struct bytes entry_key(const struct entry *e);
struct bytes entry_value(const struct entry *e);

#endif
