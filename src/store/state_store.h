/*
 * state_store.h -- the last checkpoint of the state machine, on the disk of its node.
 *
 * Written now and then, off the critical path; read at start, and never between. What is newer is
 * in memory, and is applied again from the log after a crash. One transaction holds the keys, the
 * sessions and the head of a checkpoint: the disk shows one checkpoint as a whole, or the next.
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
 * Also ERR_MISMATCH: this state is another node's, or was written next to another acceptor.
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

/* Make c, what changed since the one before, durable. Borrowed. Also ERR_FULL. */
int state_store_write(struct state_store *s, const struct checkpoint *c,
                      struct store_error *error) MUST_CHECK;

/* Any thread. */
void state_store_get_usage(struct state_store *s, struct store_usage *out_usage);

#endif
