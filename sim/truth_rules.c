/*
 * truth_rules.c -- see truth.h: who may propose what in which slot.
 *
 * The rules of coordinated mode (docs/protocol.md, section 7) as seen from outside: C2, what may
 * be proposed at round >= 1; C1 and C9, which slots a coordinator may use; C3, which it may skip.
 */
#include <assert.h>

#include "trace.h"
#include "truth_internal.h"

static uint32_t truth_owner(const struct world *w, uint64_t slot)
{
    return (uint32_t)(slot % w->mix.nodes);
}

bool truth_is_own(const struct world *w, uint32_t node, uint64_t slot)
{
    return w->mix.mode == MODE_COORDINATED && truth_owner(w, slot) == node;
}

/* C9: the slot is reserved, and was not when the coordinator started. */
static bool truth_may_use(struct world *w, uint32_t node, uint64_t slot, const char *does)
{
    const struct node_truth *n = &w->truth.nodes[node];
    if (slot > n->reserved_to)
        world_fail(w, "node %u %s its slot %lu; its disk has reserved up to %lu", node + 1, does,
                   slot, n->reserved_to);
    else if (slot <= n->unknown_to)
        world_fail(w, "node %u %s its slot %lu; up to %lu all was reserved when it started",
                   node + 1, does, slot, n->unknown_to);
    return !w->failed;
}

/* The proposal of round 0 in a slot, or NULL. */
static const struct vote *truth_find_round_0(struct world *w, const struct slot_truth *s)
{
    struct truth *t = &w->truth;
    for (uint32_t i = s->votes; i != 0; i = t->votes[i].next) {
        if (truth_is_round_0(t->votes[i].ballot))
            return &t->votes[i];
    }
    return NULL;
}

static bool truth_may_propose_first(struct world *w, uint32_t node, uint64_t slot, struct ballot b)
{
    const struct slot_truth *s = truth_slot(w, slot);
    const struct vote *before = truth_find_round_0(w, s);
    if (truth_owner(w, slot) != node)
        world_fail(w, "node %u proposes at round 0 in slot %lu, which is node %u's", node + 1, slot,
                   truth_owner(w, slot) + 1);
    else if (s->skipped)
        world_fail(w, "node %u proposes in slot %lu, which it had skipped", node + 1, slot);
    else if (before != NULL)
        world_fail(w, "node %u uses slot %lu again: at %s, and before that at %s", node + 1, slot,
                   trace_ballot(b), trace_ballot(truth_unpack(before->ballot)));
    else
        return truth_may_use(w, node, slot, "proposes in");
    return false;
}

/* C2: adopted, or NOOP. */
static bool truth_may_propose_later(struct world *w, uint32_t node, uint64_t slot, struct ballot b,
                                    const struct value *v)
{
    if (v->kind == VALUE_NOOP)
        return true;
    const struct vote *first = truth_find_round_0(w, truth_slot(w, slot));
    if (first != NULL && value_equal(first->value, v))
        return true;
    world_fail(w, "node %u proposes %s in slot %lu at %s, and its coordinator never did", node + 1,
               trace_value(v), slot, trace_ballot(b));
    return false;
}

/* Phase 2 follows phase 1: a majority of disks has promised this ballot, or a higher one. */
static bool truth_is_promised(struct world *w, uint64_t slot, uint64_t ballot)
{
    uint32_t promised = 0;
    for (uint32_t i = 0; i < w->mix.nodes; i++) {
        /* What a lost disk had promised is not known any more. */
        if (w->nodes[i].wiped || holding_promised(truth_holding(w, i, slot)) >= ballot)
            promised++;
    }
    return promised * 2 > w->mix.nodes;
}

bool truth_may_propose(struct world *w, uint32_t node, uint64_t slot, uint64_t ballot,
                       const struct value *v)
{
    struct ballot b = truth_unpack(ballot);
    const struct node *n = &w->nodes[node];
    if (b.node != n->id || b.boot != n->boot) {
        world_fail(w,
                   "node %u, in its boot %lu, knows of a proposal in slot %lu at %s that nobody "
                   "has made",
                   n->id, n->boot, slot, trace_ballot(b));
        return false;
    }
    bool is_coordinated = w->mix.mode == MODE_COORDINATED;
    if (b.round == 0 && is_coordinated)
        return truth_may_propose_first(w, node, slot, b);
    if (!truth_is_promised(w, slot, ballot)) {
        world_fail(w, "node %u proposes %s in slot %lu at %s, which no majority has promised",
                   n->id, trace_value(v), slot, trace_ballot(b));
        return false;
    }
    return !is_coordinated || truth_may_propose_later(w, node, slot, b, v);
}

/* ---- Attempts ------------------------------------------------------------------------------ */

/* Who has lost slots to a rival comes back to them after two commits, of 1 ms at least. */
#define ATTEMPT_AGAIN_NS (2 * NS_PER_MS)

/* Of one node: boots grow, and rounds within a boot. */
static bool attempt_is_later(struct ballot b, struct ballot before)
{
    return b.boot > before.boot || (b.boot == before.boot && b.round > before.round);
}

/*
 * Every attempt has a ballot of its own, which its node has never used for another one, in this
 * life or an earlier one (docs/protocol.md, sections 1 and 7).
 */
void truth_on_attempt(struct world *w, uint32_t node, struct interval i, struct ballot b)
{
    uint64_t life = w->nodes[node].life;
    struct attempt *attempts = w->truth.nodes[node].attempts;
    struct attempt *mine = &attempts[truth_owner(w, i.first)];
    bool is_same = ballot_cmp(b, mine->ballot) == 0 && mine->life == life;
    if (is_same && mine->interval.first == i.first && mine->interval.last == i.last)
        return; /* Said again. */
    bool is_fresh = b.node == w->nodes[node].id && attempt_is_later(b, mine->ballot);
    for (uint32_t c = 0; c < w->mix.nodes; c++)
        is_fresh = is_fresh && ballot_cmp(b, attempts[c].ballot) != 0;
    if (!is_fresh)
        world_fail(w, "node %u prepares slots %s at %s, and has used that ballot before", node + 1,
                   trace_interval(i), trace_ballot(b));
    uint64_t clock_ns = node_clock(w, node);
    bool is_retry = mine->life == life && mine->interval.first == i.first;
    if (is_retry && clock_ns < mine->clock_ns + ATTEMPT_AGAIN_NS)
        world_fail(w, "node %u prepares slots %s at %s, %lu us after it did so at %s: a duel",
                   node + 1, trace_interval(i), trace_ballot(b),
                   (clock_ns - mine->clock_ns) / NS_PER_US, trace_ballot(mine->ballot));
    *mine = (struct attempt){.interval = i, .ballot = b, .life = life, .clock_ns = clock_ns};
}

/* ---- Skips --------------------------------------------------------------------------------- */

static bool truth_may_skip(struct world *w, uint32_t node, uint64_t slot)
{
    struct truth *t = &w->truth;
    const struct slot_truth *s = truth_slot(w, slot);
    if (truth_owner(w, slot) != node) {
        world_fail(w, "node %u skips slot %lu, which is node %u's", node + 1, slot,
                   truth_owner(w, slot) + 1);
        return false;
    }
    for (uint32_t i = s->votes; i != 0; i = t->votes[i].next) {
        if (t->votes[i].value->kind == VALUE_NOOP && !truth_is_round_0(t->votes[i].ballot))
            continue;
        world_fail(w, "node %u skips slot %lu, in which %s was proposed at %s", node + 1, slot,
                   trace_value(t->votes[i].value), trace_ballot(truth_unpack(t->votes[i].ballot)));
        return false;
    }
    return truth_may_use(w, node, slot, "skips");
}

void truth_skip(struct world *w, uint32_t node, uint64_t slot)
{
    struct slot_truth *s = truth_slot(w, slot);
    if (s == NULL || s->skipped)
        return;
    /* It may know that it is NOOP anyway, from the life before, say: that is no skip. */
    if (s->chosen != NULL && s->chosen->kind == VALUE_NOOP)
        return;
    if (!truth_may_skip(w, node, slot))
        return;
    s->skipped = true;
    w->truth.used++;
    truth_choose(w, slot, value_noop(), "skipped");
}
