/*
 * coordinating.c -- this node's own slots in coordinated mode: used, skipped, reserved.
 *
 * docs/protocol.md, section 7, rules C1, C3, C4, C5, C8 and C9; after Mencius (OSDI'08), sections
 * 4.2 and 4.3. For its own slots a node needs no phase 1: a value is on its way to everybody in the
 * turn in which it arrived, in parallel with this node's own commit. What makes that safe is that
 * no own slot is ever used twice, crash or not. So a slot is used (proposed in, or skipped) only
 * within what is durably reserved, and after a restart everything that was reserved before counts
 * as used.
 *
 * A skip is true for ever: nothing was proposed in the slot, and from now on nothing will be. As
 * at higher rounds only adopted values and NOOP are proposed, only NOOP can be chosen there, and
 * whoever hears of the skip takes NOOP as chosen at once.
 */
#include <assert.h>

#include "base/planted.h"
#include "replica/internal.h"

/* What is repeated is repeated less and less often, but not less than that. */
#define REPEAT_NS_MAX (1000 * NS_PER_MS)

/* Above which own slot nothing may be used now. */
static uint64_t coordinating_limit(const struct replica *r)
{
    return min_u64(r->own.reserved_to, replica_window_end(r));
}

uint64_t coordinating_used_to(const struct replica *r)
{
    const struct coordination *own = &r->own;
    return max_u64(own->restart_to, own->position - 1);
}

/* The own slot to propose in next: above the frontier, and not taken over. */
static uint64_t coordinating_next_slot(const struct replica *r)
{
    uint32_t n = replica_members(r)->count;
    uint64_t s = replica_slot_of(r, r->self, max_u64(r->own.position, r->frontier + 1));
    for (;;) {
        const struct slot *slot = slots_find(&r->slots, s);
        if (slot == NULL || (slot->chosen == NULL && slot->acceptor.promised.round == 0 &&
                             slot->acceptor.value == NULL))
            return s;
        s += n;
    }
}

/* ---- Reserving ----------------------------------------------------------------------------- */

void coordinating_start(struct replica *r)
{
    struct coordination *own = &r->own;
    list_init(&own->inflight);
    own->reserving_to = own->reserved_to;
    own->restart_to = max_u64(own->reserved_to, machine_applied(r->machine));
    own->position = replica_slot_of(r, r->self, own->restart_to + 1);
    if (PLANTED(PLANTED_COORDINATOR_AMNESIA) || PLANTED(PLANTED_RESTART_SKIPS))
        own->position = replica_slot_of(r, r->self, r->chosen_to + 1);
}

/*
 * Rule C9: a large chunk, asked for long before it is needed, so that nothing waits for it. A node
 * that has nothing to use slots for reserves none: or each start would add a chunk.
 */
static int coordinating_reserve(struct replica *r)
{
    struct coordination *own = &r->own;
    /* Slots that others have taken over are passed, however many. */
    uint64_t next = proposing_has_work(r) ? coordinating_next_slot(r) : own->position;
    /* No less than what is skipped ahead at once: or an idle node would commit again and again. */
    uint64_t chunk = max_u64(r->options.tuning.reserve_slots, own->ahead);
    uint64_t base = max_u64(max_u64(r->frontier, own->restart_to), next - 1);
    /* A frontier that a peer names may be anywhere. */
    base = min_u64(base, max_u64(replica_window_end(r), own->restart_to));
    bool is_needed =
        proposing_has_work(r) || own->position <= r->frontier || own->reserved_to > own->restart_to;
    /* Nothing beyond the window can be used: a node that starts again and again must not get
       further and further ahead of everybody. */
    if (!is_needed || next > replica_window_end(r) || own->reserving_to > own->reserved_to ||
        own->reserved_to >= base + chunk / 2)
        return 0;
    struct durable record = {.kind = DURABLE_RESERVED, .slot = base + chunk};
    TRY(replica_write(r, &record));
    own->reserving_to = record.slot;
    own->reserve_sequence = r->write_sequence;
    return 0;
}

void coordinating_on_durable(struct replica *r)
{
    if (r->durable_sequence >= r->own.reserve_sequence)
        r->own.reserved_to = r->own.reserving_to;
}

/* ---- Skipping ------------------------------------------------------------------------------ */

/* The position, past slots that were taken over and are known to be decided. */
static void coordinating_pass_decided(struct replica *r)
{
    uint32_t n = replica_members(r)->count;
    for (;;) {
        const struct slot *slot = slots_find(&r->slots, r->own.position);
        if (slot == NULL || slot->chosen == NULL)
            return;
        r->own.position += n;
    }
}

/*
 * Skip own slots from the position up to `to`, as far as that is allowed. *out_skipped is what is
 * to be announced; none when there is nothing.
 */
static int coordinating_skip_to(struct replica *r, uint64_t to, struct interval *out_skipped)
{
    struct coordination *own = &r->own;
    uint32_t n = replica_members(r)->count;
    uint64_t limit = coordinating_limit(r);
    if (PLANTED(PLANTED_SKIP_UNRESERVED))
        limit = replica_window_end(r);
    *out_skipped = (struct interval){0};
    to = min_u64(to, limit);
    if (to < own->position)
        return 0;
    struct interval skipped = {.first = own->position, .stride = n};
    skipped.last = skipped.first + (to - skipped.first) / n * n;
    own->position = skipped.last + n;
    TRY(learning_decide_noops(r, skipped));
    r->stats.skipped_total += interval_count(skipped);
    *out_skipped = skipped;
    return 0;
}

/* Wait this long for the word that a skip has arrived. */
static void coordinating_expect_known(struct replica *r, uint32_t index)
{
    struct peer *peer = &r->peers[index];
    if (peer->skips_due_ns != 0 || !peer->connected)
        return;
    peer->skips_wait_ns = 2 * watching_patience(r, index);
    peer->skips_due_ns = r->now_ns + peer->skips_wait_ns;
    peer->skips_expected = r->own.position;
}

static int coordinating_announce(struct replica *r, struct interval skipped)
{
    if (interval_is_none(skipped))
        return 0;
    struct message m = {.kind = MESSAGE_SKIP, .interval = skipped};
    for (uint32_t i = 0; i < replica_members(r)->count; i++) {
        if (i != r->self)
            coordinating_expect_known(r, i);
    }
    return replica_post_all(r, false, &m, 0);
}

/* Announce to one peer all skips from our slot `from` on, as its own log does not have them. */
static int coordinating_announce_again(struct replica *r, uint32_t peer, uint64_t from)
{
    uint32_t n = replica_members(r)->count;
    struct interval run = {0};
    uint64_t first = replica_slot_of(r, r->self, max_u64(from, r->slots.first));
    for (uint64_t s = first; s < r->own.position; s += n) {
        const struct slot *slot = slots_find(&r->slots, s);
        bool is_noop = slot != NULL && slot->chosen != NULL && slot->chosen->kind == VALUE_NOOP;
        if (is_noop)
            TRY(asking_tell_run(r, peer, interval_push(&run, s, n)));
    }
    return asking_tell_run(r, peer, run);
}

/* A peer's own slots, which it will never use. */
int coordinating_on_skip(struct replica *r, uint32_t from, const struct message *m)
{
    if (replica_coordinator(r, m->interval.first) != from)
        return 0;
    watching_on_sign(r, from, false);
    TRY(learning_decide_noops(r, m->interval));
    /* Whoever reports its stream to that node as broken hears of it from us. */
    for (uint32_t i = 0; i < replica_members(r)->count; i++) {
        if (i != r->self && i != from && member_set_has(r->peers[i].progress.broken, from))
            TRY(asking_tell_run(r, i, m->interval));
    }
    watching_advance(r, from);
    watching_on_skip(r, from, m->interval.last);
    hello_on_used(r, from, m->interval.last);
    struct message reply = {.kind = MESSAGE_SKIPPED, .slot = r->watches[from].known};
    return replica_post(r, from, reply, 0);
}

void coordinating_on_skipped(struct replica *r, uint32_t from, uint64_t known)
{
    struct peer *peer = &r->peers[from];
    peer->skips_known = known;
    if (known >= peer->skips_expected)
        peer->skips_due_ns = 0;
}

void coordinating_on_progress(struct replica *r, uint32_t from, const struct progress *p)
{
    struct peer *peer = &r->peers[from];
    coordinating_on_skipped(r, from, p->known);
    /* What it did not know of a heartbeat later never came. */
    if (p->known < peer->position_then && peer->skips_due_ns == 0) {
        peer->skips_due_ns = r->now_ns;
        peer->skips_wait_ns = 2 * watching_patience(r, from);
        peer->skips_expected = peer->position_then;
    }
    peer->position_then = r->own.position;
}

/*
 * How much do you know? Asked with the last slot that was skipped, or taken over and passed: but
 * none that is not reserved, for whoever hears of a skip takes it for proof that this disk was.
 */
static int coordinating_ask_known(struct replica *r, uint32_t to)
{
    uint32_t n = replica_members(r)->count;
    uint64_t next = replica_slot_of(r, r->self, r->own.reserved_to + 1);
    uint64_t last = min_u64(r->own.position, next);
    if (last <= n)
        return 0;
    const struct slot *slot = slots_find(&r->slots, last - n);
    if (slot == NULL || slot->chosen == NULL || slot->chosen->kind != VALUE_NOOP)
        return 0;
    struct message m = {.kind = MESSAGE_SKIP, .interval = interval_one(last - n)};
    return replica_post(r, to, m, 0);
}

static int coordinating_repeat_skips(struct replica *r)
{
    for (uint32_t i = 0; i < replica_members(r)->count; i++) {
        struct peer *peer = &r->peers[i];
        if (i == r->self || !peer->connected || !peer->has_link || peer->skips_due_ns == 0)
            continue;
        if (peer->skips_due_ns <= r->now_ns) {
            peer->skips_wait_ns = min_u64(2 * peer->skips_wait_ns, REPEAT_NS_MAX);
            peer->skips_due_ns = r->now_ns + peer->skips_wait_ns;
            if (peer->skips_wait_ns == REPEAT_NS_MAX) {
                /* It says nothing. Its next heartbeat will tell what it lacks. */
                peer->skips_due_ns = 0;
                continue;
            }
            TRY(coordinating_announce_again(r, i, peer->skips_known));
            TRY(coordinating_ask_known(r, i));
        }
        replica_wake_at(r, peer->skips_due_ns);
    }
    return 0;
}

/* ---- Proposing ----------------------------------------------------------------------------- */

static int coordinating_send(struct replica *r, const struct batch *b, uint32_t to)
{
    TRY(replica_say_coming(r, to, b->slot, b->value));
    struct message m = {
        .kind = MESSAGE_ACCEPT,
        .slot = b->slot,
        .ballot = {.node = r->options.identity.id, .boot = r->options.boot},
        .interval = b->skipped,
        .value = value_ref(b->value),
    };
    return replica_post(r, to, m, 0);
}

static int coordinating_send_all(struct replica *r, const struct batch *b)
{
    for (uint32_t i = 0; i < replica_members(r)->count; i++)
        TRY(coordinating_send(r, b, i));
    return 0;
}

/* Rule C1: at round 0, at once. What was passed over is skipped in the same message. */
static int coordinating_propose(struct replica *r, uint64_t number)
{
    struct coordination *own = &r->own;
    struct interval skipped = {0};
    if (PLANTED(PLANTED_SKIP_COVERS_USED) && own->last_used > r->chosen_to)
        own->position = own->last_used;
    if (number > own->position)
        TRY(coordinating_skip_to(r, number - 1, &skipped));
    struct slot *slot = NULL;
    TRY(slots_get(&r->slots, number, &slot));
    /* What leaves anyway saves a question. */
    list_splice_back(&r->reads, &r->quorum_queue);
    TRY(proposing_gather(r, slot));
    struct batch *b = slot->batch;
    b->slot = number;
    b->skipped = skipped;
    b->wait_ns = max_u64(2 * watching_patience(r, r->self), 2 * heartbeat_round_trip(r));
    b->wait_ns = max_u64(b->wait_ns, replica_travel_ns(r, b->value));
    b->due_ns = r->now_ns + b->wait_ns;
    list_push_back(&own->inflight, &b->link);
    own->position = number + replica_members(r)->count;
    own->last_used = number;
    own->proposed_ns = r->now_ns;
    own->ahead = 0;
    replica_raise_frontier(r, number);
    r->stats.propose_total++;
    if (PLANTED(PLANTED_ACCEPT_IS_VOTE))
        (void)learner_on_accepted(&slot->learner, replica_members(r), r->self,
                                  (struct ballot){0, r->options.identity.id, r->options.boot});
    return coordinating_send_all(r, b);
}

/*
 * Is it better to wait for more? A slot costs each node the same, whatever it holds. While some are
 * on their way, so that nobody's disk or link has nothing to do, the next one takes all that comes
 * meanwhile; where that takes long (a far peer, a slow disk), it does not wait for them to be done.
 */
static bool coordinating_gathers(struct replica *r)
{
    const struct replica_tuning *t = &r->options.tuning;
    uint64_t due_ns = r->own.proposed_ns + t->gather_ns;
    if (r->batches < t->pipeline_eager || r->queue_bytes >= t->batch_bytes_max ||
        r->now_ns >= due_ns)
        return false;
    replica_wake_at(r, due_ns);
    return true;
}

static int coordinating_propose_all(struct replica *r)
{
    const struct replica_tuning *t = &r->options.tuning;
    r->own.gathers = false;
    while (proposing_has_work(r)) {
        r->own.busy_ns = r->now_ns;
        if (r->batches >= t->pipeline_max || r->batches_bytes >= t->pipeline_bytes_max ||
            proposing_is_paced(r))
            return 0;
        r->own.gathers = coordinating_gathers(r);
        if (r->own.gathers)
            return 0;
        coordinating_pass_decided(r);
        uint64_t number = coordinating_next_slot(r);
        if (number > coordinating_limit(r)) {
            /*
             * Beyond the window (this node has been restarted again and again while nobody wrote):
             * it moves once all in it is decided, and for that somebody must want it to be. A
             * whole window at a time: it moves with each slot applied, and so would what is wanted.
             */
            if (number > replica_window_end(r) && machine_applied(r->machine) >= r->frontier)
                replica_raise_frontier(r, replica_window_end(r));
            return 0;
        }
        TRY(coordinating_propose(r, number));
    }
    return 0;
}

/* An Accept is repeated to whoever has not voted, until the slot is resolved. */
static int coordinating_repeat(struct replica *r)
{
    for (struct list *l = r->own.inflight.next; l != &r->own.inflight; l = l->next) {
        struct batch *b = LIST_ENTRY(l, struct batch, link);
        const struct slot *slot = slots_find(&r->slots, b->slot);
        assert(slot != NULL && slot->batch == b);
        if (b->due_ns <= r->now_ns) {
            for (uint32_t i = 0; i < replica_members(r)->count; i++) {
                bool is_missing =
                    !member_set_has(slot->learner.voters, i) || slot->learner.ballot.round != 0;
                if (is_missing && replica_may_repeat(r, i, b->value))
                    TRY(coordinating_send(r, b, i));
            }
            b->wait_ns = min_u64(2 * b->wait_ns, REPEAT_NS_MAX);
            b->due_ns = r->now_ns + b->wait_ns;
        }
        replica_wake_at(r, b->due_ns);
    }
    return 0;
}

/* ---- Others ask for our slots -------------------------------------------------------------- */

/* Rule C8: what is unused of it is skipped, and use goes on behind it. */
int coordinating_on_revoked(struct replica *r, struct interval interval)
{
    if (replica_coordinator(r, interval.first) != r->self || interval.last < r->own.position)
        return 0;
    if (!hello_is_known(r)) {
        r->own.revoked_to = max_u64(r->own.revoked_to, interval.last);
        return 0;
    }
    struct interval skipped = {0};
    TRY(coordinating_skip_to(r, interval.last, &skipped));
    return coordinating_announce(r, skipped);
}

/* A higher ballot stands in the way of an own attempt, or of an own Accept. */
int coordinating_on_refused(struct replica *r, const struct message *m)
{
    if (m->ballot.round > 0) {
        revoking_on_refused(r, m);
        return 0;
    }
    /* What is said again is refused again. */
    uint32_t index = replica_coordinator(r, m->interval.first);
    revoking_on_rival(r, index, m->other, m->other.round > r->watches[index].heard_round);
    TRY(coordinating_on_revoked(r, m->interval));
#ifdef DKV_PLANTED
    struct slot *slot = slots_find(&r->slots, m->interval.first);
    if ((PLANTED(PLANTED_REQUEUE_EARLY) || PLANTED(PLANTED_REQUEUE_REFUSED)) && slot != NULL &&
        slot->chosen == NULL && slot->batch != NULL)
        proposing_requeue(r, slot);
#endif
    return 0;
}

int coordinating_on_peer_up(struct replica *r, uint32_t peer)
{
    /* It may have restarted, and has forgotten what it had heard of skips. */
    r->peers[peer].skips_known = 0;
    TRY(coordinating_announce_again(r, peer, r->peers[peer].progress.applied + 1));
    for (struct list *l = r->own.inflight.next; l != &r->own.inflight; l = l->next)
        TRY(coordinating_send(r, LIST_ENTRY(l, struct batch, link), peer));
    return 0;
}

/* ---- The tick ------------------------------------------------------------------------------ */

/*
 * Rule C5. How far ahead: little at first, more each time, for whoever has skipped ahead must use
 * slots behind that when it has something to propose again, and everybody must pass what lies
 * between. Nothing, while nobody but this node moves the frontier.
 */
static int coordinating_skip_ahead(struct replica *r)
{
    struct coordination *own = &r->own;
    if (r->frontier <= own->last_used || r->frontier == 0)
        return 0;
    /* Whose clients wait for answers will soon have something to propose again. */
    if (!list_is_empty(&own->inflight))
        own->busy_ns = r->now_ns;
    if (r->now_ns < own->busy_ns + IDLE_NS) {
        replica_wake_at(r, own->busy_ns + IDLE_NS);
        return 0;
    }
    if (own->ahead != 0 && own->position > r->frontier + own->ahead / 2)
        return 0;
    const struct replica_tuning *t = &r->options.tuning;
    uint64_t ahead = min_u64(max_u64(4 * own->ahead, t->ahead_slots_min), t->ahead_slots_max);
    struct interval skipped = {0};
    TRY(coordinating_skip_to(r, r->frontier + ahead, &skipped));
    /* Cut short by what is reserved, it goes on as far as it set out to, and no further. */
    if (own->position > r->frontier + ahead)
        own->ahead = ahead;
    if (PLANTED(PLANTED_IDLE_MOVES))
        replica_raise_frontier(r, skipped.last);
    return coordinating_announce(r, skipped);
}

int coordinating_tick(struct replica *r)
{
    TRY(coordinating_reserve(r));
    /* Rule C9: whether this disk has gone back in time shows before a slot is used twice. */
    if (!hello_is_known(r))
        return 0;
    if (r->own.revoked_to >= r->own.position) {
        struct interval skipped = {0};
        TRY(coordinating_skip_to(r, r->own.revoked_to, &skipped));
        TRY(coordinating_announce(r, skipped));
    }
    TRY(coordinating_propose_all(r));
    coordinating_pass_decided(r);
    if (r->own.position <= r->frontier) {
        /* Rule C4: nobody is to wait for a slot that this node did not use. */
        struct interval skipped = {0};
        TRY(coordinating_skip_to(r, r->frontier, &skipped));
        TRY(coordinating_announce(r, skipped));
    }
    if (!proposing_has_work(r))
        TRY(coordinating_skip_ahead(r));
    TRY(coordinating_repeat(r));
    return coordinating_repeat_skips(r);
}
