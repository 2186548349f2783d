/* truth.c -- see truth.h: slots, votes, what is chosen; what replicas apply and answer. */
#include "truth.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "trace.h"
#include "truth_internal.h"

/* A slot further away than this is nobody's: some node went mad. */
#define SLOTS_MAX 4000000

#define NODE_BITS 8
#define BOOT_BITS 24

uint64_t truth_pack(struct world *w, struct ballot b)
{
    if (b.round > UINT32_MAX || b.node >> NODE_BITS != 0 || b.boot >> BOOT_BITS != 0) {
        world_fail(w, "ballot %s is out of this world", trace_ballot(b));
        return 0;
    }
    return b.round << (NODE_BITS + BOOT_BITS) | (uint64_t)b.node << BOOT_BITS | b.boot;
}

struct ballot truth_unpack(uint64_t packed)
{
    return (struct ballot){
        .round = packed >> (NODE_BITS + BOOT_BITS),
        .node = packed >> BOOT_BITS & ((1U << NODE_BITS) - 1),
        .boot = packed & ((1U << BOOT_BITS) - 1),
    };
}

void truth_init(struct world *w)
{
    struct truth *t = &w->truth;
    assert(w->mix.nodes <= TRUTH_NODES_MAX);
    *t = (struct truth){.first = w->mix.first_slot};
    t->chosen_to = t->first - 1;
    t->touched_to = t->first - 1;
    for (uint32_t i = 0; i < w->mix.nodes; i++) {
        t->nodes[i].durable_to = t->first - 1;
        t->nodes[i].verified_to = t->first - 1;
        t->nodes[i].voted_to = t->first - 1;
    }
}

void truth_fini(struct truth *t)
{
    for (size_t i = 1; i < t->votes_count; i++)
        value_unref(t->votes[i].value);
    for (size_t i = 0; i < t->count; i++)
        value_unref(t->slots[i].chosen);
    for (size_t i = 0; i < TRUTH_NODES_MAX; i++)
        mem_free(t->nodes[i].holdings);
    mem_free(t->votes);
    mem_free(t->slots);
    mem_free(t->reported);
    *t = (struct truth){0};
}

/* ---- Slots --------------------------------------------------------------------------------- */

/* Room for `count` slots, in every array. */
static void truth_grow(struct world *w, size_t count)
{
    struct truth *t = &w->truth;
    size_t before = t->capacity;
    size_t capacity = before < 1024 ? 1024 : before;
    while (capacity < count)
        capacity *= 2;
    if (capacity > before) {
        void *slots = t->slots;
        t->capacity = before;
        int err = mem_reserve(&slots, &t->capacity, capacity, sizeof(*t->slots));
        assert(err == 0);
        t->slots = slots;
        for (uint32_t i = 0; i < w->mix.nodes; i++) {
            size_t had = before;
            void *holdings = t->nodes[i].holdings;
            err = mem_reserve(&holdings, &had, t->capacity, sizeof(struct holding));
            assert(err == 0);
            t->nodes[i].holdings = holdings;
        }
    }
    memset(t->slots + t->count, 0, (count - t->count) * sizeof(*t->slots));
    for (uint32_t i = 0; i < w->mix.nodes; i++)
        memset(t->nodes[i].holdings + t->count, 0, (count - t->count) * sizeof(struct holding));
    t->count = count;
}

struct slot_truth *truth_slot(struct world *w, uint64_t slot)
{
    struct truth *t = &w->truth;
    if (slot < t->first || slot - t->first >= SLOTS_MAX) {
        world_fail(w, "slot %lu is out of this world", slot);
        return NULL;
    }
    size_t i = (size_t)(slot - t->first);
    if (i >= t->count)
        truth_grow(w, i + 1);
    return &t->slots[i];
}

struct holding *truth_holding(struct world *w, uint32_t node, uint64_t slot)
{
    struct truth *t = &w->truth;
    assert(slot >= t->first && slot - t->first < t->count);
    return &t->nodes[node].holdings[slot - t->first];
}

struct value *truth_chosen(const struct world *w, uint64_t slot)
{
    const struct truth *t = &w->truth;
    if (slot < t->first || slot - t->first >= t->count)
        return NULL;
    return t->slots[slot - t->first].chosen;
}

/* ---- Values at ballots --------------------------------------------------------------------- */

struct vote *truth_find(struct world *w, const struct slot_truth *s, uint64_t ballot)
{
    struct truth *t = &w->truth;
    for (uint32_t i = s->votes; i != 0; i = t->votes[i].next) {
        if (t->votes[i].ballot == ballot)
            return &t->votes[i];
    }
    return NULL;
}

static struct vote *truth_add_vote(struct world *w, struct slot_truth *s, uint64_t ballot,
                                   struct value *v)
{
    struct truth *t = &w->truth;
    if (t->votes_count == 0)
        t->votes_count = 1;
    void *votes = t->votes;
    int err = mem_reserve(&votes, &t->votes_capacity, t->votes_count + 1, sizeof(struct vote));
    assert(err == 0);
    t->votes = votes;
    struct vote *vote = &t->votes[t->votes_count];
    *vote = (struct vote){.ballot = ballot, .value = value_ref(v), .next = s->votes};
    s->votes = (uint32_t)t->votes_count;
    t->votes_count++;
    t->used++;
    return vote;
}

struct vote *truth_propose(struct world *w, uint32_t node, uint64_t slot, uint64_t ballot,
                           struct value *v)
{
    struct slot_truth *s = truth_slot(w, slot);
    if (s == NULL)
        return NULL;
    struct vote *vote = truth_find(w, s, ballot);
    if (vote != NULL) {
        if (value_equal(vote->value, v))
            return vote;
        world_fail(w, "two values at one ballot: slot %lu, ballot %s: %s and %s", slot,
                   trace_ballot(truth_unpack(ballot)), trace_value(vote->value), trace_value(v));
        return NULL;
    }
    if (!truth_may_propose(w, node, slot, ballot, v))
        return NULL;
    return truth_add_vote(w, s, ballot, v);
}

/* ---- What is chosen ------------------------------------------------------------------------ */

void truth_choose(struct world *w, uint64_t slot, struct value *v, const char *how)
{
    struct truth *t = &w->truth;
    struct slot_truth *s = truth_slot(w, slot);
    if (s == NULL)
        return;
    if (s->chosen != NULL) {
        if (!value_equal(s->chosen, v))
            world_fail(w, "two values chosen in slot %lu: first %s, now %s, %s", slot,
                       trace_value(s->chosen), trace_value(v), how);
        return;
    }
    /* Whole intervals of NOOPs are chosen at once, and the trace has the message that says so. */
    if (v->kind != VALUE_NOOP || w->mix.mode == MODE_CLASSIC)
        WORLD_TRACE(w, "   slot %lu: chosen %s, %s", slot, trace_value(v), how);
    s->chosen = value_ref(v);
    while (t->chosen_to + 1 - t->first < t->count &&
           t->slots[t->chosen_to + 1 - t->first].chosen != NULL)
        t->chosen_to++;
}

void truth_claim(struct world *w, uint32_t node, uint64_t slot, const struct value *v,
                 const char *does)
{
    const struct value *chosen = truth_chosen(w, slot);
    /* A coordinator knows its own skip before it tells anybody. */
    bool may_be_skip = v == NULL || v->kind == VALUE_NOOP;
    if (chosen == NULL && may_be_skip && truth_is_own(w, node, slot)) {
        truth_skip(w, node, slot);
        chosen = truth_chosen(w, slot);
    }
    if (chosen == NULL || (v != NULL && !value_equal(chosen, v)))
        world_fail(w, "node %u %s %s as chosen in slot %lu; chosen is %s", node + 1, does,
                   v == NULL ? "something" : trace_value(v), slot, trace_value(chosen));
}

void truth_claim_to(struct world *w, uint32_t node, uint64_t to, const char *does)
{
    const struct truth *t = &w->truth;
    for (uint64_t slot = t->chosen_to + 1; slot <= to && !w->failed; slot++)
        truth_claim(w, node, slot, NULL, does);
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
    struct slot_truth *s = truth_slot(w, applied);
    if (s == NULL)
        return;
    if (s->has_hash && s->hash != machine_hash(m))
        world_fail(w, "node %u has another state than others have had at slot %lu", n->id, applied);
    s->has_hash = true;
    s->hash = machine_hash(m);
}

void truth_on_turn(struct world *w, uint32_t node)
{
    if (w->nodes[node].applied > w->truth.chosen_to)
        truth_claim_to(w, node, w->nodes[node].applied, "applies");
}

/* What the disk promised is still promised; of a slot that is chosen nobody asks any more. */
static bool truth_is_remembered(const struct truth *t, uint32_t node, uint64_t slot,
                                const struct slot_view *view)
{
    const struct holding *h = &t->nodes[node].holdings[slot - t->first];
    const struct value *chosen = t->slots[slot - t->first].chosen;
    if (view->chosen != NULL)
        return chosen != NULL && value_equal(view->chosen, chosen);
    if (ballot_cmp(view->accepted, truth_unpack(holding_accepted(h))) < 0)
        return false;
    return ballot_cmp(view->promised, truth_unpack(holding_promised(h))) >= 0;
}

void truth_on_start(struct world *w, uint32_t node)
{
    struct truth *t = &w->truth;
    struct node *n = &w->nodes[node];
    const struct machine *m = replica_machine(n->replica);
    t->nodes[node].unknown_to = t->nodes[node].reserved_to;
    n->applied = machine_applied(m);
    if (n->applied >= t->first)
        truth_on_step(w, node);
    truth_on_turn(w, node);
    for (uint64_t slot = n->applied + 1; slot - t->first < t->count && !w->failed; slot++) {
        struct slot_view view = {0};
        replica_get_slot(n->replica, slot, &view);
        if (!truth_is_remembered(t, node, slot, &view))
            world_fail(w, "node %u forgot over its restart what it promised in slot %lu", n->id,
                       slot);
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
