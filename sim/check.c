/*
 * check.c -- the run is over, all nodes agree: does what clients saw hold together?
 */
#include <assert.h>

#include "clients.h"
#include "history/exactly_once.h"
#include "history/linearizable.h"
#include "history/revisions.h"
#include "trace.h"
#include "world.h"

/* A key has few operations: what takes longer than this is not worth waiting for. */
static const struct linearizable_budget budget = {
    .steps_max = 3000000,
    .memory_max = (size_t)256 << 20,
};

static void check_linearizable(struct world *w)
{
    const struct history *h = &w->clients.history;
    struct linearizable_report report = {0};
    int err = linearizable_check(h, &budget, &report);
    assert(err == 0);
    w->clients.undecided = report.verdict == LINEARIZABLE_UNDECIDED;
    if (report.verdict != LINEARIZABLE_NO)
        return;
    const struct history_op *op = &h->ops[report.op];
    world_fail(w,
               "not linearizable: key %.*s: what op of client %u was told at %lu ns (called at %lu "
               "ns, slot %lu) cannot be",
               (int)report.key.size, (const char *)report.key.data, op->call.client,
               op->answer.return_ns, op->call.call_ns, op->answer.slot);
}

static void check_exactly_once(struct world *w, const struct machine *m)
{
    const struct history *h = &w->clients.history;
    for (uint64_t epoch = 0; epoch <= w->clients.epoch && !w->failed; epoch++) {
        for (uint32_t k = 1; k < w->mix.clients.keys && !w->failed; k += 2) {
            char name[32];
            int size = snprintf(name, sizeof(name), "a%lu.%u", epoch, k);
            struct bytes key = {.data = (const uint8_t *)name, .size = (size_t)size};
            const struct entry *e = machine_get(m, key);
            struct bytes value = {0};
            if (e != NULL)
                value = entry_value(e);
            struct exactly_once_report report = {0};
            int err = exactly_once_check(h, key, value, &report);
            assert(err == 0);
            if (report.fault != EXACTLY_ONCE_FINE)
                world_fail(w, "not exactly once: key %s: %s (history line %zu, offset %zu)", name,
                           exactly_once_text(report.fault), report.op, report.offset);
        }
    }
}

static void check_revisions(struct world *w)
{
    const struct history *h = &w->clients.history;
    struct revisions_report report = {0};
    int err = revisions_check(h, &report);
    assert(err == 0);
    if (report.fault == REVISIONS_FINE)
        return;
    world_fail(w, "revisions: %s: revisions %lu and %lu, slots %lu and %lu",
               revisions_text(report.fault), h->ops[report.first].answer.revision,
               h->ops[report.second].answer.revision, h->ops[report.first].answer.slot,
               h->ops[report.second].answer.slot);
}

void clients_check(struct world *w)
{
    for (uint32_t i = 0; i < w->mix.nodes && !w->failed; i++) {
        if (w->nodes[i].wiped)
            continue;
        check_exactly_once(w, replica_machine(w->nodes[i].replica));
        break;
    }
    if (!w->failed)
        check_revisions(w);
    if (!w->failed)
        reads_check(w);
    if (!w->failed)
        check_linearizable(w);
}
