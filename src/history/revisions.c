/* revisions.c -- see revisions.h. */
#include "history/revisions.h"

#include <assert.h>

#include "base/mem.h"
#include "history/history_sort.h"

static int revisions_cmp(const void *context, uint32_t a, uint32_t b)
{
    const struct history_op *ops = context;
    return history_sort_u64(ops[a].answer.revision, ops[b].answer.revision);
}

/* What was met so far, on the way up. */
struct revisions_walk {
    const struct history_op *ops;
    uint32_t previous;    /* The one before. */
    uint32_t called_last; /* Of all before, the one called last. */
    uint32_t slot_first;  /* Of those in the highest slot, the one that returned first. */
    bool has_slot;        /* There is one. */
};

static enum revisions_fault revisions_step(const struct revisions_walk *w, uint32_t number,
                                           uint32_t *out_first)
{
    const struct history_op *op = &w->ops[number];
    *out_first = w->previous;
    if (op->answer.revision == w->ops[w->previous].answer.revision)
        return REVISIONS_SHARED;
    *out_first = w->called_last;
    if (op->answer.return_ns < w->ops[w->called_last].call.call_ns)
        return REVISIONS_BACKWARD;
    if (op->answer.slot == 0 || !w->has_slot)
        return REVISIONS_FINE;
    *out_first = w->slot_first;
    const struct history_answer *before = &w->ops[w->slot_first].answer;
    if (op->answer.slot < before->slot)
        return REVISIONS_SLOTS_BACKWARD;
    if (op->answer.slot == before->slot && before->return_ns < op->call.call_ns)
        return REVISIONS_SLOT_SHARED;
    return REVISIONS_FINE;
}

static void revisions_remember(struct revisions_walk *w, uint32_t number)
{
    const struct history_op *op = &w->ops[number];
    const struct history_answer *before = &w->ops[w->slot_first].answer;
    w->previous = number;
    if (op->call.call_ns > w->ops[w->called_last].call.call_ns)
        w->called_last = number;
    if (op->answer.slot == 0)
        return;
    if (!w->has_slot || op->answer.slot > before->slot || op->answer.return_ns < before->return_ns)
        w->slot_first = number;
    w->has_slot = true;
}

static struct revisions_report revisions_walk_up(const struct history_op *ops,
                                                 const uint32_t *numbers, size_t count)
{
    struct revisions_report report = {.fault = REVISIONS_FINE};
    if (count == 0)
        return report;
    struct revisions_walk w = {.ops = ops, .previous = numbers[0], .called_last = numbers[0]};
    revisions_remember(&w, numbers[0]);
    for (size_t i = 1; i < count && report.fault == REVISIONS_FINE; i++) {
        uint32_t first = numbers[0];
        enum revisions_fault fault = revisions_step(&w, numbers[i], &first);
        if (fault != REVISIONS_FINE)
            report = (struct revisions_report){fault, first, numbers[i]};
        revisions_remember(&w, numbers[i]);
    }
    return report;
}

int revisions_check(const struct history *h, struct revisions_report *out_report)
{
    assert(h->count <= HISTORY_OPS_MAX);
    uint32_t *numbers = mem_alloc((h->count + 1) * sizeof(*numbers));
    if (numbers == NULL)
        return ERR_NO_MEMORY;
    size_t count = 0;
    for (size_t i = 0; i < h->count; i++) {
        if (history_op_is_change(&h->ops[i]) && h->ops[i].answer.revision != 0)
            numbers[count++] = (uint32_t)i;
    }
    int err = history_sort(numbers, count, revisions_cmp, h->ops);
    if (err == 0)
        *out_report = revisions_walk_up(h->ops, numbers, count);
    mem_free(numbers);
    return err;
}

const char *revisions_text(enum revisions_fault fault)
{
    switch (fault) {
    case REVISIONS_FINE:
        return "revisions and slots hold together";
    case REVISIONS_SHARED:
        return "two writes were told the same revision";
    case REVISIONS_BACKWARD:
        return "a write called after another had returned was told a lower revision";
    case REVISIONS_SLOTS_BACKWARD:
        return "a write with a higher revision was told a lower slot";
    case REVISIONS_SLOT_SHARED:
        return "a write called after another had returned was told the same slot";
    }
    return "an unknown fault";
}
