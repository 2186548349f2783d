/*
 * acceptor_store.h -- what this node has promised, voted for and learnt, on its disk.
 *
 * The critical path of every operation: one commit writes everything that queued up behind what was
 * written before, in a journal, and syncs once (store/journal.h). What was added before
 * acceptor_store_sync returned 0 is on the disk; after any error nobody knows what is, and the
 * caller must end the process: the store refuses every further commit.
 *
 * Later, off the critical path, what is in the journal is merged into the tables, which is where
 * everything is read from. So what was just committed cannot be read yet; and whoever is to forget
 * what it has in memory, because the disk has it, waits for the merge.
 *
 * Everything that is read is verified as it is read. What the disk holds of the log is never
 * truncated yet.
 *
 * Threads: one thread opens, loads and closes; one thread commits; one thread merges; any thread
 * reads.
 *
 * Errors, of all functions: ERR_NO_MEMORY; ERR_IO; ERR_CORRUPT: what is on the disk is not what
 * was written (a record, or a file itself); ERR_MISMATCH: a record of another version of dkv. The
 * struct store_error says which, where, and what to do.
 */
#ifndef DKV_STORE_ACCEPTOR_STORE_H
#define DKV_STORE_ACCEPTOR_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "paxos/durable.h"
#include "store/store_error.h"
#include "store/usage.h"

struct acceptor_store;

struct acceptor_store_options {
    const char *dir;          /* The node's data directory; made when missing. Borrowed. */
    struct identity identity; /* Whose it must be, or becomes. disk_id is not looked at. */
    bool keep_mode;           /* A directory that is not new keeps its mode, whatever identity says;
                                 else another one than identity's is refused. */
    uint64_t map_size_bytes;  /* How large it may grow: STORE_MAP_SIZE_DEFAULT. */
    /* Of a new directory: the journal. A multiple of 2 MiB, STORE_JOURNAL_SIZE_MIN at least;
       0: STORE_JOURNAL_SIZE_DEFAULT. */
    uint64_t journal_size_bytes;
};

/*
 * Lock dir, and open dir/acceptor. A new one gets the identity given, with a disk_id drawn at
 * random. boot has grown by one, durably, when this returns. META is verified as a whole.
 * Also ERR_BUSY: another process has dir. ERR_MISMATCH: dir is another node's, another cluster's,
 * of another mode or of other members; or a state lies in it that belongs to a lost acceptor.
 * ERR_FULL. ERR_INVALID: dir's path is empty or too long.
 */
int acceptor_store_open(const struct acceptor_store_options *options,
                        struct acceptor_store **out_store, struct store_error *error) MUST_CHECK;

/* NULL is fine. Nobody may be reading or committing. Lets go of the lock. */
void acceptor_store_close(struct acceptor_store *s);

/* With its disk_id. Good until close. */
const struct identity *acceptor_store_identity(const struct acceptor_store *s);

/* Of this start: never used before. */
uint64_t acceptor_store_boot(const struct acceptor_store *s);

/* As found when opened: is there a DURABLE_ADMITTED? */
bool acceptor_store_admitted(const struct acceptor_store *s);

/* The durable chosen_to of what is merged, and can be read: grows as it is. Any thread. */
uint64_t acceptor_store_chosen_to(const struct acceptor_store *s);

/*
 * What a replica needs at start, before anything is committed: all that commit was ever given and
 * that still holds, but only votes and learnt values of slots > above, and intervals that end
 * there. The record is borrowed for the call (value_ref keeps a value). An error of on_record ends
 * the walk, and is returned.
 */
int acceptor_store_load(struct acceptor_store *s, uint64_t above,
                        int (*on_record)(void *context, const struct durable *record),
                        void *context, struct store_error *error) MUST_CHECK;

/*
 * A commit: add, as often as there is something to, then sync. Nothing that was added is durable
 * before acceptor_store_sync has returned 0; after a crash in between a part may be there: the
 * first so many records, never a later one without an earlier one. chosen_to never falls.
 *
 * Allocates nothing once it has seen a record of the largest size. When the journal is full it
 * merges first, and takes as long as that takes. Also ERR_FULL: the disk or the map.
 */
int acceptor_store_add(struct acceptor_store *s, const struct durable *records, size_t count,
                       struct store_error *error) MUST_CHECK;
int acceptor_store_sync(struct acceptor_store *s, struct store_error *error) MUST_CHECK;

/* Both at once. */
int acceptor_store_commit(struct acceptor_store *s, const struct durable *records, size_t count,
                          struct store_error *error) MUST_CHECK;

/* How many bytes of the journal are committed, and not merged. Any thread. */
uint64_t acceptor_store_unmerged(const struct acceptor_store *s);

/*
 * Merge about bytes_max bytes, at least one commit if there is any: one LMDB transaction, with its
 * syncs. After an error the caller must end the process. Also ERR_FULL: the disk or the map.
 */
int acceptor_store_merge(struct acceptor_store *s, uint64_t bytes_max,
                         struct store_error *error) MUST_CHECK;

/*
 * The values chosen in slots from .. min(to, chosen_to), in order, until they pass bytes_max (the
 * first one always comes). from >= 1. The value is borrowed for the call, during which pages are
 * pinned: do not wait in it. An error of on_value ends the walk, and is returned.
 * A slot that an interval says of that it holds NOOP comes with the value NOOP.
 * ERR_CORRUPT also when a slot up to chosen_to has no value.
 */
int acceptor_store_read_chosen(struct acceptor_store *s, uint64_t from, uint64_t to,
                               uint64_t bytes_max,
                               int (*on_value)(void *context, uint64_t slot, struct value *value),
                               void *context, struct store_error *error) MUST_CHECK;

/* What the disk holds of one slot. */
struct acceptor_store_slot {
    bool has_vote;
    bool has_learnt;
    struct durable vote;   /* DURABLE_VOTE. A reference to its value is the holder's. */
    struct durable learnt; /* DURABLE_LEARNT, likewise. */
    bool is_chosen;        /* slot <= chosen_to. */
    /* Together with the intervals over it (durable.h). Values are borrowed from here. */
    struct ballot promised;
    struct ballot accepted;
    struct value *voted;  /* At `accepted`; NULL: no vote. */
    struct value *chosen; /* NULL: not chosen, as far as this disk knows. */
};

/* slot >= 1. Nothing at all is 0 too, with all false. Ends with acceptor_store_slot_fini. */
int acceptor_store_read_slot(struct acceptor_store *s, uint64_t slot,
                             struct acceptor_store_slot *out_slot,
                             struct store_error *error) MUST_CHECK;
void acceptor_store_slot_fini(struct acceptor_store_slot *slot);

/* Any thread. */
void acceptor_store_get_usage(struct acceptor_store *s, struct store_usage *out_usage);

#endif
