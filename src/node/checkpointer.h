/*
 * checkpointer.h -- the thread that writes what nobody waits for: it merges what was committed into
 * the acceptor's tables, and writes checkpoints of the state.
 *
 * Both go to the disk in parts with syncs of their own, and after each the thread rests for as long
 * as it took: whoever commits meanwhile has the disk for himself half of the time. It does not rest
 * while the journal is half full, or the log in memory much larger than it should be.
 *
 * What there is to merge and a checkpoint take turns, part by part: commits may come as fast as
 * they are merged, and then there is always more of them.
 *
 * A write that failed ends the process at once, like a commit that failed.
 */
#ifndef DKV_NODE_CHECKPOINTER_H
#define DKV_NODE_CHECKPOINTER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/histogram.h"
#include "node/worker.h"
#include "store/acceptor_store.h"
#include "store/state_store.h"

struct checkpointer {
    struct worker worker;
    struct acceptor_store *acceptor;
    struct state_store *store;
    struct histogram *latency; /* Of one checkpoint. Any thread reads it. */
    struct mailbox *answers;   /* Where the mail goes when the checkpoint is durable, */
    void (*on_written)(struct mail *mail, void *owner); /* with this to be run. */
    struct mail merge_mail;
    atomic_bool merging;  /* merge_mail was pushed, and did not run yet. */
    atomic_bool pressed;  /* See checkpointer_press. */
    atomic_bool stopping; /* The rest of a checkpoint is not written any more. */
    uint64_t rested_ns;   /* The thread's: when the part began that is being written. */
    /* The replica has one checkpoint under way at a time: this is it. */
    struct mail mail;
    struct checkpoint *checkpoint; /* NULL: none. */
    uint64_t slot;                 /* Its applied slot; stands when on_written runs. */
};

/*
 * The caller has set acceptor, store, latency, answers and on_written, and all else is zero.
 * ERR_IO.
 */
int checkpointer_init(struct checkpointer *c) MUST_CHECK;

/*
 * Gives up the checkpoint that is being written (the disk keeps the one before), merges all that is
 * committed, and ends the thread. Nobody commits any more. All zero is fine.
 */
void checkpointer_fini(struct checkpointer *c);

/*
 * Write it, and free it. None is under way. Its chosen_to is durable. All up to its slot has been
 * merged when it comes back: what it covers can be read from the disk. The loop's thread.
 */
void checkpointer_submit(struct checkpointer *c, struct checkpoint *checkpoint);

/* Something was committed: merge, if there is enough of it. The committer's thread. */
void checkpointer_on_committed(struct checkpointer *c);

/* True: do not rest from now on, for memory waits for the checkpoint; false: do. Any thread. */
void checkpointer_press(struct checkpointer *c, bool pressed);

#endif
