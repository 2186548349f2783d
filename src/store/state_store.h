/*
 * state_store.h -- the last checkpoint of the state machine, on the disk of its node.
 *
 * Written now and then, off the critical path; read at start, and never between. What is newer is
 * in memory, and is applied again from the log after a crash. That takes a checkpoint as a whole:
 * appends, comparisons, revisions and the dedup table give another result on keys that are newer
 * than the rest. The disk shows one checkpoint as a whole, or the next.
 *
 * Yet it is not written as a whole: one large writeback holds up every commit's sync meanwhile. A
 * checkpoint that is larger than a part (STORE_PART_MAX) goes to the disk in several transactions,
 * each with its syncs. Each puts beside what it changes what was there before (KEYS_UNDO,
 * SESSIONS_UNDO); the last one changes the head and drops all that. Who opens a state that holds
 * something to undo puts it back first, in one transaction: what is left is the checkpoint before,
 * to the byte. (A rollback journal, as SQLite's. The other way round, new values set aside and
 * moved later, would write every new key twice, and a start would have the moving to finish.)
 *
 * So a reader of KEYS and SESSIONS in mid-write would have to see through the undo tables: there is
 * none yet.
 *
 * Everything that is read is verified as it is read. After a write that failed the caller must end
 * the process; the store refuses every further one.
 *
 * Threads: one thread opens, loads and closes; one thread writes. Errors: as acceptor_store.h.
 */
#ifndef DKV_STORE_STATE_STORE_H
#define DKV_STORE_STATE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "kv/machine.h"
#include "paxos/durable.h"
#include "record/record.h"
#include "store/store_error.h"
#include "store/usage.h"

struct state_store;

/*
 * Open dir/state, made when missing. The acceptor store of the same dir is open, and holds its
 * lock; identity is acceptor_store_identity's.
 * A checkpoint that was cut off is undone. Also ERR_MISMATCH: this state is another node's, or was
 * written next to another acceptor.
 */
int state_store_open(const char *dir, const struct identity *identity, uint64_t map_size_bytes,
                     struct state_store **out_store, struct store_error *error) MUST_CHECK;

/* NULL is fine. Lets nobody's write be cut off: it must have returned. */
void state_store_close(struct state_store *s);

/* Who takes what is loaded. Bytes are borrowed for the call. An error ends the load. */
struct state_store_loader {
    int (*on_key)(void *context, struct bytes key, const struct record_entry *entry);
    int (*on_session)(void *context, struct bytes client_id, struct bytes session);
    int (*on_head)(void *context, const struct checkpoint_head *head);
    void *context;
};

/*
 * The checkpoint: every key, every session, then the head. *out_found: there is one; without it
 * nothing was called. An error of the loader is returned.
 */
int state_store_load(struct state_store *s, const struct state_store_loader *loader,
                     bool *out_found, struct store_error *error) MUST_CHECK;

/*
 * on_part comes after each part of a checkpoint but the last, on the writing thread, with no
 * transaction open; it may take its time. False: write no more of it.
 */
struct state_store_pacing {
    uint64_t part_bytes_max; /* STORE_PART_MAX; a part is larger by up to one record. */
    bool (*on_part)(void *context);
    void *context;
};

/*
 * Make c, what changed since the one before, durable. c is borrowed; its keys and sessions are
 * sorted, so that each page is written once. *out_written is false when on_part gave up: what was
 * written of c is undone when the state is opened next, and nothing more may be written before
 * that. Also ERR_FULL.
 */
int state_store_write(struct state_store *s, struct checkpoint *c,
                      const struct state_store_pacing *pacing, bool *out_written,
                      struct store_error *error) MUST_CHECK;

/* Any thread. */
void state_store_get_usage(struct state_store *s, struct store_usage *out_usage);

#endif
