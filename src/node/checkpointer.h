/*
 * checkpointer.h -- the thread that writes the state, off the critical path.
 *
 * A write that failed ends the process at once, like a commit that failed.
 */
#ifndef DKV_NODE_CHECKPOINTER_H
#define DKV_NODE_CHECKPOINTER_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/err.h"
#include "base/histogram.h"
#include "node/worker.h"
#include "store/state_store.h"

struct checkpointer {
    struct worker worker;
    struct state_store *store;
    struct histogram *latency; /* Of one checkpoint. Any thread reads it. */
    struct mailbox *answers;   /* Where the mail goes when the checkpoint is durable, */
    void (*on_written)(struct mail *mail, void *owner); /* with this to be run. */
    /* The replica has one checkpoint under way at a time: this is it. */
    struct mail mail;
    struct checkpoint *checkpoint; /* NULL: none. */
    uint64_t rested_ns;            /* The thread's: when the part began that is being written. */
    uint64_t slot;                 /* Its applied slot; stands when on_written runs. */
};

/* The caller has set store, latency, answers and on_written, and all else is zero. ERR_IO. */
int checkpointer_init(struct checkpointer *c) MUST_CHECK;

/* Writes what was submitted, then ends the thread. All zero is fine. */
void checkpointer_fini(struct checkpointer *c);

/* Write it, and free it. None is under way. The loop's thread. */
void checkpointer_submit(struct checkpointer *c, struct checkpoint *checkpoint);

#endif
