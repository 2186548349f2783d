/*
 * committer.h -- the thread that writes what must not be forgotten.
 *
 * Everything that queued up while the last sync was under way goes to the disk with one sync: the
 * busier, the larger the group. Nothing is copied but into the frame that is written, and nothing
 * is allocated on the steady path. A commit that failed ends the process at once, with one line:
 * nobody knows what is on the disk then, and an fsync that is retried lies.
 */
#ifndef DKV_NODE_COMMITTER_H
#define DKV_NODE_COMMITTER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/histogram.h"
#include "node/worker.h"
#include "paxos/durable.h"
#include "store/acceptor_store.h"

/* What one turn of the loop wrote. */
struct commit {
    struct mail mail;
    struct durable *writes; /* Owned. Their references are gone once it is durable. */
    size_t writes_count;
    size_t writes_capacity;
    uint64_t sequence;   /* Number of the last of them. */
    struct commit *next; /* When it comes back: one that became durable with it. */
};

struct committer {
    struct worker worker;
    struct acceptor_store *store;
    struct histogram *latency; /* Of one commit. Any thread reads it. */
    struct mailbox *answers;   /* Where commits go when they are durable, */
    void (*on_durable)(struct mail *mail, void *owner); /* with this to be run. */
    void (*on_committed)(void *context); /* After each sync, on the committer's thread. */
    void *context;
    /* The thread's own. */
    struct commit *gathered; /* Newest first, by `next`. */
    uint64_t began_ns;
};

/*
 * The caller has set store, latency, answers, on_durable, on_committed and context, and all else is
 * zero. ERR_IO: no thread.
 */
int committer_init(struct committer *c) MUST_CHECK;

/* Writes what was submitted, then ends the thread. All zero is fine. */
void committer_fini(struct committer *c);

/*
 * Write it. Comes back in a mail once it and all before it are durable; those that became durable
 * at once come back in one mail, the newest, the others behind its `next`. Its queue holds what the
 * replica holds, whose bounds are its bounds. The loop's thread.
 */
void committer_submit(struct committer *c, struct commit *commit);

/* Drop its references and free it, not those behind it. NULL is fine. */
void commit_free(struct commit *commit);

#endif
