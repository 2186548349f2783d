/*
 * truth_words.c -- see truth.h: what nodes say.
 */
#include <assert.h>

#include "base/mem.h"
#include "trace.h"
#include "truth_internal.h"

/* In truth.reported: the slot is reported as chosen. */
#define REPORTED_CHOSEN UINT64_MAX

/* ---- Promises ------------------------------------------------------------------------------ */

/* One slot of a promise. reported: the ballot of the vote that it tells of, 0, or CHOSEN. */
static void truth_on_promise_in(struct world *w, uint32_t node, uint64_t slot, uint64_t ballot,
                                uint64_t reported)
{
    if (truth_slot(w, slot) == NULL || reported == REPORTED_CHOSEN)
        return;
    const struct holding *h = truth_holding(w, node, slot);
    uint64_t accepted = holding_accepted(h);
    if (holding_promised(h) < ballot)
        world_fail(w, "node %u promises %s in slot %lu, and its disk holds %s", node + 1,
                   trace_ballot(truth_unpack(ballot)), slot,
                   trace_ballot(truth_unpack(holding_promised(h))));
    else if (accepted < ballot && accepted != reported)
        world_fail(w, "node %u promises %s in slot %lu and tells of its vote at %s, not at %s",
                   node + 1, trace_ballot(truth_unpack(ballot)), slot,
                   trace_ballot(truth_unpack(reported)), trace_ballot(truth_unpack(accepted)));
}

static void truth_on_promise(struct world *w, uint32_t node, const struct message *m)
{
    uint64_t reported = truth_pack(w, m->other);
    truth_on_promise_in(w, node, m->slot, truth_pack(w, m->ballot), reported);
    if (m->value != NULL && !w->failed)
        (void)truth_propose(w, node, m->slot, reported, m->value);
}

/* Enter what a promise of the interval reports into truth.reported, one place a slot. */
static void truth_note_report(struct world *w, uint32_t node, struct interval promised,
                              const struct vote_report *r)
{
    uint64_t ballot = truth_pack(w, r->ballot);
    for (uint64_t slot = r->interval.first; slot <= r->interval.last && !w->failed;
         slot += r->interval.stride) {
        if (!interval_has(promised, slot)) {
            world_fail(w, "node %u reports slot %lu in a promise that has nothing to do with it",
                       node + 1, slot);
            return;
        }
        w->truth.reported[(slot - promised.first) / promised.stride] =
            ballot == 0 ? REPORTED_CHOSEN : ballot;
        if (ballot == 0)
            truth_claim(w, node, slot, r->value, "reports");
        else
            (void)truth_propose(w, node, slot, ballot, r->value);
    }
}

static void truth_on_promise_range(struct world *w, uint32_t node, const struct message *m)
{
    struct truth *t = &w->truth;
    const struct interval i = m->interval;
    size_t count = (size_t)interval_count(i);
    void *reported = t->reported;
    int err = mem_reserve(&reported, &t->reported_capacity, count, sizeof(*t->reported));
    assert(err == 0);
    t->reported = reported;
    for (size_t k = 0; k < count; k++)
        t->reported[k] = 0;
    for (uint32_t k = 0; m->reports != NULL && k < m->reports->count && !w->failed; k++)
        truth_note_report(w, node, i, &m->reports->items[k]);
    uint64_t ballot = truth_pack(w, m->ballot);
    uint64_t slot = i.first;
    for (size_t k = 0; k < count && !w->failed; k++, slot += i.stride)
        truth_on_promise_in(w, node, slot, ballot, t->reported[k]);
}

static void truth_on_refused_range(struct world *w, uint32_t node, const struct message *m)
{
    if (ballot_cmp(m->other, m->ballot) <= 0)
        world_fail(w, "node %u refuses ballot %s, and has promised no more than %s", node + 1,
                   trace_ballot(m->ballot), trace_ballot(m->other));
}

/* ---- Votes --------------------------------------------------------------------------------- */

/* v: what it says it voted for, or NULL when it does not say. */
static void truth_on_voted_in(struct world *w, uint32_t node, uint64_t slot, struct ballot b,
                              const struct value *v)
{
    const struct slot_truth *s = truth_slot(w, slot);
    if (s == NULL)
        return;
    const struct vote *vote = truth_find(w, s, truth_pack(w, b));
    if (vote == NULL || !member_set_has(vote->voters, node))
        world_fail(w, "node %u says it accepted %s in slot %lu, and its disk never held that",
                   node + 1, trace_ballot(b), slot);
    else if (v != NULL && !value_equal(vote->value, v))
        world_fail(w, "node %u says it accepted %s at %s in slot %lu; it was %s", node + 1,
                   trace_value(v), trace_ballot(b), slot, trace_value(vote->value));
}

static void truth_on_accept(struct world *w, uint32_t node, const struct message *m)
{
    (void)truth_propose(w, node, m->slot, truth_pack(w, m->ballot), m->value);
    const struct interval i = m->interval;
    if (interval_is_none(i))
        return;
    /* What it passed over, it skips. Whoever repeats an Accept repeats that, too. */
    for (uint64_t slot = i.first; slot <= i.last && !w->failed; slot += i.stride)
        truth_skip(w, node, slot);
}

/* The highest slot in which the disk holds a vote for more than NOOP. */
static uint64_t truth_voted_to(struct world *w, uint32_t node)
{
    struct truth *t = &w->truth;
    uint64_t *to = &t->nodes[node].voted_to;
    for (; *to >= t->first; --*to) {
        const struct slot_truth *s = truth_slot(w, *to);
        const struct holding *h = truth_holding(w, node, *to);
        if (h->accepted == 0 || h->range_accepted > h->accepted)
            continue; /* A NOOP has taken its place since. */
        const struct vote *vote = truth_find(w, s, h->accepted);
        if (vote->value->kind != VALUE_NOOP)
            break;
    }
    return *to;
}

static void truth_on_read_answer(struct world *w, uint32_t node, const struct message *m)
{
    uint64_t voted_to = truth_voted_to(w, node);
    if (voted_to >= w->truth.first && m->to < voted_to)
        world_fail(w, "node %u tells a reader of slot %lu; its disk holds a vote in %lu", node + 1,
                   m->to, voted_to);
}

/* ---- What is chosen ------------------------------------------------------------------------ */

static void truth_on_said_chosen(struct world *w, uint32_t node, uint64_t slot, struct tag tag,
                                 const struct value *v)
{
    if (v != NULL || tag_is_none(tag)) {
        truth_claim(w, node, slot, v == NULL ? value_noop() : v, "names");
        return;
    }
    const struct value *chosen = truth_chosen(w, slot);
    if (chosen == NULL || !tag_equal(chosen->tag, tag))
        world_fail(w, "node %u says that %s was chosen in slot %lu; chosen is %s", node + 1,
                   trace_tag(tag), slot, trace_value(chosen));
}

/* Messages that say one thing of each slot of an interval. */
static void truth_on_interval_said(struct world *w, uint32_t node, const struct message *m)
{
    const struct interval i = m->interval;
    uint64_t ballot = truth_pack(w, m->ballot);
    for (uint64_t slot = i.first; slot <= i.last && !w->failed; slot += i.stride) {
        switch (m->kind) {
        case MESSAGE_ACCEPT_NOOP:
            (void)truth_propose(w, node, slot, ballot, value_noop());
            break;
        case MESSAGE_VOTED:
            truth_on_voted_in(w, node, slot, m->ballot, m->value);
            break;
        case MESSAGE_SKIP:
            truth_skip(w, node, slot);
            break;
        default: /* LEARN_NOOP, CHOSEN */
            truth_claim(w, node, slot, value_noop(), "names");
            break;
        }
    }
}

static void truth_on_chosen_said(struct world *w, uint32_t node, const struct message *m)
{
    if (!interval_is_none(m->interval))
        truth_on_interval_said(w, node, m);
    else if (m->value != NULL)
        truth_on_said_chosen(w, node, m->slot, m->value->tag, m->value);
}

void truth_on_send(struct world *w, uint32_t node, const struct message *m)
{
    world_note(w, (uint64_t)m->kind << 58 ^ (uint64_t)node << 50 ^ m->slot ^ m->interval.first);
    switch (m->kind) {
    case MESSAGE_ACCEPT:
        truth_on_accept(w, node, m);
        break;
    case MESSAGE_PROMISE:
        truth_on_promise(w, node, m);
        break;
    case MESSAGE_ACCEPTED:
        truth_on_voted_in(w, node, m->slot, m->ballot, NULL);
        break;
    case MESSAGE_LEARN:
        truth_on_said_chosen(w, node, m->slot, m->tag, m->value);
        break;
    case MESSAGE_CHOSEN:
        truth_on_chosen_said(w, node, m);
        break;
    case MESSAGE_HEARTBEAT:
        truth_claim_to(w, node, m->progress.chosen_to, "tells of");
        break;
    case MESSAGE_PROMISE_RANGE:
        truth_on_promise_range(w, node, m);
        break;
    case MESSAGE_REFUSED_RANGE:
        truth_on_refused_range(w, node, m);
        break;
    case MESSAGE_ACCEPT_NOOP:
    case MESSAGE_VOTED:
    case MESSAGE_SKIP:
    case MESSAGE_LEARN_NOOP:
        truth_on_interval_said(w, node, m);
        break;
    case MESSAGE_READ_ANSWER:
        truth_on_read_answer(w, node, m);
        break;
    case MESSAGE_PREPARE_RANGE:
        truth_on_attempt(w, node, m->interval, m->ballot);
        break;
    case MESSAGE_HELLO:
    case MESSAGE_GOODBYE:
    case MESSAGE_PREPARE:
    case MESSAGE_REFUSED:
    case MESSAGE_FETCH:
    case MESSAGE_SKIPPED:
    case MESSAGE_ASK:
    case MESSAGE_READ:
    case MESSAGE_COMING:
        break;
    }
}
