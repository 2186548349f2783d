/* truth.c -- see truth.h. */
#include "truth.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "trace.h"
#include "world.h"

/* A slot further away than this is nobody's: some node went mad. */
#define SLOTS_MAX 4000000

void truth_init(struct world *w)
{
    struct truth *t = &w->truth;
    *t = (struct truth){.first = w->mix.first_slot};
    t->chosen_to = t->first - 1;
    t->touched_to = t->first - 1;
    for (uint32_t i = 0; i < w->mix.nodes; i++) {
        t->durable_to[i] = t->first - 1;
        t->verified_to[i] = t->first - 1;
    }
}

void truth_fini(struct truth *t)
{
    for (size_t i = 0; i < t->count; i++) {
        struct vote *v = t->slots[i].votes;
        while (v != NULL) {
            struct vote *next = v->next;
            value_unref(v->value);
            mem_free(v);
            v = next;
        }
        value_unref(t->slots[i].chosen);
    }
    mem_free(t->slots);
    *t = (struct truth){0};
}

/* The slot's row; NULL, and the run has failed: there can be no such slot. */
static struct slot_truth *truth_slot(struct world *w, uint64_t slot)
{
    struct truth *t = &w->truth;
    if (slot < t->first || slot - t->first >= SLOTS_MAX) {
        world_fail(w, "slot %lu is out of this world", slot);
        return NULL;
    }
    size_t i = (size_t)(slot - t->first);
    if (i >= t->count) {
        void *slots = t->slots;
        int err = mem_reserve(&slots, &t->capacity, i + 1, sizeof(*t->slots));
        assert(err == 0);
        t->slots = slots;
        memset(t->slots + t->count, 0, (i + 1 - t->count) * sizeof(*t->slots));
        t->count = i + 1;
    }
    return &t->slots[i];
}

static const struct slot_truth *truth_look(const struct truth *t, uint64_t slot)
{
    if (slot < t->first || slot - t->first >= t->count)
        return NULL;
    return &t->slots[slot - t->first];
}

struct value *truth_chosen(const struct world *w, uint64_t slot)
{
    const struct slot_truth *s = truth_look(&w->truth, slot);
    return s == NULL ? NULL : s->chosen;
}

/* ---- Values at ballots --------------------------------------------------------------------- */

/* The row of ballot b, made if need be. NULL, and the run has failed: b proposed another value. */
static struct vote *truth_vote(struct world *w, struct slot_truth *s, uint64_t slot,
                               struct ballot b, struct value *v)
{
    for (struct vote *vote = s->votes; vote != NULL; vote = vote->next) {
        if (ballot_cmp(vote->ballot, b) != 0)
            continue;
        if (value_equal(vote->value, v))
            return vote;
        world_fail(w, "two values at one ballot: slot %lu, ballot %s: %s and %s", slot,
                   trace_ballot(b), trace_value(vote->value), trace_value(v));
        return NULL;
    }
    struct vote *vote = mem_alloc_zero(sizeof(*vote));
    assert(vote != NULL);
    vote->ballot = b;
    vote->value = value_ref(v);
    vote->next = s->votes;
    s->votes = vote;
    return vote;
}

static void truth_choose(struct world *w, struct slot_truth *s, uint64_t slot,
                         const struct vote *vote)
{
    struct truth *t = &w->truth;
    if (s->chosen != NULL) {
        if (!value_equal(s->chosen, vote->value))
            world_fail(w, "two values chosen in slot %lu: first %s, now %s at ballot %s", slot,
                       trace_value(s->chosen), trace_value(vote->value),
                       trace_ballot(vote->ballot));
        return;
    }
    WORLD_TRACE(w, "   slot %lu: chosen %s at ballot %s", slot, trace_value(vote->value),
                trace_ballot(vote->ballot));
    s->chosen = value_ref(vote->value);
    while (t->chosen_to + 1 - t->first < t->count &&
           t->slots[t->chosen_to + 1 - t->first].chosen != NULL)
        t->chosen_to++;
}

/* ---- Disks --------------------------------------------------------------------------------- */

static void truth_on_vote(struct world *w, uint32_t node, const struct durable *d)
{
    struct slot_truth *s = truth_slot(w, d->slot);
    if (s == NULL)
        return;
    struct holding *h = &s->holdings[node];
    bool is_new = ballot_cmp(d->accepted, h->accepted) != 0;
    if (ballot_cmp(d->promised, h->promised) < 0)
        world_fail(w, "a promise fell: node %u, slot %lu: %s after %s", node + 1, d->slot,
                   trace_ballot(d->promised), trace_ballot(h->promised));
    else if (ballot_cmp(d->accepted, h->accepted) < 0)
        world_fail(w, "a vote fell: node %u, slot %lu: %s after %s", node + 1, d->slot,
                   trace_ballot(d->accepted), trace_ballot(h->accepted));
    else if (ballot_cmp(d->accepted, d->promised) > 0)
        world_fail(w, "a vote above the promise: node %u, slot %lu: %s above %s", node + 1, d->slot,
                   trace_ballot(d->accepted), trace_ballot(d->promised));
    else if (is_new && ballot_cmp(d->accepted, h->promised) < 0)
        world_fail(w, "a vote against a promise: node %u, slot %lu: %s despite %s", node + 1,
                   d->slot, trace_ballot(d->accepted), trace_ballot(h->promised));
    h->promised = d->promised;
    h->accepted = d->accepted;
    if (w->failed || d->value == NULL)
        return;
    if (d->slot > w->truth.touched_to)
        w->truth.touched_to = d->slot;
    struct vote *vote = truth_vote(w, s, d->slot, d->accepted, d->value);
    if (vote == NULL)
        return;
    member_set_add(&vote->voters, node);
    if (member_set_count(vote->voters) * 2 > w->mix.nodes)
        truth_choose(w, s, d->slot, vote);
}

static void truth_on_learnt(struct world *w, uint32_t node, const struct durable *d)
{
    struct slot_truth *s = truth_slot(w, d->slot);
    if (s == NULL)
        return;
    if (s->chosen == NULL || !value_equal(s->chosen, d->value))
        world_fail(w, "node %u persists %s as chosen in slot %lu; chosen is %s", node + 1,
                   trace_value(d->value), d->slot, trace_value(s->chosen));
    s->holdings[node].learnt = true;
}

void truth_on_durable(struct world *w, uint32_t node, const struct durable *d)
{
    struct truth *t = &w->truth;
    world_note(w, (uint64_t)d->kind << 60 ^ (uint64_t)node << 52 ^ d->slot);
    switch (d->kind) {
    case DURABLE_VOTE:
        truth_on_vote(w, node, d);
        break;
    case DURABLE_LEARNT:
        truth_on_learnt(w, node, d);
        break;
    case DURABLE_CHOSEN_TO:
        if (d->slot > t->chosen_to)
            world_fail(w, "node %u persists chosen_to %lu; chosen is only up to %lu", node + 1,
                       d->slot, t->chosen_to);
        else if (d->slot < t->durable_to[node])
            world_fail(w, "node %u persists chosen_to %lu after %lu", node + 1, d->slot,
                       t->durable_to[node]);
        t->durable_to[node] = d->slot;
        break;
    case DURABLE_PEER:
    case DURABLE_ADMITTED:
    case DURABLE_RESERVED:
    case DURABLE_PROMISED_RANGE:
    case DURABLE_VOTED_NOOP:
    case DURABLE_LEARNT_NOOP:
        break;
    }
}

void truth_on_synced(struct world *w, uint32_t node)
{
    struct truth *t = &w->truth;
    for (uint64_t n = t->verified_to[node] + 1; n <= t->durable_to[node] && !w->failed; n++) {
        const struct slot_truth *s = truth_slot(w, n);
        const struct holding *h = &s->holdings[node];
        bool is_there = h->learnt;
        for (const struct vote *v = s->votes; v != NULL && !is_there; v = v->next)
            is_there = ballot_cmp(v->ballot, h->accepted) == 0 && value_equal(v->value, s->chosen);
        if (!is_there)
            world_fail(w, "node %u has chosen_to %lu on disk, but not the value of slot %lu",
                       node + 1, t->durable_to[node], n);
        t->verified_to[node] = n;
    }
}

static void truth_check_hash(struct world *w, uint32_t node, uint64_t applied, uint64_t hash)
{
    struct truth *t = &w->truth;
    if (applied > t->chosen_to) {
        world_fail(w, "node %u has applied slot %lu; chosen is only up to %lu", node + 1, applied,
                   t->chosen_to);
        return;
    }
    if (applied < t->first)
        return;
    struct slot_truth *s = truth_slot(w, applied);
    if (s->has_hash && s->hash != hash)
        world_fail(w, "node %u has another state than others have had at slot %lu", node + 1,
                   applied);
    s->has_hash = true;
    s->hash = hash;
}

void truth_on_freeze(struct world *w, uint32_t node, const struct checkpoint_head *head)
{
    if (head->applied > w->truth.durable_to[node])
        world_fail(w, "node %u writes a checkpoint of slot %lu; its disk has chosen_to %lu",
                   node + 1, head->applied, w->truth.durable_to[node]);
}

void truth_on_checkpoint(struct world *w, uint32_t node, const struct checkpoint_head *head)
{
    truth_check_hash(w, node, head->applied, head->hash);
}

static bool truth_is_held(const struct slot_truth *s)
{
    for (size_t i = 0; i < sizeof(s->holdings) / sizeof(s->holdings[0]); i++) {
        if (!ballot_is_none(s->holdings[i].accepted))
            return true;
    }
    return s->chosen != NULL;
}

void truth_on_wiped(struct world *w, uint32_t node)
{
    struct truth *t = &w->truth;
    for (size_t i = 0; i < t->count; i++)
        t->slots[i].holdings[node] = (struct holding){0};
    /* What only that disk had voted for, nobody knows of any more. */
    while (t->touched_to >= t->first && !truth_is_held(&t->slots[t->touched_to - t->first]))
        t->touched_to--;
    t->durable_to[node] = t->first - 1;
    t->verified_to[node] = t->first - 1;
}

/* ---- Words --------------------------------------------------------------------------------- */

static void truth_on_promise(struct world *w, uint32_t node, const struct message *m)
{
    const struct slot_truth *s = truth_slot(w, m->slot);
    if (s == NULL)
        return;
    const struct holding *h = &s->holdings[node];
    if (ballot_cmp(h->promised, m->ballot) < 0)
        world_fail(w, "node %u promises %s in slot %lu, and its disk holds %s", node + 1,
                   trace_ballot(m->ballot), m->slot, trace_ballot(h->promised));
    else if (ballot_cmp(h->accepted, m->ballot) < 0 && ballot_cmp(h->accepted, m->other) != 0)
        world_fail(w, "node %u promises %s in slot %lu and tells of its vote at %s, not at %s",
                   node + 1, trace_ballot(m->ballot), m->slot, trace_ballot(m->other),
                   trace_ballot(h->accepted));
    else if (m->value != NULL)
        (void)truth_vote(w, truth_slot(w, m->slot), m->slot, m->other, m->value);
}

static void truth_on_accepted(struct world *w, uint32_t node, const struct message *m)
{
    const struct slot_truth *s = truth_slot(w, m->slot);
    if (s == NULL)
        return;
    for (const struct vote *v = s->votes; v != NULL; v = v->next) {
        if (ballot_cmp(v->ballot, m->ballot) == 0 && member_set_has(v->voters, node))
            return;
    }
    world_fail(w, "node %u says it accepted %s in slot %lu, and its disk never held that", node + 1,
               trace_ballot(m->ballot), m->slot);
}

static void truth_on_said_chosen(struct world *w, uint32_t node, uint64_t slot, struct tag tag,
                                 const struct value *v)
{
    const struct value *chosen = truth_chosen(w, slot);
    if (chosen == NULL || !tag_equal(chosen->tag, tag) || (v != NULL && !value_equal(chosen, v)))
        world_fail(w, "node %u says that %s was chosen in slot %lu; chosen is %s", node + 1,
                   v == NULL ? trace_tag(tag) : trace_value(v), slot, trace_value(chosen));
}

void truth_on_send(struct world *w, uint32_t node, const struct message *m)
{
    world_note(w, (uint64_t)m->kind << 58 ^ (uint64_t)node << 50 ^ m->slot);
    switch (m->kind) {
    case MESSAGE_ACCEPT: {
        struct slot_truth *s = truth_slot(w, m->slot);
        if (s != NULL)
            (void)truth_vote(w, s, m->slot, m->ballot, m->value);
        break;
    }
    case MESSAGE_PROMISE:
        truth_on_promise(w, node, m);
        break;
    case MESSAGE_ACCEPTED:
        truth_on_accepted(w, node, m);
        break;
    case MESSAGE_LEARN:
        truth_on_said_chosen(w, node, m->slot, m->tag, m->value);
        break;
    case MESSAGE_CHOSEN:
        if (m->value != NULL)
            truth_on_said_chosen(w, node, m->slot, m->value->tag, m->value);
        break;
    case MESSAGE_HEARTBEAT:
        if (m->progress.chosen_to > w->truth.chosen_to)
            world_fail(w, "node %u says that all is chosen up to %lu; it is up to %lu", node + 1,
                       m->progress.chosen_to, w->truth.chosen_to);
        break;
    case MESSAGE_HELLO:
    case MESSAGE_GOODBYE:
    case MESSAGE_PREPARE:
    case MESSAGE_REFUSED:
    case MESSAGE_FETCH:
    case MESSAGE_PREPARE_RANGE:
    case MESSAGE_PROMISE_RANGE:
    case MESSAGE_ACCEPT_NOOP:
    case MESSAGE_VOTED:
    case MESSAGE_REFUSED_RANGE:
    case MESSAGE_SKIP:
    case MESSAGE_SKIPPED:
    case MESSAGE_LEARN_NOOP:
    case MESSAGE_ASK:
    case MESSAGE_READ:
    case MESSAGE_READ_ANSWER:
        break;
    }
}

/* ---- Replicas ------------------------------------------------------------------------------ */

void truth_on_step(struct world *w, uint32_t node)
{
    struct node *n = &w->nodes[node];
    const struct machine *m = replica_machine(n->replica);
    uint64_t applied = machine_applied(m);
    if (applied < n->applied) {
        world_fail(w, "node %u went back from slot %lu to %lu", n->id, n->applied, applied);
        return;
    }
    world_note(w, applied);
    truth_check_hash(w, node, applied, machine_hash(m));
}

void truth_on_start(struct world *w, uint32_t node)
{
    struct truth *t = &w->truth;
    struct node *n = &w->nodes[node];
    const struct machine *m = replica_machine(n->replica);
    truth_check_hash(w, node, machine_applied(m), machine_hash(m));
    for (uint64_t slot = machine_applied(m) + 1; slot - t->first < t->count; slot++) {
        const struct holding *h = &t->slots[slot - t->first].holdings[node];
        struct slot_view view = {0};
        replica_get_slot(n->replica, slot, &view);
        if (ballot_cmp(view.promised, h->promised) < 0 ||
            ballot_cmp(view.accepted, h->accepted) < 0) {
            world_fail(w, "node %u forgot over its restart what it promised in slot %lu", n->id,
                       slot);
            return;
        }
    }
}

void truth_on_done(struct world *w, uint32_t node, const struct sim_op *op, const struct result *r)
{
    if (r->slot > w->nodes[node].applied || r->slot > w->truth.chosen_to) {
        world_fail(w, "node %u answers op %lu as done in slot %lu; applied %lu, chosen to %lu",
                   node + 1, op->number, r->slot, w->nodes[node].applied, w->truth.chosen_to);
        return;
    }
    const struct value *v = truth_chosen(w, r->slot);
    struct bytes batch = {0};
    if (v != NULL && v->kind == VALUE_BATCH)
        batch = value_bytes(v);
    while (batch.size > 0) {
        struct bytes at = batch;
        struct command c = {0};
        if (command_decode(&batch, &c) != 0)
            break;
        size_t size = at.size - batch.size;
        bool is_it = op->has_id ? c.op_id == op->op_id && bytes_equal(c.client_id, op->client_id)
                                : bytes_equal(bytes_slice(at, 0, size), buf_bytes(&op->command));
        if (is_it)
            return;
    }
    world_fail(w, "node %u answers op %lu as done in slot %lu, where it is not", node + 1,
               op->number, r->slot);
}
