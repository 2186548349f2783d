/*
 * internal.h -- the replica from inside: shared by the files of this folder only.
 *
 *   replica.c    opening, one step, the tick          hello.c     who may talk, who may vote
 *   voting.c     this node as an acceptor             proposing.c this node as a proposer
 *   learning.c   what is chosen, holes, catching up   applying.c  in order, and answering
 *   admitting.c  clients' operations come in          restoring.c from disk to memory
 *   persisting.c what goes to disk, checkpoints
 *
 * Every function here returns ERR_NO_MEMORY or ERR_CORRUPT upward, and the step fails with it.
 */
#ifndef DKV_REPLICA_INTERNAL_H
#define DKV_REPLICA_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/prng.h"
#include "paxos/learner.h"
#include "paxos/proposer.h"
#include "replica/delays.h"
#include "replica/mail.h"
#include "replica/ops.h"
#include "replica/replica.h"
#include "replica/slots.h"

#define NS_PER_MS UINT64_C(1000000)
#define NEVER UINT64_MAX

/* Of the holes at the front of the log, this many are looked after at once, */
#define HOLES_AT_ONCE 64
/* and no further than this from the first one. */
#define HOLES_SPAN 4096

/*
 * With so many writes on their way to a disk that does not keep up, no more are asked for: neither
 * by others' requests, which will be repeated, nor for chosen_to, which can wait.
 */
#define WRITES_WAITING_MAX 65536

/* This node's attempts to decide one slot. */
struct proposal {
    struct list link; /* In replica.proposals. */
    uint64_t slot;
    struct proposer proposer;
    struct learner learner; /* Of the votes for the current attempt. */
    bool is_claim;          /* For own operations, and none of them was proposed here yet. */
    uint64_t due_ns;    /* When to ask again who has not answered; refused: when to try again. */
    uint64_t resend_ns; /* How long to wait the next time; doubles. */
    uint32_t refusals;
};

/* What is known of another member. The row of this node itself is unused. */
struct peer {
    bool connected;
    bool has_link; /* Hello was accepted on `link`. */
    uint64_t link;
    bool disk_known;
    uint8_t disk_id[DISK_ID_SIZE];
    uint64_t disk_sequence; /* The write that recorded it. */
    bool recorded_us;
    enum refusal refused_us;
    struct progress progress;
    uint64_t heartbeat_ns; /* When our progress was last sent to it. */
    uint64_t hello_due_ns; /* No Hello is asked for before then. */
};

/* At most one request for chosen slots is under way. */
struct fetch {
    bool active;
    bool useless; /* The last one brought nothing: next time ask the acceptors instead. */
    bool eager;   /* The last one brought something: there may be more at once. */
    uint32_t peer;
    uint64_t first; /* Slot */
    uint64_t deadline_ns;
};

struct replica {
    struct replica_options options;
    uint32_t self; /* Own index. */
    uint64_t now_ns;
    uint64_t wake_ns; /* The earliest next tick that anything asked for in this tick. */
    struct prng prng;
    struct effects *effects; /* Of the step under way. */

    bool admitted;
    bool admission_wait; /* DURABLE_ADMITTED is on its way to the disk. */
    uint64_t admission_sequence;

    struct peer peers[MEMBERS_MAX];
    struct mail inbox;  /* To this node itself, and free to go. */
    struct mail outbox; /* Waiting for the disk. */

    uint64_t write_sequence; /* Of the last write asked for. */
    uint64_t durable_sequence;
    uint64_t commit_sequence; /* The commit being timed; 0: none is. */
    uint64_t commit_began_ns;
    struct delays commit_delays;
    struct delays resolve_delays;

    struct slots slots;
    uint64_t highest;      /* Slot: the highest seen in any message, or used. */
    uint64_t frontier;     /* Slot: see docs/protocol.md, section 2, rule 7. */
    uint64_t chosen_to;    /* All slots up to here are chosen. Invariant: >= applied. */
    uint64_t persisted_to; /* chosen_to as last handed to the disk. */
    uint64_t persisted_ns;
    uint64_t durable_applied;

    struct list proposals; /* struct proposal */
    uint32_t claims;       /* Proposals that are claims. */
    uint32_t batches;      /* Own batches proposed and not known to be resolved. */
    uint64_t batches_bytes;
    uint64_t tag_sequence;
    struct buf scratch;

    struct list queue;         /* struct op: writes not yet proposed. */
    uint64_t queue_bytes;      /* Of those. */
    struct list reads;         /* struct op: reads waiting for a barrier. */
    struct list sequentials;   /* struct op: reads waiting for their min_slot, */
    uint64_t sequentials_from; /* none of them for a slot below this one. */
    struct heap deadlines;     /* Of every op not yet answered. */
    struct result *results;
    size_t results_capacity;

    struct fetch fetch;

    struct machine *machine;
    struct checkpoint *frozen; /* Waits for frozen_sequence, then goes to the driver. */
    uint64_t frozen_sequence;
    bool checkpointing; /* From the freeze until EVENT_CHECKPOINTED. */
    uint64_t checkpoint_slot;
    uint64_t checkpoint_ns;

    uint64_t executed_before; /* The machine's figures when replay ended. */
    uint64_t suppressed_before;
    struct replica_stats stats;
};

static inline const struct members *replica_members(const struct replica *r)
{
    return &r->options.identity.members;
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* replica.c: sending, and asking for the next tick. */

/* m's value and hello move into the mail. The message leaves once write `wait_for` is durable. */
int replica_post(struct replica *r, uint32_t to, struct message m, uint64_t wait_for) MUST_CHECK;

void replica_wake_at(struct replica *r, uint64_t at_ns);

/* The highest slot that this node may act in. */
uint64_t replica_window_end(const struct replica *r);

/* A slot was mentioned by somebody. */
void replica_note_slot(struct replica *r, uint64_t slot);

/* Persist d, and number it. */
int replica_write(struct replica *r, const struct durable *d) MUST_CHECK;

/* Writes asked for that are not known to be durable. */
uint64_t replica_writes_waiting(const struct replica *r);

/* Bytes of the log in memory: values, and the slots that hold them. */
uint64_t replica_log_memory(const struct replica *r);

/*
 * The log has more than `bytes` in memory, and a checkpoint that is under way or due will make
 * room: what brings more may wait for it. False when all of it is above what was applied: then the
 * very slot that brings more may be the one that all others wait for.
 */
bool replica_log_waits_above(const struct replica *r, uint64_t bytes);

/* hello.c */
int hello_on_peer_up(struct replica *r, uint32_t index) MUST_CHECK;
int hello_on_message(struct replica *r, uint32_t index, uint64_t link,
                     const struct hello *hello) MUST_CHECK;
int hello_ask(struct replica *r, uint32_t index) MUST_CHECK;
int hello_on_durable(struct replica *r) MUST_CHECK;
int hello_tick(struct replica *r) MUST_CHECK;
int heartbeat_tick(struct replica *r) MUST_CHECK;
int heartbeat_send(struct replica *r, uint32_t to) MUST_CHECK;

/* voting.c */
int voting_on_prepare(struct replica *r, uint32_t from, const struct message *m) MUST_CHECK;
int voting_on_accept(struct replica *r, uint32_t from, const struct message *m) MUST_CHECK;
#ifdef DKV_PLANTED
void voting_on_durable_planted(struct replica *r);
#endif

/* proposing.c */
int proposing_tick(struct replica *r) MUST_CHECK;
int proposing_recover(struct replica *r, uint64_t number) MUST_CHECK;
int proposing_on_promise(struct replica *r, uint32_t from, const struct message *m) MUST_CHECK;
int proposing_on_accepted(struct replica *r, uint32_t from, const struct message *m) MUST_CHECK;
int proposing_on_refused(struct replica *r, const struct message *m) MUST_CHECK;
int proposing_on_peer_up(struct replica *r, uint32_t peer) MUST_CHECK;
/* A claim gives way to a higher ballot that this node has just promised. */
void proposing_yield(struct replica *r, struct slot *slot, struct ballot promised);
/* Forget the attempts in a slot, if there are any. */
void proposing_drop(struct replica *r, struct slot *slot);
/* The batch proposed in the slot has lost it: its operations wait again. */
void proposing_requeue(struct replica *r, struct slot *slot);
#ifdef DKV_PLANTED
int proposing_take_noop_planted(struct replica *r, struct slot *slot) MUST_CHECK;
#endif
/* The batch leaves the slot; it is the caller's now. */
struct batch *proposing_take_batch(struct replica *r, struct slot *slot);

/* learning.c */
int learning_decide(struct replica *r, uint64_t number, struct value *v) MUST_CHECK;
/* chosen_to, as far as slots are known to be chosen without a gap. */
void learning_advance(struct replica *r);
int learning_on_learn(struct replica *r, const struct message *m) MUST_CHECK;
int learning_on_chosen(struct replica *r, uint32_t from, const struct message *m) MUST_CHECK;
int learning_on_progress(struct replica *r, uint32_t from, const struct progress *p) MUST_CHECK;
int learning_tell(struct replica *r, uint32_t to, uint64_t number, struct ballot b, struct value *v,
                  bool with_value) MUST_CHECK;
int learning_tick(struct replica *r) MUST_CHECK;

/* applying.c */
int applying_run(struct replica *r) MUST_CHECK;
int applying_expire(struct replica *r) MUST_CHECK;
int applying_answer(struct replica *r, struct op *op, enum answer_status status) MUST_CHECK;
#ifdef DKV_PLANTED
int applying_answer_early(struct replica *r, struct batch *b, uint64_t number) MUST_CHECK;
#endif

/* admitting.c */
int admitting_on_op(struct replica *r, const struct replica_op *from) MUST_CHECK;

/* persisting.c */
int persisting_tick(struct replica *r) MUST_CHECK;
int persisting_on_durable(struct replica *r) MUST_CHECK;
void persisting_on_checkpointed(struct replica *r, uint64_t slot);

#endif
