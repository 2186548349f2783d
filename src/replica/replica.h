/*
 * replica.h -- one node of dkv as a pure function: what happened goes in, what to do comes out.
 *
 * The replica puts agreement (paxos/) and the state machine (kv/) together: it queues clients'
 * operations, gathers them into batches, gets batches chosen, applies slots in order, and answers.
 * It does no I/O, reads no clock and draws no randomness but from the seed it was given: dkv-node
 * and the simulator are two drivers of this very code.
 *
 * A turn of the driver: take all that has arrived, replica_step each event, end with EVENT_TICK,
 * then carry out the effects once, and clear them. New proposals and timers happen at the tick.
 *
 * Durability. The replica holds back what must wait for the disk. The driver may carry out all
 * effects at once, in any order, without knowing any rule: it only writes `writes` in their order,
 * and says EVENT_DURABLE when they are on the disk.
 *
 * Memory. Of the log, slots above the durable applied slot are in memory; those at or below it are
 * on disk only. When any step returns an error the replica is fit for replica_close only, and the
 * driver must end the process: ERR_NO_MEMORY, or ERR_CORRUPT when two values turn out to be chosen
 * in one slot (a bug, or a disk that went back in time).
 *
 * One thread owns a replica.
 */
#ifndef DKV_REPLICA_REPLICA_H
#define DKV_REPLICA_REPLICA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "kv/machine.h"
#include "paxos/durable.h"
#include "paxos/members.h"
#include "paxos/message.h"

/* What a person may tune; replica_tuning_default has the values given here. */
struct replica_tuning {
    uint32_t pipeline_max;       /* Own slots not applied yet: 32. */
    uint64_t pipeline_bytes_max; /* Bytes in them: 8 MiB. */
    uint32_t pipeline_eager;     /* With so many of them (2) what comes is gathered: */
    uint64_t gather_ns;          /* till a batch is full, or so long after the last one: 1 ms.
                                    Coordinated mode. */
    uint32_t batch_bytes_max;    /* A batch of more than one command: 64 KiB. */
    uint32_t repeat_bytes_max;   /* A longer value (4 KiB) is not said twice to a peer to which
                                    what was said before is still on its way. */
    uint32_t silent_bytes_max;   /* A longer value (64 KiB) is announced before it is sent. */
    uint64_t travel_ns_per_byte; /* How long values may take over a link that is slow, and still be
                                    of use: 200 ns, which is 5 MB/s. */
    uint32_t queue_ops_max;      /* Operations waiting or under way: 16,384. */
    uint64_t queue_bytes_max;    /* Bytes of them: 64 MiB. */
    uint64_t alpha;              /* Nobody acts on a slot above applied + alpha: 65,536; at least
                                    2 * (reserve_slots + 2 * ahead_slots_max). */
    uint64_t reserve_slots;      /* Reserved so many slots ahead: 16,384. */
    uint64_t ahead_slots_min;    /* So many slots an idle node skips ahead, and so many are taken
                                    over, at first: 64; */
    uint64_t ahead_slots_max;    /* and at most: 4,096. */
    uint64_t hedge_min_ns;       /* Classic mode: how long a hole is left alone, at least: 10 ms, */
    uint64_t hedge_max_ns;       /* and at most: 200 ms; up to as much again at random. */
    uint64_t heartbeat_ns;       /* 100 ms */
    uint64_t checkpoint_slots;   /* A checkpoint after so many slots that are not NOOP (10,000), or
                                    eight times as many of any kind, */
    uint64_t checkpoint_bytes;   /* or so many bytes of log in memory: 32 MiB, */
    uint64_t checkpoint_ns;      /* or so long after the last one: 10 s. */
    uint32_t replies_max;        /* Messages that wait for this node's disk; beyond that peers have
                                    to ask again: 16,384. */
    uint64_t log_bytes_max;      /* Log in memory; above it clients are turned away, and
                                    nothing is fetched; at twice that, peers: 256 MiB. */
    uint64_t state_bytes_max;    /* Keys and values; above it only deletes are taken: 2 GiB. */
};

extern const struct replica_tuning replica_tuning_default;

struct replica_options {
    struct identity identity;
    uint64_t boot;       /* Durable already, and never used before. */
    bool admitted;       /* DURABLE_ADMITTED was found on the disk. */
    uint64_t first_slot; /* 1 in dkv-node; the simulator also starts just below 2^8, 2^16, 2^32. */
    uint64_t seed;       /* Of backoffs and hedges. */
    uint64_t life;       /* Drawn for this start, and for no other; not 0. */
    struct machine_limits limits;
    struct replica_tuning tuning;
};

/* ---- Events -------------------------------------------------------------------------------- */

enum op_kind {
    OP_WRITE = 1,
    OP_READ = 2,
};

enum consistency {
    CONSISTENCY_BARRIER = 0,    /* Linearizable: behind a barrier of this node's own. */
    CONSISTENCY_SEQUENTIAL = 1, /* What this node has applied, from min_slot on. */
    CONSISTENCY_QUORUM = 2,     /* Linearizable: a majority is asked how far it has accepted. */
};

/* A client's operation. All bytes are borrowed for the step. */
struct replica_op {
    enum op_kind kind;
    uint64_t handle;              /* The driver's; comes back in exactly one answer. */
    uint64_t deadline_ns;         /* When the answer must be given at the latest. */
    struct bytes command;         /* WRITE: one command, encoded; command_decode has accepted it. */
    struct bytes key;             /* READ */
    enum consistency consistency; /* READ */
    uint64_t min_slot;            /* READ, SEQUENTIAL: the answer is at least that new. */
};

enum event_kind {
    EVENT_OP = 1,       /* Uses: op. */
    EVENT_MESSAGE,      /* Uses: peer, link, message. */
    EVENT_PEER_UP,      /* The stream that we dialled to peer is new. Uses: peer. */
    EVENT_PEER_DOWN,    /* The stream that we dialled is gone. Uses: peer. */
    EVENT_PEER_BEHIND,  /* What was sent to peer waits for its stream, or does no more. When the
                           stream is new, it does not. Uses: peer, is_behind. */
    EVENT_DURABLE,      /* All writes up to this number are on the disk. Uses: sequence. */
    EVENT_CHECKPOINTED, /* The checkpoint of this slot is on the disk. Uses: slot. */
    EVENT_TICK,         /* The end of a turn. */
};

struct event {
    enum event_kind kind;
    uint64_t now_ns; /* Monotonic; never goes back. */
    uint32_t peer;   /* Index in members, not the own one. */
    bool is_behind;
    uint64_t link; /* Which incoming stream: what was accepted on one counts for that one. */
    const struct replica_op *op;
    const struct message *message; /* Borrowed; what is kept is referenced. */
    uint64_t sequence;
    uint64_t slot;
};

/* ---- Effects ------------------------------------------------------------------------------- */

enum answer_status {
    ANSWER_OK = 0,          /* `result` says what the write did, or `entry` what was read. */
    ANSWER_NOT_APPLIED,     /* The deadline came before the write was ever proposed. */
    ANSWER_OUTCOME_UNKNOWN, /* The deadline came; the write may have been, or be yet, applied. */
    ANSWER_NO_QUORUM,       /* The deadline came before the read was confirmed. */
    ANSWER_QUEUE_FULL,      /* Too much is under way here: try again later. Not applied. */
    ANSWER_STATE_FULL,      /* The state is at state_bytes_max. Not applied. */
};

struct answer {
    uint64_t handle;
    enum answer_status status;
    struct result result; /* Of a write. */
    struct entry *entry;  /* Of a read: a reference, or NULL when there is no such key. */
    uint64_t slot;        /* Applied when the answer was made. */
    uint64_t revision;    /* The store's, then. */
};

struct send {
    uint32_t peer;
    struct message message; /* With references of its own; message.hello points at `hello`. */
};

enum notice_kind {
    NOTICE_PEER_REFUSED = 1, /* We refuse that peer: close its stream. Uses: refusal. */
    NOTICE_REFUSED_BY_PEER,  /* That peer refuses us. Uses: refusal. */
    NOTICE_PEER_ACCEPTED,    /* Its Hello was accepted. */
    NOTICE_ADMITTED,         /* This disk may vote from now on. */
};

/* For the log, and for a person. */
struct notice {
    enum notice_kind kind;
    uint32_t peer;
    uint64_t link;
    enum refusal refusal;
};

/*
 * What to do now. Grows over the steps of a turn; effects_clear empties it and drops references.
 * All zero is an empty one.
 */
struct effects {
    struct durable *writes;
    size_t writes_count;
    size_t writes_capacity;
    uint64_t write_sequence; /* Number of the last of writes: what EVENT_DURABLE is to say. */
    struct send *sends;
    size_t sends_count;
    size_t sends_capacity;
    struct answer *answers;
    size_t answers_count;
    size_t answers_capacity;
    struct notice *notices;
    size_t notices_count;
    size_t notices_capacity;
    struct checkpoint *checkpoint; /* To be written, then said by EVENT_CHECKPOINTED; or NULL. A
                                      driver that takes it sets this to NULL, and frees it. */
    uint64_t next_tick_ns;         /* The next EVENT_TICK must come by then. */
};

void effects_clear(struct effects *e);
void effects_fini(struct effects *e);

/* ---- The replica --------------------------------------------------------------------------- */

struct replica;

/* options->identity.members is valid and holds identity.id. ERR_NO_MEMORY. */
int replica_open(const struct replica_options *options, struct replica **out_replica) MUST_CHECK;

/* NULL is fine. Answers nobody. */
void replica_close(struct replica *r);

/*
 * What the disk holds, before replica_start, in this order: the state, into replica_machine, up to
 * and with machine_restore_head (or nothing, when there is no checkpoint); then in any order the
 * all other records: those of slots and intervals above its applied slot, CHOSEN_TO, RESERVED,
 * ADMITTED and PEER.
 * Takes references of its own. ERR_NO_MEMORY; ERR_CORRUPT when the records contradict each other.
 */
int replica_restore(struct replica *r, const struct durable *record) MUST_CHECK;

/*
 * Apply again what is known to be chosen, without any message. ERR_CORRUPT: a slot up to chosen_to
 * is missing.
 */
int replica_start(struct replica *r, uint64_t now_ns) MUST_CHECK;

/* Take one event; add to *effects what follows from it. */
int replica_step(struct replica *r, const struct event *event, struct effects *effects) MUST_CHECK;

/* ---- Looking in ---------------------------------------------------------------------------- */

struct machine *replica_machine(struct replica *r);

struct replica_stats {
    uint64_t executed_total;   /* Writes executed since the start, without duplicates and replay. */
    uint64_t suppressed_total; /* Duplicates suppressed since the start, without replay. */
    uint64_t prepare_total;    /* Prepare requests processed as an acceptor. */
    uint64_t accept_total;     /* Accept requests processed as an acceptor. */
    uint64_t propose_total;    /* Proposals begun. */
    uint64_t refused_total;    /* Own attempts that were refused. */
    uint64_t recovered_total;  /* Holes that this node set out to fill. */
    uint64_t catchup_total;    /* Slots whose value came only after it was chosen. */
    uint64_t requeued_total;   /* Batches queued again because another value won their slot. */
    uint64_t batches_total;    /* Own batches chosen. */
    uint64_t batch_ops_total;
    uint64_t barriers_total; /* Own barriers chosen. */
    uint64_t skipped_total;  /* Own slots skipped. */
    uint64_t asked_total;    /* Questions about slots that nothing was known of. */
    uint64_t log_bytes;      /* Of values in memory. */
    uint64_t queued_ops;     /* Operations waiting or under way. */
    uint64_t queued_bytes;
};

struct replica_peer {
    uint32_t id;
    bool connected;           /* The stream we dialled is up. */
    bool accepted;            /* Its Hello was accepted. */
    bool recorded_us;         /* It has said that it recorded our disk_id. */
    struct progress progress; /* The last it told. */
    enum refusal refused_us;  /* Its last word about our Hello, or NONE. */
};

struct replica_status {
    uint64_t boot;
    bool admitted;
    uint64_t applied;
    uint64_t chosen_to;
    uint64_t frontier;
    uint64_t position;        /* Coordinated mode: the lowest own slot not used, skipped or lost, */
    uint64_t reserved_to;     /* and up to where own slots may be used. */
    uint64_t durable_applied; /* Slot of the last durable checkpoint. */
    struct replica_stats stats;
    uint32_t peers_count; /* Members, this node included (its row has only the id and progress). */
    struct replica_peer peers[MEMBERS_MAX];
};

void replica_get_status(const struct replica *r, struct replica_status *out_status);

/*
 * The log in memory has passed a quarter of its bound, because checkpoints do not keep up with what
 * clients write. From here on writes are proposed slower and slower, so that nobody need be turned
 * away; and checkpoints should hurry.
 */
bool replica_is_pressed(const struct replica *r);

/*
 * What this node holds of one slot. voters: who is known to have accepted at `voted_at`. In classic
 * mode only the proposer hears of that, in coordinated mode all do.
 */
struct slot_view {
    bool in_memory; /* Else nothing below says anything: look at the disk. */
    struct ballot promised;
    struct ballot accepted;
    struct value *vote;   /* Borrowed until the next step (value_ref keeps it), or NULL. */
    struct value *chosen; /* The same; NULL: not known to be chosen. */
    struct ballot voted_at;
    struct member_set voters;
};

void replica_get_slot(const struct replica *r, uint64_t number, struct slot_view *out_view);

#endif
