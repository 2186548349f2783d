/* mix.c -- see mix.h. */
#include "mix.h"

#include <assert.h>

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)
#define HALF 500000
#define MILLION 1000000
/* Memory of a slot without a value; at most. */
#define SLOT_BYTES 256

const char *fault_name(enum fault f)
{
    static const char *const names[FAULTS] = {
        [FAULT_CRASH] = "crash",
        [FAULT_CRASH_SENT] = "crash after sending",
        [FAULT_POWER_ALL] = "power lost everywhere",
        [FAULT_PAUSE] = "pause",
        [FAULT_ISOLATE] = "isolation",
        [FAULT_ONE_WAY] = "one-way cut",
        [FAULT_PAIR] = "cut between two",
        [FAULT_SPLIT] = "split",
        [FAULT_RESET] = "stream reset",
        [FAULT_SLOW_DISK] = "slow disk",
        [FAULT_COMMIT_FAILS] = "failed commit",
        [FAULT_WIPE] = "lost disk",
        [FAULT_CRASH_WROTE] = "crash after writing",
        [FAULT_CRASH_SYNCED] = "crash after a commit",
        [FAULT_DOZE] = "doze",
        [FAULT_STALL] = "disk stall",
        [FAULT_SILENCE] = "silence of the clients",
        [FAULT_CRASH_PROPOSED] = "crash after phase 1",
        [FAULT_JAM] = "jam",
    };
    return names[f];
}

/* Between low and high, each power of two as likely as any other. */
static uint64_t mix_scale(struct prng *p, uint64_t low, uint64_t high)
{
    assert(low > 0 && low <= high);
    uint32_t doublings = 0;
    while (low << (doublings + 1) <= high)
        doublings++;
    uint64_t base = low << prng_below(p, doublings + 1);
    uint64_t most = base * 2 < high ? base * 2 : high;
    return prng_between(p, base, most);
}

/* A rate that is zero in half of the seeds. */
static uint32_t mix_ppm(struct prng *p, uint32_t most)
{
    if (prng_chance(p, HALF))
        return 0;
    return (uint32_t)mix_scale(p, most / 64 + 1, most);
}

static void mix_draw_start(struct mix *m, struct prng *p, enum mode mode, uint32_t nodes,
                           uint64_t first_slot)
{
    bool drawn_classic = prng_chance(p, HALF);
    m->mode = mode;
    if (mode == 0)
        m->mode = drawn_classic ? MODE_CLASSIC : MODE_COORDINATED;
    static const uint64_t firsts[] = {
        1, 1, 1, UINT64_C(1) << 8, UINT64_C(1) << 16, UINT64_C(1) << 32};
    m->nodes = nodes;
    uint64_t drawn_nodes = prng_chance(p, 650000) ? 3 : 5;
    if (nodes == 0)
        m->nodes = (uint32_t)drawn_nodes;
    uint64_t border = firsts[prng_below(p, sizeof(firsts) / sizeof(firsts[0]))];
    uint64_t before = prng_between(p, 1, 200);
    m->first_slot = first_slot;
    if (first_slot == 0)
        m->first_slot = border == 1 ? 1 : border - before;
}

static void mix_draw_net(struct mix *m, struct prng *p)
{
    m->delay_min_ns = mix_scale(p, 10 * US, 500 * US);
    m->delay_spread_ns = mix_scale(p, 10 * US, 2 * MS);
    m->delay_tail_ppm = mix_ppm(p, 50000);
    m->loss_ppm = mix_ppm(p, 200000);
    m->duplicate_ppm = mix_ppm(p, 200000);
    m->fifo = prng_chance(p, HALF);
    m->late_ppm = prng_chance(p, HALF) ? 0 : HALF;
    m->notice_ppm = prng_chance(p, HALF) ? HALF : 0;
    m->redial_ns = mix_scale(p, MS, 100 * MS);
}

static void mix_draw_node(struct mix *m, struct prng *p)
{
    m->commit_min_ns = mix_scale(p, 20 * US, 2 * MS);
    m->commit_spread_ns = mix_scale(p, 20 * US, 5 * MS);
    m->slow_node = MEMBER_NONE;
    if (prng_chance(p, 100000)) { /* All disks, all the time. */
        m->commit_min_ns *= 10;
        m->commit_spread_ns *= 100;
    } else if (prng_chance(p, 50000)) { /* So that they keep time with each other. */
        m->commit_min_ns *= 10;
        m->commit_spread_ns /= 10;
    } else if (prng_chance(p, 150000)) {
        m->slow_node = (uint32_t)prng_below(p, m->nodes);
    }
    m->torn_ppm = prng_chance(p, HALF) ? 0 : HALF;
    m->turn_ns = prng_chance(p, HALF) ? 0 : mix_scale(p, US, 200 * US);
    m->clock_skew_pm = prng_chance(p, HALF) ? 0 : (uint32_t)mix_scale(p, 1, 500);
    m->down_ns = mix_scale(p, MS, 2000 * MS);
}

static void mix_draw_faults(struct mix *m, struct prng *p)
{
    /* Kinds of which some seeds have none at all, and how seldom the rest has them. */
    for (int f = 0; f < FAULTS; f++) {
        bool has_it = prng_chance(p, 350000);
        uint64_t every = mix_scale(p, 20 * MS, 2000 * MS);
        uint64_t length = mix_scale(p, MS, 1500 * MS);
        if (f == FAULT_WIPE || f == FAULT_COMMIT_FAILS)
            has_it = has_it && prng_chance(p, HALF);
        if (f == FAULT_DOZE)
            length = 50 * MS;
        if (f == FAULT_STALL)
            length = mix_scale(p, 50 * MS, 500 * MS);
        if (has_it)
            m->faults[f] = (struct fault_rate){.every_ns = every, .length_ns = length};
    }
    m->wipes_max = (m->nodes - 1) / 2;
    m->pair_phase = prng_chance(p, 300000);
}

static void mix_draw_clients(struct mix *m, struct prng *p)
{
    struct client_mix *c = &m->clients;
    c->count = (uint32_t)mix_scale(p, 1, 16);
    c->idle = (uint32_t)prng_below(p, c->count + 1) / 2;
    c->think_ns = mix_scale(p, 10 * US, 20 * MS);
    c->pipeline = prng_chance(p, HALF) ? 1 : (uint32_t)prng_between(p, 2, 8);
    c->keys = (uint32_t)prng_between(p, 1, 8);
    c->ops_per_key = (uint32_t)prng_between(p, 10, 80);
    c->read_ppm = (uint32_t)prng_between(p, 50000, 600000);
    c->sequential_ppm = mix_ppm(p, HALF);
    c->cas_ppm = (uint32_t)prng_below(p, 300000);
    c->append_ppm = (uint32_t)prng_below(p, 300000);
    c->delete_ppm = (uint32_t)prng_below(p, 200000);
    c->no_id_ppm = mix_ppm(p, HALF);
    c->everywhere_ppm = mix_ppm(p, HALF);
    c->repeat_ppm = mix_ppm(p, 200000);
    c->repeat_after_ns = mix_scale(p, MS, 2000 * MS);
    c->fresh_id_ppm = mix_ppm(p, HALF);
    c->lose_ppm = mix_ppm(p, 100000);
    c->timeout_ns = mix_scale(p, 10 * MS, 2000 * MS);
    c->attempts = (uint32_t)prng_between(p, 1, 20);
    c->value_size_max = prng_chance(p, HALF) ? 0 : 200;
    /* Idle and busy nodes side by side. */
    c->homes = prng_chance(p, HALF) ? m->nodes : (uint32_t)prng_between(p, 1, m->nodes);
    c->pinned_ppm = mix_ppm(p, MILLION);
    c->quorum_ppm = mix_ppm(p, MILLION);
}

/*
 * How far nodes skip, reserve and take over: little, so that every border is met often. (With the
 * 16,384 slots that real nodes reserve, a world of crashes has hundreds of thousands of NOOPs, and
 * its restarts take the time of a hundred other worlds; kills.sh is for that.)
 */
static void mix_draw_spans(struct mix *m, struct prng *p)
{
    struct replica_tuning *t = &m->tuning;
    t->reserve_slots = mix_scale(p, 16, 1024);
    t->ahead_slots_min = mix_scale(p, 4, 64);
    t->ahead_slots_max = t->ahead_slots_min * mix_scale(p, 1, 16);
    t->alpha = 2 * (t->reserve_slots + 2 * t->ahead_slots_max) + mix_scale(p, 1, 4096);
    if (prng_chance(p, HALF))
        t->pipeline_eager = (uint32_t)mix_scale(p, 1, 32);
    if (prng_chance(p, HALF))
        t->gather_ns = mix_scale(p, US, 20 * MS);
}

/*
 * A log that is soon full. In coordinated mode slots are decided, and in memory, far ahead of all
 * that is applied; without room for those, nearly everything is turned away for that alone.
 */
static void mix_draw_log(struct mix *m, struct prng *p)
{
    struct replica_tuning *t = &m->tuning;
    t->log_bytes_max = mix_scale(p, 4096, 65536);
    if (m->mode == MODE_COORDINATED)
        t->log_bytes_max += 4 * t->ahead_slots_max * SLOT_BYTES;
    t->checkpoint_bytes = t->log_bytes_max / 4;
}

static void mix_draw_limits(struct mix *m, struct prng *p)
{
    m->limits = machine_limits_default;
    m->tuning = replica_tuning_default;
    if (prng_chance(p, HALF)) { /* A table that is soon full. */
        m->limits.clients_max = (uint32_t)prng_between(p, 2, 12);
        m->limits.window = (uint32_t)mix_scale(p, 2, 1024);
        m->limits.results_bytes_max = mix_scale(p, 512, 65536);
        m->limits.result_size_max = (uint32_t)mix_scale(p, 32, 512);
    }
    if (prng_chance(p, HALF))
        m->tuning.pipeline_max = (uint32_t)mix_scale(p, 1, 32);
    if (prng_chance(p, HALF))
        m->tuning.batch_bytes_max = (uint32_t)mix_scale(p, 64, 4096);
    m->tuning.silent_bytes_max = m->tuning.batch_bytes_max;
    if (prng_chance(p, HALF))
        m->tuning.repeat_bytes_max = (uint32_t)mix_scale(p, 16, 256);
    if (prng_chance(p, 800000))
        m->tuning.checkpoint_slots = mix_scale(p, 4, 2000);
    if (prng_chance(p, 200000))
        m->tuning.queue_ops_max = (uint32_t)prng_between(p, 1, 4);
    uint64_t alpha = mix_scale(p, 64, 4096);
    if (prng_chance(p, 200000) && m->mode == MODE_CLASSIC)
        m->tuning.alpha = alpha;
    if (m->mode == MODE_COORDINATED)
        mix_draw_spans(m, p);
    if (prng_chance(p, 30000)) {
        m->tuning.state_bytes_max = mix_scale(p, 4096, 65536);
        m->state_fills = true;
    }
    if (prng_chance(p, 50000))
        mix_draw_log(m, p);
}

/*
 * Values that count as large, for links that are slow for them: what is announced, how long it is
 * waited for, and how long it really takes, sooner or later than that.
 */
static void mix_draw_large(struct mix *m, struct prng *p)
{
    struct replica_tuning *t = &m->tuning;
    t->silent_bytes_max = (uint32_t)mix_scale(p, 32, 512);
    t->travel_ns_per_byte = mix_scale(p, 200, 20000);
    m->narrow_ns_per_byte = mix_scale(p, t->travel_ns_per_byte / 4, 2 * t->travel_ns_per_byte);
    m->clients.value_size_max = 200;
    if (m->faults[FAULT_JAM].every_ns == 0)
        m->faults[FAULT_JAM] = (struct fault_rate){
            .every_ns = mix_scale(p, 20 * MS, 2000 * MS),
            .length_ns = mix_scale(p, MS, 1500 * MS),
        };
}

/* So far that a round trip takes longer than nodes nearby are patient. */
static void mix_draw_far(struct mix *m, struct prng *p)
{
    m->is_far = true;
    m->delay_min_ns = mix_scale(p, 2 * MS, 80 * MS);
    m->delay_spread_ns = mix_scale(p, 10 * US, m->delay_min_ns);
}

/* Draws of their own, so that seeds that do not have these go on as they did. */
static void mix_draw_apart(struct mix *m, const struct prng *p)
{
    struct prng then = *p;
    struct prng own;
    prng_init(&own, prng_next(&then));
    if (prng_chance(&own, 300000))
        mix_draw_large(m, &own);
    if (prng_chance(&own, 100000))
        m->tuning.queue_bytes_max = mix_scale(&own, 256, 8192);
    if (prng_chance(&own, 50000))
        mix_draw_far(m, &own);
    if (prng_chance(&own, 100000))
        m->tuning.replies_max = (uint32_t)mix_scale(&own, 64, 4096);
}

/* Most clients are patient enough for a commit or two on each side; the rest only give up. */
static void mix_fit_patience(struct mix *m, struct prng *p)
{
    uint64_t round = m->delay_min_ns + m->delay_spread_ns + m->commit_min_ns + m->commit_spread_ns;
    if (prng_chance(p, 900000) && m->clients.timeout_ns < 8 * round)
        m->clients.timeout_ns = 8 * round;
}

void mix_draw(struct mix *m, struct prng *p, enum mode mode, uint32_t nodes, uint64_t first_slot)
{
    *m = (struct mix){0};
    mix_draw_start(m, p, mode, nodes, first_slot);
    mix_draw_net(m, p);
    mix_draw_node(m, p);
    mix_draw_faults(m, p);
    mix_draw_clients(m, p);
    mix_draw_limits(m, p);
    mix_fit_patience(m, p);
    mix_draw_apart(m, p);
}
