/*
 * internal.h -- the replica from inside: shared by the files of this folder only, but for
 * sim/inside.c, which looks whether what a node holds keeps to its bounds.
 *
 *   replica.c    opening, one step, the tick          hello.c     who may talk, who may vote
 *   voting.c     this node as an acceptor             proposing.c this node as a proposer
 *   learning.c   what is chosen, holes, catching up   applying.c  in order, and answering
 *   admitting.c  clients' operations come in          restoring.c from disk to memory
 *   persisting.c what goes to disk, checkpoints      reading.c   quorum reads
 *
 * Of classic mode only: attempts in proposing.c, holes in learning.c. Of coordinated mode only:
 *
 *   coordinating.c own slots: use, skip, reserve      accepting.c the acceptor over intervals
 *   watching.c   who is silent, what is missing       revoking.c  other nodes' slots, taken over
 *   asking.c     questions about slots, and answers
 *
 * Every function here returns ERR_NO_MEMORY or ERR_CORRUPT upward, and the step fails with it.
 */
#ifndef DKV_REPLICA_INTERNAL_H
#define DKV_REPLICA_INTERNAL_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/prng.h"
#include "paxos/learner.h"
#include "paxos/proposer.h"
#include "paxos/revoker.h"
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
/* Replies to itself that wait for it, beyond replies_max. */
#define REPLIES_OWN_MAX 1024

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

/* docs/protocol.md, section 7. */
#define IDLE_NS (20 * NS_PER_MS) /* Without anything to propose for so long, a node is idle. */

/* Coordinated mode: this node's own slots. */
struct coordination {
    uint64_t reserved_to;      /* Durable: slots up to here may be used. */
    uint64_t reserving_to;     /* The reservation asked for last; >= reserved_to. */
    uint64_t reserve_sequence; /* The write that makes it durable. */
    uint64_t restart_to;       /* Slots up to here may have been used before the start: rule C9. */
    uint64_t position;         /* Lowest own slot neither used, skipped nor revoked. */
    uint64_t last_used;        /* Highest own slot used since the start. */
    uint64_t ahead;            /* How far the last skip ahead went; 0: none since a proposal. */
    uint64_t busy_ns;          /* When there was last something to propose. */
    uint64_t proposed_ns;      /* When something was last proposed. */
    uint64_t revoked_to;       /* Others took slots over up to here before any might be skipped. */
    bool gathers;              /* What waits is left to grow: see coordinating_gathers. */
    struct list inflight;      /* struct batch: proposed at round 0, slot not resolved. */
};

/* Coordinated mode: what this node sees of one member's slots, its own included. */
struct watch {
    uint64_t known;    /* The member's lowest slot that nothing is known of here. */
    uint64_t since_ns; /* Since when that is at or below the frontier; 0: it is not. */
    uint64_t ask_due_ns;
    uint64_t ask_wait_ns;
    uint64_t sample_slot; /* The time until `known` passes this is being taken; 0: none is. */
    uint64_t sample_ns;
    uint64_t coming_slot; /* Of the last large value that it announced and was believed; 0: none. */
    uint64_t coming_ns;   /* When that should be here. */
    bool coming_came;     /* It did, or a later one. */
    struct delays passing; /* How long it takes until the member's position passes an Accept. */
    bool heard;            /* It gave a sign of life since others were asked about it. */
    bool relayed;          /* What was last missing of it came from others. */
    bool suspected;        /* Its slots were taken over, and it has not been heard of since. */
    uint64_t suspect_ns;   /* When it began to hold back what is ahead; 0: it does not. */
    uint64_t revoked_to;   /* The last slot that this node set out to take over. */
    uint64_t width;        /* How much is revoked the next time. */
    uint64_t lead;         /* So far beyond the frontier it last skipped; 0: it proposes. */
    uint64_t short_ns;     /* Since when too little is left of that; 0: enough is. */
    uint64_t rival_ns;    /* When a rival's ballot last made progress; 0: none stands in the way. */
    uint32_t rival_luck;  /* How much longer than it must this node waits then, of 1,024. */
    uint32_t failures;    /* Own attempts refused since one was not, or anything became known. */
    uint64_t heard_round; /* The highest round heard of in its slots. */
    struct revocation *revocation; /* Under way; or NULL. */
};

/* An attempt of this node's to decide a run of one member's slots. */
struct revocation {
    struct revoker revoker;
    uint64_t due_ns; /* When to say again what was said last. */
    uint64_t wait_ns;
};

/* Votes that are told together: one ballot, one run of slots. */
struct vote_run {
    struct interval interval;
    struct ballot ballot;
};

/* The question of a quorum read that is under way, and the reads that share it. */
struct quorum_read {
    uint64_t number; /* 0: none is. */
    uint64_t highest;
    struct member_set answered;
    struct list reads; /* struct op */
    uint64_t due_ns;
    uint64_t wait_ns;
};

/* What is known of another member. The row of this node itself is unused. */
struct peer {
    bool connected;
    bool is_behind; /* EVENT_PEER_BEHIND */
    bool has_link;  /* Hello was accepted on `link`. */
    uint64_t link;
    bool disk_known;
    uint8_t disk_id[DISK_ID_SIZE];
    uint64_t disk_sequence; /* The write that recorded it. */
    bool recorded_us;
    enum refusal refused_us;
    struct progress progress;
    uint64_t heartbeat_ns; /* When our progress was last sent to it. */
    uint64_t its_sent_ns;  /* When it sent its last heartbeat, by its clock; 0: none came, */
    uint64_t came_ns;      /* and when that came. */
    uint64_t trip_ns;      /* There and back, lately; 0: not known. */
    uint64_t hello_due_ns; /* No Hello is asked for before then. */
    uint64_t seen_boot;    /* The highest boot seen of it since this node's start, */
    uint64_t seen_life;    /* the first life of that boot, */
    uint64_t seen_slot;    /* and the highest own slot that it proposed in or skipped. */
    /* Coordinated mode: our skips, as far as the peer is known to know them. */
    uint64_t skips_known;  /* Its word: our lowest slot that it knows nothing of. */
    uint64_t skips_due_ns; /* When to announce them again; 0: no need. */
    uint64_t skips_wait_ns;
    uint64_t skips_expected; /* Which word of it ends that. */
    uint64_t position_then;  /* Our position when its last heartbeat came. */
};

/* One request for chosen slots at a time; the answer to one that was given up is still taken. */
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
    uint64_t frontier;     /* Slot: see docs/protocol.md, section 2, rule 7, and section 7. */
    uint64_t chosen_to;    /* All slots up to here are chosen. Invariant: >= applied. */
    uint64_t voted_to;     /* The highest slot in which this node accepted anything but NOOP. */
    uint64_t persisted_to; /* chosen_to as last handed to the disk. */
    uint64_t persisted_ns;
    uint64_t durable_applied; /* What is up to here is forgotten, or about to be. */

    struct list proposals; /* struct proposal */
    uint32_t claims;       /* Proposals that are claims. */
    uint32_t batches;      /* Own batches proposed and not applied yet. */
    uint64_t batches_bytes;
    uint64_t tag_sequence;
    uint64_t pace_ns; /* Until then no more writes are proposed: the log grows too fast. */

    struct list queue;         /* struct op: writes not yet proposed. */
    uint64_t queue_bytes;      /* Of those. */
    struct list reads;         /* struct op: reads waiting for a barrier. */
    struct list sequentials;   /* struct op: reads waiting for their min_slot, */
    uint64_t sequentials_from; /* none of them for a slot below this one. */
    struct heap deadlines;     /* Of every op not yet answered. */
    struct result *results;
    size_t results_capacity;

    struct fetch fetch;

    struct coordination own;
    struct watch watches[MEMBERS_MAX];
    struct vote_run votes[MEMBERS_MAX]; /* Of this turn, by coordinator. */
    uint64_t round_used;                /* The highest round of an own Prepare. */
    uint64_t stuck_ns;       /* Since when the slot above chosen_to is a hole; 0: it is not. */
    uint64_t stuck_slot;     /* That slot. */
    uint64_t uneasy_from_ns; /* Since when this node has been late again and again, */
    uint64_t uneasy_ns;      /* and when it last was. */
    uint64_t stuck_value_ns; /* Since when its value is waited for. */
    uint64_t echoed_ns;      /* When Accepts were last said again because the log was stuck. */
    uint64_t stuck_fetch_ns; /* Not to be fetched before. */
    uint64_t calm_ns; /* Nobody's silence counts from before this: this node itself was late. */
    uint64_t calmed_commit_ns; /* The commit that was reason for it last. */
    uint64_t promised_wake_ns; /* When the last tick wanted the next one. */
    struct quorum_read quorum;
    struct list quorum_queue; /* struct op: reads that wait for the next question. */
    uint64_t quorum_number;

    struct machine *machine;
    struct checkpoint *frozen; /* Waits for frozen_sequence, then goes to the driver. */
    uint64_t frozen_sequence;
    bool checkpointing; /* From the freeze until EVENT_CHECKPOINTED. */
    uint64_t checkpoint_slot;
    uint64_t checkpoint_ns;
    uint64_t values_applied; /* Slots applied since the last freeze, but for NOOPs. */

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

static inline bool replica_is_coordinated(const struct replica *r)
{
    return r->options.identity.mode == MODE_COORDINATED;
}

/* Index of the member that coordinates the slot. */
static inline uint32_t replica_coordinator(const struct replica *r, uint64_t slot)
{
    assert(replica_members(r)->count > 0);
    return (uint32_t)(slot % replica_members(r)->count);
}

/* The lowest slot >= at that the member coordinates. */
static inline uint64_t replica_slot_of(const struct replica *r, uint32_t index, uint64_t at)
{
    uint64_t n = replica_members(r)->count;
    return at + (index + n - at % n) % n;
}

/* To each member, this node included or not. The references stay the caller's. */
int replica_post_all(struct replica *r, bool self_too, const struct message *m,
                     uint64_t wait_for) MUST_CHECK;

/* How long a value (NULL: none) may take to a member over a link that is slow. */
static inline uint64_t replica_travel_ns(const struct replica *r, const struct value *v)
{
    return v == NULL ? 0 : v->size * r->options.tuning.travel_ns_per_byte;
}

/*
 * May something with this value (NULL: none) be said to that member once more? Not while a large
 * one is on its way there already, perhaps this one: on a link that is slow for large values,
 * copies would hold up all that follows, and be asked for again for that.
 */
bool replica_may_repeat(const struct replica *r, uint32_t to, const struct value *v);

/*
 * Before an Accept: a value that may be longer on its way than others wait for it is announced, or
 * they would take its slot for one that was left open.
 */
int replica_say_coming(struct replica *r, uint32_t to, uint64_t slot,
                       const struct value *v) MUST_CHECK;

/* A value was seen in that slot, or somebody waits for it: section 7, "Frontier". */
static inline void replica_raise_frontier(struct replica *r, uint64_t slot)
{
    r->frontier = max_u64(r->frontier, slot);
}

/* Persist a record of an interval: one for each block it touches. d is its pattern. */
int replica_write_interval(struct replica *r, struct durable d, struct interval i) MUST_CHECK;

/* The highest slot that this node may act in. */
uint64_t replica_window_end(const struct replica *r);

/* A slot was mentioned by somebody. */
void replica_note_slot(struct replica *r, uint64_t slot);

/* Persist d, and number it. */
int replica_write(struct replica *r, const struct durable *d) MUST_CHECK;

/* Writes asked for that are not known to be durable. */
uint64_t replica_writes_waiting(const struct replica *r);

/* Of what the last checkpoint covers there is still some in memory. */
static inline bool replica_is_forgetting(const struct replica *r)
{
    return r->slots.first <= r->durable_applied;
}

/* Bytes of the log in memory: values, and the slots that hold them. */
uint64_t replica_log_memory(const struct replica *r);

/*
 * The log has more than `bytes` in memory, and a checkpoint that is under way or due will make
 * room: what brings more may wait for it. False when all of it is above what was applied: then the
 * very slot that brings more may be the one that all others wait for.
 */
bool replica_log_waits_above(const struct replica *r, uint64_t bytes);

/* From how many bytes of log on writes are slowed down: see replica_is_pressed. */
static inline uint64_t replica_pressed_from(const struct replica *r)
{
    return r->options.tuning.log_bytes_max / 4;
}

/* hello.c */
int hello_on_peer_up(struct replica *r, uint32_t index) MUST_CHECK;
/* That member, or an earlier life of it, has used this own slot. */
void hello_on_used(struct replica *r, uint32_t index, uint64_t slot);
/* A majority, this node included, has said in this life what it has seen of this node. */
bool hello_is_known(const struct replica *r);
int hello_on_message(struct replica *r, uint32_t index, uint64_t link,
                     const struct hello *hello) MUST_CHECK;
int hello_ask(struct replica *r, uint32_t index) MUST_CHECK;
int hello_on_durable(struct replica *r) MUST_CHECK;
int hello_tick(struct replica *r) MUST_CHECK;
int heartbeat_tick(struct replica *r) MUST_CHECK;
int heartbeat_send(struct replica *r, uint32_t to) MUST_CHECK;
/* What it says of the round trip to that member. */
void heartbeat_on_message(struct replica *r, uint32_t from, const struct progress *p);
/* To the farthest member whose stream is up and back, lately; 0: not known. 1 s at most. */
uint64_t heartbeat_round_trip(const struct replica *r);

/* voting.c */
int voting_on_prepare(struct replica *r, uint32_t from, const struct message *m) MUST_CHECK;
int voting_on_accept(struct replica *r, uint32_t from, const struct message *m) MUST_CHECK;
/* A disk that stands still must not let requests pile up in memory. They are said again. */
bool voting_is_overloaded(const struct replica *r, uint32_t from);
/* What this node promised and accepted in the slot. */
int voting_persist(struct replica *r, uint64_t number, const struct slot *slot) MUST_CHECK;
/* For replica_post: all writes queued so far, also when the request changed nothing. */
uint64_t voting_reply_waits_for(const struct replica *r);
#ifdef DKV_PLANTED
void voting_on_durable_planted(struct replica *r);
#endif

/* accepting.c */
int accepting_on_accept(struct replica *r, uint32_t from, const struct message *m) MUST_CHECK;
int accepting_on_accept_noop(struct replica *r, uint32_t from, const struct message *m) MUST_CHECK;
int accepting_on_prepare(struct replica *r, uint32_t from, const struct message *m) MUST_CHECK;
int accepting_on_voted(struct replica *r, uint32_t from, const struct message *m) MUST_CHECK;
/* Tell all of this turn's votes. */
int accepting_flush(struct replica *r) MUST_CHECK;

/* coordinating.c */
void coordinating_start(struct replica *r);
int coordinating_tick(struct replica *r) MUST_CHECK;
void coordinating_on_durable(struct replica *r);
int coordinating_on_peer_up(struct replica *r, uint32_t peer) MUST_CHECK;
/* Somebody takes over own slots: rule C8. */
int coordinating_on_revoked(struct replica *r, struct interval interval) MUST_CHECK;
int coordinating_on_skip(struct replica *r, uint32_t from, const struct message *m) MUST_CHECK;
/* The highest own slot that this life, or an earlier one that the disk knows of, may have used. */
uint64_t coordinating_used_to(const struct replica *r);
int coordinating_on_refused(struct replica *r, const struct message *m) MUST_CHECK;
/* The peer knows nothing of our slot `known`, but of all lower ones. */
void coordinating_on_skipped(struct replica *r, uint32_t from, uint64_t known);
void coordinating_on_progress(struct replica *r, uint32_t from, const struct progress *p);

/* watching.c */
void watching_start(struct replica *r);
int watching_tick(struct replica *r) MUST_CHECK;
/* A fetch has brought all that a peer had in one piece: ask for what comes behind. */
int watching_ask_rest(struct replica *r) MUST_CHECK;
/* See what has become known of the member's slots. */
void watching_advance(struct replica *r, uint32_t index);
/* How long the member may be silent about a slot. */
uint64_t watching_patience(const struct replica *r, uint32_t index);
/* How long a commit may well take here; bounded. */
uint64_t watching_commit(const struct replica *r);
/* The member spoke for itself about its slots. */
void watching_on_sign(struct replica *r, uint32_t index, bool proposes);
/* It has sent an Accept for its slot, with a large value. */
int watching_on_coming(struct replica *r, uint32_t from, const struct message *m);
/* That member has skipped its slots up to `last`. */
void watching_on_skip(struct replica *r, uint32_t index, uint64_t last);
/* Such an Accept is here. */
void watching_on_came(struct replica *r, uint32_t index, uint64_t number);
struct member_set watching_broken(const struct replica *r);

/* revoking.c */
int revoking_begin(struct replica *r, uint32_t index, uint64_t first, uint64_t last) MUST_CHECK;
int revoking_on_promise(struct replica *r, uint32_t from, const struct message *m) MUST_CHECK;
void revoking_on_refused(struct replica *r, const struct message *m);
/*
 * A ballot was heard of in the member's slots. progresses: with something new of it, for which its
 * owner gets time. What is only said again is no reason to wait, or who cannot hear our answers,
 * and asks for ever, would keep everybody waiting.
 */
void revoking_on_rival(struct replica *r, uint32_t index, struct ballot b, bool progresses);
/* Until then a rival that is at work in the member's slots is left alone. */
uint64_t revoking_retry(const struct replica *r, uint32_t index);
int revoking_tick(struct replica *r, uint32_t index) MUST_CHECK;
void revoking_drop(struct replica *r, uint32_t index);

/* asking.c */
int asking_send(struct replica *r, struct interval interval) MUST_CHECK;
int asking_on_ask(struct replica *r, uint32_t from, const struct message *m) MUST_CHECK;
/*
 * Say again to `to` what was accepted here, as it was proposed, and that it was; the slot is not
 * known as chosen. NOOPs of one ballot become part of *run, which is told when it ends.
 */
int asking_echo(struct replica *r, uint32_t to, uint64_t number, const struct slot *slot,
                struct vote_run *run) MUST_CHECK;
int asking_echo_run(struct replica *r, uint32_t to, struct vote_run run) MUST_CHECK;
/* The slot's decision, as LEARN or, for NOOP, as part of *run, which is told when it ends. */
int asking_tell(struct replica *r, uint32_t to, uint64_t number, const struct slot *slot,
                struct interval *run) MUST_CHECK;
int asking_tell_run(struct replica *r, uint32_t to, struct interval decided) MUST_CHECK;

/* reading.c */
int reading_tick(struct replica *r) MUST_CHECK;
int reading_on_read(struct replica *r, uint32_t from, const struct message *m) MUST_CHECK;
int reading_on_answer(struct replica *r, uint32_t from, const struct message *m) MUST_CHECK;

/* proposing.c */
int proposing_gather(struct replica *r, struct slot *slot) MUST_CHECK;
bool proposing_has_work(const struct replica *r);
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
/* Writes are to wait for the checkpoints; asks for the tick at which they need not any more. */
bool proposing_is_paced(struct replica *r);
/* The batch leaves the slot; it is the caller's now. */
struct batch *proposing_take_batch(struct replica *r, struct slot *slot);

/* learning.c */
int learning_decide(struct replica *r, uint64_t number, struct value *v) MUST_CHECK;
/* The same, with a value that a peer sent since it is decided: this node may have missed it. */
int learning_catch_up(struct replica *r, uint64_t number, struct value *v) MUST_CHECK;
/* NOOP is decided in each slot of the interval that this node may act in. */
int learning_decide_noops(struct replica *r, struct interval interval) MUST_CHECK;
int learning_tick_fetch(struct replica *r) MUST_CHECK;
/* *out_asked: a peer has the slot for sure, and was asked for it now or lately. */
int learning_fetch_from(struct replica *r, uint64_t number, bool *out_asked) MUST_CHECK;
/* chosen_to, as far as slots are known to be chosen without a gap. */
void learning_advance(struct replica *r);
int learning_on_learn(struct replica *r, const struct message *m) MUST_CHECK;
/* A large value is on its way to this slot (classic mode). */
int learning_on_coming(struct replica *r, const struct message *m) MUST_CHECK;
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
