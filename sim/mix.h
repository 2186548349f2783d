/*
 * mix.h -- what one seed's world is like: which faults strike, how often, how hard; how clients
 * behave; how small the limits are.
 *
 * Swarm testing, after Groce et al., "Swarm Testing" (ISSTA'12): each seed draws its own subset of
 * features and its own rates, because runs in which everything happens at once hide what only a
 * few things together can cause. No draw knows of a planted bug: what finds those is what finds
 * others.
 */
#ifndef DKV_SIM_MIX_H
#define DKV_SIM_MIX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"
#include "replica/replica.h"

enum fault {
    FAULT_CRASH = 0,      /* One process ends; what was not synced is lost, or partly kept. */
    FAULT_CRASH_SENT,     /* The same, just after it sent what it had to say, or part of that. */
    FAULT_POWER_ALL,      /* All processes end at once. */
    FAULT_PAUSE,          /* One process stands still for a while. */
    FAULT_ISOLATE,        /* One node hears and is heard by nobody. */
    FAULT_ONE_WAY,        /* What one node says to another is lost. */
    FAULT_PAIR,           /* Two nodes cannot talk to each other. */
    FAULT_SPLIT,          /* The members fall into two parts. */
    FAULT_RESET,          /* A stream breaks, and is dialled again. */
    FAULT_SLOW_DISK,      /* One node's commits take a hundred times as long. */
    FAULT_COMMIT_FAILS,   /* A commit fails: the process must end. */
    FAULT_WIPE,           /* A node loses its disk and starts with an empty one. */
    FAULT_CRASH_WROTE,    /* One process ends when it has handed its writes to the disk, unsaid. */
    FAULT_CRASH_SYNCED,   /* The same, just after a commit of which nobody was told. */
    FAULT_DOZE,           /* One process stands still about as long as others wait for it. */
    FAULT_STALL,          /* One node's disk does nothing for a while. */
    FAULT_SILENCE,        /* No client wants anything for a while. */
    FAULT_CRASH_PROPOSED, /* One process ends when it proposes after a phase 1, or half does. */
    FAULT_JAM,            /* What goes one way waits for a while, or values take long; whoever sends
                             is told. */
};
#define FAULTS 19

const char *fault_name(enum fault f);

/* One kind of fault in one seed. */
struct fault_rate {
    uint64_t every_ns;  /* Mean time between two; 0: never. */
    uint64_t length_ns; /* At most so long. */
};

struct client_mix {
    uint32_t count;           /* Clients. */
    uint32_t idle;            /* Of those, how many only seldom do anything. */
    uint64_t think_ns;        /* Up to so long between two operations. */
    uint32_t pipeline;        /* Operations of one client under way at once, at most. */
    uint32_t keys;            /* In use at one time. */
    uint32_t ops_per_key;     /* Then fresh keys are taken: bounds the checker's work. */
    uint32_t read_ppm;        /* Of all operations; the rest writes. */
    uint32_t sequential_ppm;  /* Of the reads, */
    uint32_t quorum_ppm;      /* and of those that are left. */
    uint32_t cas_ppm;         /* Of the writes, */
    uint32_t append_ppm;      /* and so on; */
    uint32_t delete_ppm;      /* what is left puts. */
    uint32_t no_id_ppm;       /* Clients without a client_id. */
    uint32_t everywhere_ppm;  /* The same operation goes to several nodes at once. */
    uint32_t repeat_ppm;      /* An answered operation is sent again, much later. */
    uint64_t repeat_after_ns; /* Up to so much later. */
    uint32_t fresh_id_ppm;    /* After an operation, go on as a new client. */
    uint32_t lose_ppm;        /* Requests and replies lost between client and node. */
    uint64_t timeout_ns;      /* Of one attempt. */
    uint32_t attempts;        /* Then the client gives up. */
    uint32_t value_size_max;  /* Of the filling behind what makes a value unique. */
    uint32_t homes;           /* Clients begin at the first so many nodes only, */
    uint32_t pinned_ppm;      /* and of them so many never turn to another. */
};

struct mix {
    enum mode mode;
    uint32_t nodes;
    uint64_t first_slot;

    bool is_far;           /* Nodes are further apart than they are patient nearby. */
    uint64_t delay_min_ns; /* One way. */
    uint64_t delay_spread_ns;
    uint32_t delay_tail_ppm; /* So many messages take up to 30 times the spread. */
    uint32_t loss_ppm;
    uint32_t duplicate_ppm;
    bool fifo;           /* Messages of one stream keep their order. */
    uint32_t late_ppm;   /* A message of a broken stream still arrives. */
    uint32_t notice_ppm; /* Partitions that break the streams they cut; others only lose. */
    uint64_t redial_ns;
    uint64_t narrow_ns_per_byte; /* Of values, on a stream that a jam only makes slow; 0: it stops
                                    all that a stream carries. */

    uint64_t commit_min_ns;
    uint64_t commit_spread_ns;
    uint32_t slow_node; /* Index; its commits take ten times as long. MEMBER_NONE: nobody's do. */
    uint32_t torn_ppm;  /* Of crashes: part of what was not synced is kept. */

    uint64_t turn_ns;       /* A turn takes up to so long. */
    uint32_t clock_skew_pm; /* A node's clock runs up to so many thousandths fast or slow. */
    uint64_t down_ns;       /* A crashed node is down up to so long. */

    struct fault_rate faults[FAULTS];
    uint32_t wipes_max;
    struct client_mix clients;
    struct machine_limits limits;
    struct replica_tuning tuning;
    bool state_fills; /* state_bytes_max is so small that only deletes are sure to be taken. */
    bool pair_phase;  /* After the faults: cut one pair only; all must go on answering. */
};

/* mode, nodes and first_slot: 0 lets the seed choose. */
void mix_draw(struct mix *m, struct prng *p, enum mode mode, uint32_t nodes, uint64_t first_slot);

#endif
