/*
 * truth_disk.c -- see truth.h: what reaches the disks, and what follows from it.
 *
 * A VOTE record replaces the one before it in its slot; intervals add to each other. What a disk
 * has promised in a slot is the highest of its record and of all intervals over it, and what it
 * has accepted there likewise (docs/protocol.md, section 1).
 */
#include <assert.h>

#include "trace.h"
#include "truth_internal.h"

/* The disk of `node` holds a vote for v: perhaps that makes it chosen. */
static void truth_count_vote(struct world *w, uint32_t node, uint64_t slot, uint64_t ballot,
                             struct value *v)
{
    struct truth *t = &w->truth;
    bool is_noop = v->kind == VALUE_NOOP;
    if (slot > t->touched_to && !(is_noop && w->mix.mode == MODE_COORDINATED))
        t->touched_to = slot;
    if (!is_noop)
        t->nodes[node].voted_to = truth_max(t->nodes[node].voted_to, slot);
    struct vote *vote = truth_propose(w, node, slot, ballot, v);
    if (vote == NULL)
        return;
    member_set_add(&vote->voters, node);
    if (member_set_count(vote->voters) * 2 > w->mix.nodes)
        truth_choose(w, slot, v, "by a majority of votes");
}

static void truth_on_vote(struct world *w, uint32_t node, const struct durable *d)
{
    if (truth_slot(w, d->slot) == NULL)
        return;
    struct holding *h = truth_holding(w, node, d->slot);
    uint64_t promised = truth_pack(w, d->promised);
    uint64_t accepted = truth_pack(w, d->accepted);
    bool is_new = accepted != h->accepted;
    if (promised < h->promised)
        world_fail(w, "a promise fell: node %u, slot %lu: %s after %s", node + 1, d->slot,
                   trace_ballot(d->promised), trace_ballot(truth_unpack(h->promised)));
    else if (accepted < h->accepted)
        world_fail(w, "a vote fell: node %u, slot %lu: %s after %s", node + 1, d->slot,
                   trace_ballot(d->accepted), trace_ballot(truth_unpack(h->accepted)));
    else if (accepted > promised)
        world_fail(w, "a vote above the promise: node %u, slot %lu: %s above %s", node + 1, d->slot,
                   trace_ballot(d->accepted), trace_ballot(d->promised));
    else if (is_new && accepted < holding_promised(h))
        world_fail(w, "a vote against a promise: node %u, slot %lu: %s despite %s", node + 1,
                   d->slot, trace_ballot(d->accepted),
                   trace_ballot(truth_unpack(holding_promised(h))));
    h->promised = promised;
    h->accepted = accepted;
    if (!w->failed && d->value != NULL)
        truth_count_vote(w, node, d->slot, accepted, d->value);
}

/* One slot of a PROMISED_RANGE. */
static void truth_on_promised_in(struct world *w, uint32_t node, uint64_t slot, uint64_t promised)
{
    const struct slot_truth *s = truth_slot(w, slot);
    if (s == NULL)
        return;
    struct holding *h = truth_holding(w, node, slot);
    if (promised < holding_promised(h))
        world_fail(w, "a promise below a promise: node %u, slot %lu: %s despite %s", node + 1, slot,
                   trace_ballot(truth_unpack(promised)),
                   trace_ballot(truth_unpack(holding_promised(h))));
    h->range_promised = truth_max(h->range_promised, promised);
}

/* One slot of a VOTED_NOOP. It says nothing where the disk holds a vote at a higher ballot. */
static void truth_on_voted_noop_in(struct world *w, uint32_t node, uint64_t slot, uint64_t accepted)
{
    const struct slot_truth *s = truth_slot(w, slot);
    if (s == NULL)
        return;
    struct holding *h = truth_holding(w, node, slot);
    if (accepted <= holding_accepted(h))
        return;
    if (accepted < holding_promised(h))
        world_fail(w, "a vote against a promise: node %u, slot %lu: NOOP at %s despite %s",
                   node + 1, slot, trace_ballot(truth_unpack(accepted)),
                   trace_ballot(truth_unpack(holding_promised(h))));
    h->range_accepted = accepted;
    truth_count_vote(w, node, slot, accepted, value_noop());
}

static void truth_on_learnt(struct world *w, uint32_t node, uint64_t slot, const struct value *v)
{
    truth_claim(w, node, slot, v, "persists");
    if (!w->failed)
        member_set_add(&truth_slot(w, slot)->learnt, node);
}

static void truth_on_interval(struct world *w, uint32_t node, const struct durable *d)
{
    uint64_t promised = truth_pack(w, d->promised);
    uint64_t accepted = truth_pack(w, d->accepted);
    const struct interval i = d->interval;
    for (uint64_t slot = i.first; slot <= i.last && !w->failed; slot += i.stride) {
        if (d->kind == DURABLE_PROMISED_RANGE)
            truth_on_promised_in(w, node, slot, promised);
        else if (d->kind == DURABLE_VOTED_NOOP)
            truth_on_voted_noop_in(w, node, slot, accepted);
        else
            truth_on_learnt(w, node, slot, value_noop());
    }
}

static void truth_on_chosen_to(struct world *w, uint32_t node, uint64_t to)
{
    struct node_truth *n = &w->truth.nodes[node];
    if (to < n->durable_to)
        world_fail(w, "node %u persists chosen_to %lu after %lu", node + 1, to, n->durable_to);
    truth_claim_to(w, node, to, "persists, by its chosen_to,");
    n->durable_to = to;
}

static void truth_on_reserved(struct world *w, uint32_t node, uint64_t to)
{
    struct node_truth *n = &w->truth.nodes[node];
    if (to < n->reserved_to)
        world_fail(w, "node %u reserves up to %lu after %lu", node + 1, to, n->reserved_to);
    n->reserved_to = to;
}

void truth_on_durable(struct world *w, uint32_t node, const struct durable *d)
{
    world_note(w, (uint64_t)d->kind << 59 ^ (uint64_t)node << 52 ^ d->slot ^ d->interval.first);
    switch (d->kind) {
    case DURABLE_VOTE:
        truth_on_vote(w, node, d);
        break;
    case DURABLE_LEARNT:
        truth_on_learnt(w, node, d->slot, d->value);
        break;
    case DURABLE_CHOSEN_TO:
        truth_on_chosen_to(w, node, d->slot);
        break;
    case DURABLE_RESERVED:
        truth_on_reserved(w, node, d->slot);
        break;
    case DURABLE_PROMISED_RANGE:
    case DURABLE_VOTED_NOOP:
    case DURABLE_LEARNT_NOOP:
        truth_on_interval(w, node, d);
        break;
    case DURABLE_PEER:
    case DURABLE_ADMITTED:
        break;
    }
}

/* The value that the disk gives for a slot at or below its chosen_to. */
static const struct value *truth_value_held(struct world *w, uint32_t node, uint64_t slot)
{
    const struct slot_truth *s = truth_slot(w, slot);
    const struct holding *h = truth_holding(w, node, slot);
    if (member_set_has(s->learnt, node))
        return s->chosen;
    if (h->range_accepted > h->accepted)
        return value_noop();
    const struct vote *vote = h->accepted == 0 ? NULL : truth_find(w, s, h->accepted);
    return vote == NULL ? NULL : vote->value;
}

void truth_on_synced(struct world *w, uint32_t node)
{
    struct node_truth *n = &w->truth.nodes[node];
    for (uint64_t slot = n->verified_to + 1; slot <= n->durable_to && !w->failed; slot++) {
        const struct value *held = truth_value_held(w, node, slot);
        if (held == NULL || !value_equal(held, truth_chosen(w, slot)))
            world_fail(w, "node %u has chosen_to %lu on disk, but not the value of slot %lu",
                       node + 1, n->durable_to, slot);
        n->verified_to = slot;
    }
}

void truth_on_freeze(struct world *w, uint32_t node, const struct checkpoint_head *head)
{
    if (head->applied > w->truth.nodes[node].durable_to)
        world_fail(w, "node %u writes a checkpoint of slot %lu; its disk has chosen_to %lu",
                   node + 1, head->applied, w->truth.nodes[node].durable_to);
}

void truth_on_checkpoint(struct world *w, uint32_t node, const struct checkpoint_head *head)
{
    const struct slot_truth *s = truth_slot(w, head->applied);
    if (s == NULL)
        return;
    if (head->applied > w->truth.chosen_to || (s->has_hash && s->hash != head->hash))
        world_fail(w,
                   "node %u has written a checkpoint of slot %lu that is another state than "
                   "others have had there",
                   node + 1, head->applied);
}

/* Does any disk hold something in this slot that has to come to its end? */
static bool truth_is_held(struct world *w, uint64_t slot)
{
    bool any = w->mix.mode == MODE_CLASSIC;
    const struct slot_truth *s = truth_slot(w, slot);
    if (s->chosen != NULL && (any || s->chosen->kind != VALUE_NOOP))
        return true;
    for (uint32_t i = 0; i < w->mix.nodes; i++) {
        uint64_t accepted = truth_holding(w, i, slot)->accepted;
        const struct vote *vote = accepted == 0 ? NULL : truth_find(w, s, accepted);
        if (vote != NULL && (any || vote->value->kind != VALUE_NOOP))
            return true;
    }
    return false;
}

/* Its value was chosen, or may be: some disk holds a vote for it that no NOOP has replaced. */
static bool truth_is_wanted(struct world *w, uint64_t slot)
{
    const struct slot_truth *s = truth_slot(w, slot);
    if (s->chosen != NULL)
        return s->chosen->kind != VALUE_NOOP || w->mix.mode == MODE_CLASSIC;
    return truth_is_held(w, slot);
}

uint64_t truth_wanted_to(struct world *w)
{
    struct truth *t = &w->truth;
    uint64_t to = t->touched_to;
    while (to >= t->first && !truth_is_wanted(w, to))
        to--;
    return to;
}

void truth_on_wiped(struct world *w, uint32_t node)
{
    struct truth *t = &w->truth;
    struct holding *holdings = t->nodes[node].holdings;
    for (size_t i = 0; i < t->count; i++) {
        holdings[i] = (struct holding){0};
        t->slots[i].learnt.bits = (uint16_t)(t->slots[i].learnt.bits & ~(1U << node));
    }
    t->nodes[node] = (struct node_truth){
        .holdings = holdings,
        .durable_to = t->first - 1,
        .verified_to = t->first - 1,
        .voted_to = t->first - 1,
    };
    /* What only that disk had voted for, nobody knows of any more. */
    while (t->touched_to >= t->first && !truth_is_held(w, t->touched_to))
        t->touched_to--;
}
