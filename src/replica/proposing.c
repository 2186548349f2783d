/*
 * proposing.c -- this node as a proposer.
 *
 * docs/protocol.md, section 2. A *claim* is an attempt at a new slot for the operations that wait
 * here. The value is chosen only when a majority has promised ("use your own"): until then nobody
 * has seen it, so that operations that arrive during phase 1 still travel with it, and a claim that
 * is refused costs nothing: it is withdrawn, and the operations have never left the queue. Once a
 * value has been in an Accept it may be chosen at any time; it is tried again in the SAME slot
 * until that is resolved, and only if another value won do its operations go back to the queue.
 *
 * A *recovery* is an attempt at a slot that others left open: it proposes what it must adopt, else
 * NOOP.
 */
#include <assert.h>
#include <string.h>

#include "base/planted.h"
#include "base/pool.h"
#include "replica/internal.h"

/* When the log is all but full, a node proposes 2 MiB of writes a second. */
#define PACE_NS_PER_BYTE UINT64_C(477)
#define PACE_NS_MAX (100 * NS_PER_MS)

/* ---- One attempt --------------------------------------------------------------------------- */

static int proposing_send_request(struct replica *r, const struct proposal *p, uint32_t to)
{
    struct message m = {.slot = p->slot, .ballot = p->proposer.ballot};
    switch (p->proposer.phase) {
    case PROPOSER_PREPARING:
        m.kind = MESSAGE_PREPARE;
        break;
    case PROPOSER_ACCEPTING:
        m.kind = MESSAGE_ACCEPT;
        m.value = value_ref(p->proposer.proposed);
        break;
    case PROPOSER_IDLE:
    case PROPOSER_PREPARED:
        return 0;
    }
    return replica_post(r, to, m, 0);
}

static int proposing_send_all(struct replica *r, struct proposal *p)
{
    p->resend_ns = 2 * (delays_p99(&r->commit_delays) + heartbeat_round_trip(r));
    p->resend_ns = max_u64(p->resend_ns, 5 * NS_PER_MS);
    p->resend_ns = max_u64(p->resend_ns, replica_travel_ns(r, p->proposer.proposed));
    p->due_ns = r->now_ns + p->resend_ns;
    replica_wake_at(r, p->due_ns);
    for (uint32_t i = 0; i < replica_members(r)->count; i++) {
        if (p->proposer.phase == PROPOSER_ACCEPTING)
            TRY(replica_say_coming(r, i, p->slot, p->proposer.proposed));
        TRY(proposing_send_request(r, p, i));
    }
    return 0;
}

/* Ask again whoever has not answered; the next time is twice as far. */
static int proposing_resend(struct replica *r, struct proposal *p)
{
    struct member_set answered =
        p->proposer.phase == PROPOSER_ACCEPTING ? p->learner.voters : p->proposer.promised;
    for (uint32_t i = 0; i < replica_members(r)->count; i++) {
        if (!member_set_has(answered, i) && replica_may_repeat(r, i, p->proposer.proposed))
            TRY(proposing_send_request(r, p, i));
    }
    p->resend_ns = min_u64(p->resend_ns * 2, 1000 * NS_PER_MS);
    p->due_ns = r->now_ns + p->resend_ns;
    replica_wake_at(r, p->due_ns);
    return 0;
}

/*
 * Phase 1a with a fresh ballot: above all that was heard of in this slot, and above this node's own
 * promise, which every earlier ballot of its own has raised.
 */
static int proposing_attempt(struct replica *r, struct proposal *p)
{
    const struct slot *slot = slots_find(&r->slots, p->slot);
    assert(slot != NULL && slot->chosen == NULL);
    uint64_t round = max_u64(p->proposer.highest.round, slot->acceptor.promised.round) + 1;
    /*
     * Two nodes that claim one slot at once both begin here; the higher ballot wins. Which node
     * that is changes from slot to slot, or the highest id would always win.
     */
    if (p->is_claim)
        round += (r->self + p->slot) % replica_members(r)->count;
    struct ballot ballot = {
        .round = round,
        .node = r->options.identity.id,
        .boot = r->options.boot,
    };
    proposer_begin(&p->proposer, ballot);
    p->learner = (struct learner){0};
    r->stats.propose_total++;
    return proposing_send_all(r, p);
}

static int proposing_open(struct replica *r, uint64_t number, bool is_claim)
{
    struct slot *slot = NULL;
    TRY(slots_get(&r->slots, number, &slot));
    assert(slot->proposal == NULL && slot->chosen == NULL);
    struct proposal *p = pool_alloc_zero(sizeof(*p));
    if (p == NULL)
        return ERR_NO_MEMORY;
    p->slot = number;
    p->is_claim = is_claim;
    list_init(&p->link);
    list_push_back(&r->proposals, &p->link);
    slot->proposal = p;
    r->claims += is_claim;
    replica_note_slot(r, number);
    return proposing_attempt(r, p);
}

void proposing_drop(struct replica *r, struct slot *slot)
{
    struct proposal *p = slot->proposal;
    if (p == NULL)
        return;
    r->claims -= p->is_claim;
    list_remove(&p->link);
    proposer_fini(&p->proposer);
    pool_free(p, sizeof(*p));
    slot->proposal = NULL;
}

int proposing_recover(struct replica *r, uint64_t number)
{
    r->stats.recovered_total++;
    return proposing_open(r, number, false);
}

/* ---- Batches ------------------------------------------------------------------------------- */

struct batch *proposing_take_batch(struct replica *r, struct slot *slot)
{
    struct batch *b = slot->batch;
    if (b == NULL)
        return NULL;
    slot->batch = NULL;
    list_remove(&b->link);
    r->batches--;
    r->batches_bytes -= b->value->size;
    return b;
}

/* Put what is left of a batch back at the head of the queue, in the old order. */
void proposing_requeue(struct replica *r, struct slot *slot)
{
    struct batch *b = proposing_take_batch(r, slot);
    assert(b != NULL);
    while (!list_is_empty(&b->writes)) {
        struct op *op = LIST_ENTRY(b->writes.prev, struct op, link);
        list_remove(&op->link);
        if (op->answered) {
            op_free(op);
            continue;
        }
        op->proposed = false;
        list_push_front(&r->queue, &op->link);
        r->queue_bytes += op->size;
    }
    list_splice_back(&r->reads, &b->reads);
    batch_free(b);
    r->stats.requeued_total++;
}

/* How long the next batch waits after one of so many bytes: see replica_is_pressed. */
static uint64_t proposing_pace(const struct replica *r, uint64_t bytes)
{
    if (!replica_is_pressed(r))
        return 0;
    uint64_t from = replica_pressed_from(r);
    uint64_t max = r->options.tuning.log_bytes_max;
    uint64_t over = min_u64(replica_log_memory(r), max) - from;
    return min_u64(bytes * over / (max - from) * PACE_NS_PER_BYTE, PACE_NS_MAX);
}

bool proposing_is_paced(struct replica *r)
{
    if (r->now_ns >= r->pace_ns || list_is_empty(&r->queue))
        return false;
    replica_wake_at(r, r->pace_ns);
    return true;
}

int proposing_gather(struct replica *r, struct slot *slot)
{
    struct tag tag = {
        .node = r->options.identity.id,
        .boot = r->options.boot,
        .sequence = r->tag_sequence + 1,
    };
    struct batch *b = NULL;
    TRY(batch_gather(&r->queue, &r->reads, r->options.tuning.batch_bytes_max, tag, &b));
    r->tag_sequence++;
    r->queue_bytes -= b->value->size;
    b->proposed_ns = r->now_ns;
    r->pace_ns = r->now_ns + proposing_pace(r, b->value->size);
    slot->batch = b;
    r->batches++;
    r->batches_bytes += b->value->size;
    return 0;
}

#ifdef DKV_PLANTED
/* Bug 4: a claim for a barrier finds NOOP in its slot, and takes it for the barrier. */
int proposing_take_noop_planted(struct replica *r, struct slot *slot)
{
    bool reads = slot->proposal != NULL && slot->proposal->is_claim && slot->batch == NULL &&
                 list_is_empty(&r->queue) && !list_is_empty(&r->reads);
    return reads ? proposing_gather(r, slot) : 0;
}
#endif

bool proposing_has_work(const struct replica *r)
{
    return !list_is_empty(&r->queue) || !list_is_empty(&r->reads);
}

/* ---- Replies ------------------------------------------------------------------------------- */

/* Phase 2a: a majority has promised. Adopt, else use your own, else nothing. */
static int proposing_on_prepared(struct replica *r, struct slot *slot)
{
    struct proposal *p = slot->proposal;
    struct value *v = p->proposer.adopted;
    if (v == NULL) {
        if (slot->batch == NULL && p->is_claim && proposing_has_work(r))
            TRY(proposing_gather(r, slot));
        v = slot->batch != NULL ? slot->batch->value : value_noop();
    }
    r->claims -= p->is_claim;
    p->is_claim = false;
    proposer_propose(&p->proposer, v);
    r->frontier = max_u64(r->frontier, p->slot);
    if (PLANTED(PLANTED_ACCEPT_IS_VOTE))
        (void)learner_on_accepted(&p->learner, replica_members(r), r->self, p->proposer.ballot);
    return proposing_send_all(r, p);
}

/* The slot's attempts, unless it is resolved or never was ours. */
static struct slot *proposing_find(const struct replica *r, uint64_t number)
{
    struct slot *slot = slots_find(&r->slots, number);
    return slot == NULL || slot->proposal == NULL || slot->chosen != NULL ? NULL : slot;
}

int proposing_on_promise(struct replica *r, uint32_t from, const struct message *m)
{
    replica_note_slot(r, m->slot);
    if (m->value != NULL && m->slot <= replica_window_end(r))
        r->frontier = max_u64(r->frontier, m->slot);
    struct slot *slot = proposing_find(r, m->slot);
    if (slot == NULL)
        return 0;
    bool prepared = proposer_on_promise(&slot->proposal->proposer, replica_members(r), from,
                                        m->ballot, m->other, m->value);
    return prepared ? proposing_on_prepared(r, slot) : 0;
}

/* For whoever looks at the log; what is chosen is decided by the attempt's own learner. */
static void proposing_note_vote(const struct replica *r, uint32_t from, const struct message *m)
{
    struct slot *slot = slots_find(&r->slots, m->slot);
    if (slot != NULL)
        (void)learner_on_accepted(&slot->learner, replica_members(r), from, m->ballot);
}

int proposing_on_accepted(struct replica *r, uint32_t from, const struct message *m)
{
    proposing_note_vote(r, from, m);
    struct slot *slot = proposing_find(r, m->slot);
    if (slot == NULL)
        return 0;
    struct proposal *p = slot->proposal;
    if (p->proposer.phase != PROPOSER_ACCEPTING)
        return 0;
    /* Votes for an earlier ballot say nothing about the value of this one. */
    if (ballot_cmp(m->ballot, p->proposer.ballot) != 0 && !PLANTED(PLANTED_COUNT_REPLIES))
        return 0;
    if (!learner_on_accepted(&p->learner, replica_members(r), from, m->ballot))
        return 0;

    struct value *v = value_ref(p->proposer.proposed);
    int err = 0;
    for (uint32_t i = 0; i < replica_members(r)->count && err == 0; i++) {
        if (i != r->self)
            err = learning_tell(r, i, m->slot, p->proposer.ballot, v,
                                !member_set_has(p->learner.voters, i) &&
                                    !PLANTED(PLANTED_ANY_VALUE_IS_CHOSEN));
    }
    if (err == 0)
        err = learning_decide(r, m->slot, v);
    value_unref(v);
    return err;
}

static void proposing_back_off(struct replica *r, struct proposal *p)
{
    uint64_t longest = 2 * (delays_p99(&r->commit_delays) + heartbeat_round_trip(r));
    longest = max_u64(longest, 20 * NS_PER_MS);
    uint64_t backoff = NS_PER_MS << (p->refusals < 10 ? p->refusals : 10);
    backoff = min_u64(backoff, longest);
    p->refusals++;
    p->due_ns = r->now_ns + prng_between(&r->prng, backoff / 2, backoff);
    replica_wake_at(r, p->due_ns);
}

int proposing_on_refused(struct replica *r, const struct message *m)
{
    replica_note_slot(r, m->slot);
    struct slot *slot = proposing_find(r, m->slot);
    if (slot == NULL)
        return 0;
    struct proposal *p = slot->proposal;
    if (!proposer_on_refused(&p->proposer, m->ballot, m->other))
        return 0;
    r->stats.refused_total++;
    if (p->is_claim) {
        /* No Accept has left: nothing of ours can be chosen here. Try a later slot. */
        proposing_drop(r, slot);
        return 0;
    }
    if (PLANTED(PLANTED_REQUEUE_EARLY) && slot->batch != NULL)
        proposing_requeue(r, slot);
    proposing_back_off(r, p);
    return 0;
}

void proposing_yield(struct replica *r, struct slot *slot, struct ballot promised)
{
    struct proposal *p = slot->proposal;
    if (p == NULL || !p->is_claim || ballot_cmp(promised, p->proposer.ballot) <= 0)
        return;
    r->stats.refused_total++;
    proposing_drop(r, slot);
}

int proposing_on_peer_up(struct replica *r, uint32_t peer)
{
    for (struct list *l = r->proposals.next; l != &r->proposals; l = l->next) {
        const struct proposal *p = LIST_ENTRY(l, struct proposal, link);
        TRY(proposing_send_request(r, p, peer));
    }
    return 0;
}

/* ---- The tick ------------------------------------------------------------------------------ */

/*
 * One claim at a time gathers all that waits; another one is begun only when more waits than the
 * claims under way can carry.
 */
static bool proposing_wants_claim(struct replica *r)
{
    const struct replica_tuning *t = &r->options.tuning;
    if (!proposing_has_work(r) || r->claims + r->batches >= t->pipeline_max ||
        proposing_is_paced(r))
        return false;
    /* A batch is longer than the bound when its first command alone is. */
    uint64_t batch_bytes = t->batch_bytes_max;
    if (!list_is_empty(&r->queue))
        batch_bytes = max_u64(batch_bytes, LIST_ENTRY(r->queue.next, struct op, link)->size);
    uint64_t claimed = r->claims * batch_bytes;
    if (r->batches_bytes + claimed >= t->pipeline_bytes_max)
        return false;
    return r->queue_bytes > claimed || r->claims == 0;
}

static int proposing_claim(struct replica *r)
{
    /* One above the highest seen or used; what is applied already is no place to propose. */
    uint64_t number = max_u64(r->highest, r->chosen_to) + 1;
    if (number > replica_window_end(r)) {
        /*
         * Wait until the window moves. It does not, if all of it was only ever prepared, by nodes
         * that died over it: what saw no Accept is no hole that anybody fills. So fill the first
         * one. It is no claim: who loses one tries the next slot at once, and this is the only one.
         */
        number = r->chosen_to + 1;
        const struct slot *slot = slots_find(&r->slots, number);
        if (r->frontier > r->chosen_to || (slot != NULL && slot->proposal != NULL))
            return 0;
        return proposing_recover(r, number);
    }
    return proposing_open(r, number, true);
}

int proposing_tick(struct replica *r)
{
    struct list *next = NULL;
    for (struct list *l = r->proposals.next; l != &r->proposals; l = next) {
        struct proposal *p = LIST_ENTRY(l, struct proposal, link);
        next = l->next;
        if (p->due_ns > r->now_ns)
            replica_wake_at(r, p->due_ns);
        else if (p->proposer.phase == PROPOSER_IDLE)
            TRY(proposing_attempt(r, p));
        else
            TRY(proposing_resend(r, p));
    }
    while (proposing_wants_claim(r)) {
        uint32_t before = r->claims;
        TRY(proposing_claim(r));
        if (r->claims == before)
            break; /* The window is used up: apply first. */
    }
    return 0;
}
