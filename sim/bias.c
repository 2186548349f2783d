/*
 * bias.c -- the run that finds each planted bug, after docs/protocol.md, section 8.
 *
 * Most bugs show in any run with enough faults. These need something in particular, which a seed
 * would draw too, only more seldom.
 */
#include "mix.h"

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)
#define HALF 500000

static void bias_fault(struct mix *m, enum fault f, uint64_t every_ns, uint64_t length_ns)
{
    m->faults[f] = (struct fault_rate){.every_ns = every_ns, .length_ns = length_ns};
}

/* Many clients on few keys, all nodes at once: contention for every slot. */
static void bias_contention(struct mix *m)
{
    m->clients.count = 12;
    m->clients.idle = 0;
    m->clients.think_ns = 200 * US;
    m->clients.keys = 2;
}

static void bias_sessions(struct mix *m)
{
    bias_contention(m);
    m->clients.no_id_ppm = 0;
    m->clients.pipeline = 6;
    m->clients.everywhere_ppm = HALF;
    m->clients.attempts = 20;
    m->clients.lose_ppm = 100000;
    m->clients.timeout_ns = 20 * MS;
}

/* A table of few clients, and clients that come back after it has forgotten them. */
static void bias_eviction(struct mix *m)
{
    bias_sessions(m);
    m->limits.clients_max = 3;
    m->clients.repeat_ppm = HALF;
    m->clients.repeat_after_ns = 500 * MS;
    m->clients.fresh_id_ppm = HALF;
}

/* Proposers die between their two phases, and somebody who heard nothing of it reads. */
static void bias_noops(struct mix *m, uint32_t nodes)
{
    if (nodes == 0)
        m->nodes = 5;
    bias_contention(m);
    bias_fault(m, FAULT_ISOLATE, 60 * MS, 300 * MS);
    bias_fault(m, FAULT_CRASH_SENT, 10 * MS, 0);
    m->down_ns = 10 * MS;
    m->notice_ppm = 0;
    m->loss_ppm = 0;
    m->delay_tail_ppm = 0;
    m->commit_min_ns = 100 * US;
    m->commit_spread_ns = 200 * US;
    m->clients.count = 6;
    m->clients.think_ns = 5 * MS;
    m->clients.read_ppm = HALF;
    m->clients.sequential_ppm = 0;
    m->clients.timeout_ns = 500 * MS;
}

void mix_bias(struct mix *m, struct prng *p, enum planted bug, uint32_t nodes)
{
    switch (bug) {
    case PLANTED_ANSWER_BEFORE_SYNC:
        bias_fault(m, FAULT_CRASH_SENT, 50 * MS, 0);
        break;
    case PLANTED_BALLOT_REUSED:
    case PLANTED_SYNC_RETRIED:
        bias_fault(m, bug == PLANTED_BALLOT_REUSED ? FAULT_CRASH_SENT : FAULT_COMMIT_FAILS, 30 * MS,
                   0);
        bias_fault(m, FAULT_CRASH, 100 * MS, 0);
        m->down_ns = 5 * MS;
        bias_contention(m);
        break;
    case PLANTED_BARRIER_IS_NOOP:
        bias_noops(m, nodes);
        break;
    case PLANTED_READ_JOINS_OLD_BATCH:
        bias_contention(m);
        bias_fault(m, FAULT_ISOLATE, 50 * MS, 60 * MS);
        m->clients.read_ppm = HALF;
        m->clients.sequential_ppm = 0;
        break;
    case PLANTED_LAST_OP_ID:
    case PLANTED_DEDUP_AT_PROPOSE:
    case PLANTED_REQUEUE_EARLY:
        bias_sessions(m);
        break;
    case PLANTED_FLOOR_IGNORED:
    case PLANTED_EVICTED_AGAIN:
        bias_eviction(m);
        break;
    case PLANTED_WIPED_DISK:
        bias_fault(m, FAULT_WIPE, 50 * MS, 0);
        bias_fault(m, FAULT_ISOLATE, 50 * MS, 100 * MS);
        m->wipes_max = (m->nodes - 1) / 2;
        break;
    case PLANTED_LITTLE_ENDIAN:
        m->first_slot = (UINT64_C(1) << 8) - prng_between(p, 1, 100);
        bias_fault(m, FAULT_CRASH, 100 * MS, 0);
        break;
    case PLANTED_TAIL_HOLE:
        m->loss_ppm = 200000;
        break;
    case PLANTED_LINK_STARVES:
        m->pair_phase = true;
        break;
    case PLANTED_APPLY_TWICE_ON_REPLAY:
    case PLANTED_CHOSEN_TO_AHEAD:
        bias_fault(m, FAULT_CRASH, 50 * MS, 0);
        m->tuning.checkpoint_slots = 20;
        break;
    case PLANTED_MINORITY_QUORUM:
        if (nodes == 0)
            m->nodes = 5;
        break;
    default:
        break;
    }
}
