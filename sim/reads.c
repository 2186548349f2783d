/* reads.c -- see reads.h. */
#include "reads.h"

#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "trace.h"
#include "world.h"

void reads_add(struct reads *r, uint32_t node, const struct sim_op *op, const struct answer *a)
{
    void *told = r->told;
    int err = mem_reserve(&told, &r->capacity, r->count + 1, sizeof(*r->told));
    assert(err == 0);
    r->told = told;
    r->told[r->count] = (struct read_told){
        .op = op,
        .slot = a->slot,
        .revision = a->revision,
        .hash = a->entry == NULL ? 0 : hash64(entry_value(a->entry), 0),
        .node = node,
        .found = a->entry != NULL,
    };
    r->count++;
}

void reads_fini(struct reads *r)
{
    mem_free(r->told);
    *r = (struct reads){0};
}

static int reads_compare(const void *a, const void *b)
{
    const struct read_told *x = a;
    const struct read_told *y = b;
    if (x->slot != y->slot)
        return x->slot < y->slot ? -1 : 1;
    return (x->op->number > y->op->number) - (x->op->number < y->op->number);
}

/* Apply the log up to and with this slot. */
static void reads_apply(const struct world *w, struct machine *m, uint64_t to)
{
    for (uint64_t slot = machine_applied(m) + 1; slot <= to; slot++) {
        const struct value *v = truth_chosen(w, slot);
        if (v->kind != VALUE_BATCH) {
            machine_apply_nothing(m, slot);
            continue;
        }
        int err = machine_apply(m, slot, value_bytes(v), NULL);
        assert(err == 0);
    }
}

static void reads_check_one(struct world *w, const struct machine *m, const struct read_told *r)
{
    const struct entry *e = machine_get(m, r->op->meant.key);
    uint64_t hash = e == NULL ? 0 : hash64(entry_value(e), 0);
    if (r->found == (e != NULL) && r->hash == hash && r->revision == machine_revision(m))
        return;
    world_fail(
        w,
        "op %lu: node %u read %s at slot %lu, revision %lu: not what it held there (revision "
        "%lu)",
        r->op->number, r->node + 1, trace_op(r->op), r->slot, r->revision, machine_revision(m));
}

void reads_check(struct world *w)
{
    struct reads *r = &w->clients.reads;
    struct machine *m = NULL;
    int err = machine_open(&w->mix.limits, w->mix.first_slot, &m);
    assert(err == 0);
    if (r->count > 0)
        qsort(r->told, r->count, sizeof(*r->told), reads_compare);
    for (size_t i = 0; i < r->count && !w->failed; i++) {
        assert(r->told[i].slot <= w->truth.chosen_to);
        reads_apply(w, m, r->told[i].slot);
        reads_check_one(w, m, &r->told[i]);
    }
    machine_close(m);
}
