/*
 * journal.h -- a file of fixed size, written round and round: what was committed last.
 *
 * Private to store/. A commit is one write behind the one before, and one fdatasync. The file was
 * written in full when it was made, so that a commit allocates nothing: neither does the file grow,
 * nor does the file system have anything of its own to write down, and the sync is the disk's
 * alone. An LMDB commit, next to it, syncs twice (pages, then the page that points at them).
 *
 * A frame is a header and the records of one commit (or of a part of a large one). It begins at a
 * block of its own, so that no block that holds an earlier commit is ever written again: a write
 * that a power loss cuts short harms nothing but itself.
 *
 * Positions count bytes from the first commit on and never fall; modulo the file's size they are
 * places in it. `merged` <= `synced` <= `end`, and end - merged <= the file's size: what is merged
 * lies in LMDB, and its place may be written again. LMDB also holds where to begin to read, in the
 * very transaction that merges (META's record `journal`).
 *
 * Where it ends. Reading goes from frame to frame, each of which says where the one before ended,
 * and stops at the first that does not check out. Either it was never synced (a power loss), or it
 * was, and the disk has lost it. Each frame says up to where all was synced when it was written: if
 * a good one anywhere in the file says that what is missing was synced, it is ERR_CORRUPT: a node
 * that has forgotten a promise must not vote. Damage to the very last frame cannot be told from a
 * write that was cut short: Alagappan et al., "Protocol-Aware Recovery for Consensus-Based Storage"
 * (FAST'18), on telling corruption from a crash. A new start begins to write so far
 * ahead that nothing left over from before can be taken for its own.
 *
 * Threads: one thread adds, flushes and syncs; one (at a time) reads and raises `merged`.
 */
#ifndef DKV_STORE_JOURNAL_H
#define DKV_STORE_JOURNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "paxos/message.h"
#include "record/record.h"
#include "store/directory.h"
#include "store/store_error.h"
#include "store/usage.h"

#define JOURNAL_BLOCK ((uint64_t)4096)
#define JOURNAL_FRAME_MAX ((uint64_t)2 << 20) /* Of a frame; any record fits into one. */
#define JOURNAL_SIZE_MIN STORE_JOURNAL_SIZE_MIN
_Static_assert(JOURNAL_SIZE_MIN >= 4 * JOURNAL_FRAME_MAX, "else nothing is left beside a frame");

struct journal {
    char path[STORE_PATH_MAX];
    int fd;
    uint64_t size_bytes; /* Of the file; a multiple of JOURNAL_FRAME_MAX. */
    const uint8_t *map;  /* All of it, to read from. */
    uint64_t seed;       /* Of the checksums: this disk's. */
    uint64_t end;        /* Behind the last frame written. The committing thread's. */
    _Atomic uint64_t synced;
    _Atomic uint64_t merged;
    bool failed;        /* A write or a sync failed. The committing thread's. */
    uint8_t *frame;     /* Being gathered; JOURNAL_FRAME_MAX. */
    size_t frame_bytes; /* 0: none is. */
};

/*
 * Make the file, all zeros, durably; one that is there is replaced. size_bytes >= JOURNAL_SIZE_MIN,
 * a multiple of JOURNAL_FRAME_MAX. ERR_FULL, ERR_IO.
 */
int journal_create(const char *path, uint64_t size_bytes, struct store_error *error) MUST_CHECK;

/*
 * Open it; journal_begin or journal_recover comes next. disk_id is that of the acceptor's.
 * ERR_CORRUPT: it is not there, or has no size that one can have. ERR_IO, ERR_NO_MEMORY.
 */
int journal_open(struct journal *j, const char *path, const uint8_t disk_id[DISK_ID_SIZE],
                 bool read_only, struct store_error *error) MUST_CHECK;

/* Harmless on what journal_open failed on. */
void journal_close(struct journal *j);

/* Nothing lies in it; the first frame goes to `position`. */
void journal_begin(struct journal *j, uint64_t position);

/* Find all frames from `position` on: they are synced and not merged. ERR_CORRUPT, see above. */
int journal_recover(struct journal *j, uint64_t position, struct store_error *error) MUST_CHECK;

/* Where a new start begins to write: nothing that was ever written lies as far ahead. */
uint64_t journal_next_start(const struct journal *j);

/* ---- Writing ---------------------------------------------------------------------------- */

/* Gather a record into the frame; false: it has no room. Copied. */
bool journal_add(struct journal *j, enum record_table table, struct bytes key, struct bytes value);

/* Is there room in the file for what is gathered? If not, more has to be merged. */
bool journal_has_room(const struct journal *j);

/* Write what is gathered, which journal_has_room for. ERR_IO: no flush or sync comes after that. */
int journal_flush(struct journal *j, struct store_error *error) MUST_CHECK;

/* What was flushed is durable. ERR_IO, likewise. Never tried again: see docs/protocol.md, 7. */
int journal_sync(struct journal *j, struct store_error *error) MUST_CHECK;

/* ---- Reading ---------------------------------------------------------------------------- */

struct journal_frame {
    uint64_t end;         /* Position behind it. */
    struct bytes records; /* Borrowed from the file: until `merged` passes it. */
};

/* The frame behind `position`; false: there is no good one. */
bool journal_read(const struct journal *j, uint64_t position, struct journal_frame *out_frame);

/* What lies before `position` is in LMDB, durably: its place may be written again. */
void journal_set_merged(struct journal *j, uint64_t position);

/*
 * Take the first record of a frame's. Borrowed, as the frame. ERR_NOT_FOUND: there is none left.
 * ERR_CORRUPT: it was written so.
 */
int journal_take(struct bytes *records, enum record_table *out_table, struct bytes *out_key,
                 struct bytes *out_value) MUST_CHECK;

#endif
