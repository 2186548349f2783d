/* tally.c -- see tally.h. */
#include "cli/bench/tally.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

#define SECOND_NS UINT64_C(1000000000)

static void raise_to(uint64_t *value, uint64_t to)
{
    if (*value < to)
        *value = to;
}

/* Returns how long it had been. */
static uint64_t gap_end(struct tally_gap *g, uint64_t now_ns)
{
    /* Two threads may report in the other order. */
    if (now_ns <= g->last_ns)
        return 0;
    uint64_t gap_ns = now_ns - g->last_ns;
    g->last_ns = now_ns;
    raise_to(&g->longest_ns, gap_ns);
    return gap_ns;
}

int tally_init(struct tally *t, uint64_t begin_ns, uint64_t end_ns, uint32_t homes)
{
    assert(begin_ns < end_ns && end_ns - begin_ns <= TALLY_SECONDS_MAX * SECOND_NS);
    assert(homes >= 1 && homes <= TALLY_HOMES_MAX);
    size_t capacity = (size_t)((end_ns - begin_ns + SECOND_NS - 1) / SECOND_NS);
    struct tally_second *seconds = mem_alloc_zero(capacity * sizeof(*seconds));
    if (seconds == NULL)
        return ERR_NO_MEMORY;
    *t = (struct tally){
        .begin_ns = begin_ns,
        .end_ns = end_ns,
        .gap = {.last_ns = begin_ns},
        .homes_count = homes,
        .seconds_capacity = capacity,
        .seconds = seconds,
    };
    for (uint32_t i = 0; i < homes; i++) {
        t->homes[i].gap.last_ns = begin_ns;
        t->homes[i].others_gap.last_ns = begin_ns;
    }
    return 0;
}

void tally_fini(struct tally *t)
{
    mem_free(t->seconds);
    t->seconds = NULL;
}

static void close_second(struct tally *t)
{
    assert(t->seconds_count < t->seconds_capacity);
    t->second.p50_ns = histogram_quantile_ns(&t->second_latencies, 500000);
    t->second.p99_ns = histogram_quantile_ns(&t->second_latencies, 990000);
    t->seconds[t->seconds_count] = t->second;
    t->seconds_count++;
    histogram_merge(&t->latencies, &t->second_latencies);
    memset(&t->second, 0, sizeof(t->second));
    memset(&t->second_latencies, 0, sizeof(t->second_latencies));
}

void tally_advance(struct tally *t, uint64_t now_ns)
{
    if (now_ns > t->end_ns)
        now_ns = t->end_ns;
    while (t->seconds_count < t->seconds_capacity &&
           now_ns >= t->begin_ns + (t->seconds_count + 1) * SECOND_NS)
        close_second(t);
}

static void add_success(struct tally *t, const struct tally_op *op)
{
    uint64_t latency_ns = op->ended_ns - op->began_ns;
    t->ops++;
    t->not_found += op->not_found;
    t->second.ops++;
    histogram_record(&t->second_latencies, latency_ns);
    raise_to(&t->second.gap_ns, gap_end(&t->gap, op->ended_ns));
    t->homes[op->home].ops++;
    for (uint32_t i = 0; i < t->homes_count; i++) {
        struct tally_home *h = &t->homes[i];
        gap_end(i == op->home ? &h->gap : &h->others_gap, op->ended_ns);
    }
}

void tally_raise_max(struct tally *t, uint32_t home, uint64_t latency_ns)
{
    raise_to(&t->max_ns, latency_ns);
    raise_to(&t->homes[home].max_ns, latency_ns);
}

void tally_add(struct tally *t, const struct tally_op *op)
{
    assert(op->home < t->homes_count && op->began_ns <= op->ended_ns);
    if (op->ended_ns < t->begin_ns || op->began_ns >= t->end_ns)
        return;
    uint64_t latency_ns = op->ended_ns - op->began_ns;
    tally_raise_max(t, op->home, latency_ns);
    if (op->ended_ns >= t->end_ns)
        return;
    tally_advance(t, op->ended_ns);
    /* Late by a hair, and its window is closed: it is in the maximum, and counts no more. */
    if (t->seconds_count == t->seconds_capacity)
        return;
    raise_to(&t->second.max_ns, latency_ns);
    if (op->failed) {
        t->errors++;
        t->second.errors++;
        t->homes[op->home].errors++;
        return;
    }
    add_success(t, op);
}

void tally_finish(struct tally *t)
{
    uint64_t gap_ns = gap_end(&t->gap, t->end_ns);
    for (uint32_t i = 0; i < t->homes_count; i++) {
        gap_end(&t->homes[i].gap, t->end_ns);
        gap_end(&t->homes[i].others_gap, t->end_ns);
    }
    tally_advance(t, t->end_ns);
    if (t->seconds_count < t->seconds_capacity)
        close_second(t);
    raise_to(&t->seconds[t->seconds_count - 1].gap_ns, gap_ns);
    assert(t->seconds_count == t->seconds_capacity);
}
