/*
 * learning.c -- what is chosen; holes, and catching up.
 *
 * docs/protocol.md, section 2, rules 4, 6 and 7. A hole is a slot at or below the frontier that is
 * not resolved. A timer looks after the first ones, also when no client is active and also at the
 * very tail: what a peer is known to have is fetched; for the rest this node asks the acceptors
 * itself, adopts what it must, and else proposes NOOP.
 */
#include <assert.h>

#include "base/planted.h"
#include "replica/internal.h"

/* Behind a peer by more than this, do not wait for the hedge. */
#define FAR_BEHIND 256
/* At most so many slots in one request; the answer is bounded in bytes as well. */
#define FETCH_SLOTS_MAX 4096
#define FETCH_TIMEOUT_NS (500 * NS_PER_MS)
/* With more writes than this on their way to the disk, nothing is fetched. */
#define FETCH_WRITES_MAX 16384

int learning_tell(struct replica *r, uint32_t to, uint64_t number, struct ballot b, struct value *v,
                  bool with_value)
{
    if (to == r->self)
        return 0;
    struct message m = {
        .kind = MESSAGE_LEARN,
        .slot = number,
        .ballot = b,
        .tag = v->tag,
        .value = with_value && replica_may_repeat(r, to, v) ? value_ref(v) : NULL,
    };
    return replica_post(r, to, m, 0);
}

/* The batch that was proposed in a slot meets what was chosen there. */
static int learning_settle(struct replica *r, uint64_t number, struct slot *slot)
{
    struct batch *b = slot->batch;
    if (b == NULL)
        return 0;
    list_remove(&b->link);
    bool is_mine = value_equal(slot->chosen, b->value);
    if (PLANTED(PLANTED_BARRIER_IS_NOOP) && b->value->kind == VALUE_BARRIER &&
        slot->chosen->kind == VALUE_NOOP)
        is_mine = true;
    if (PLANTED(PLANTED_SUCCESS_ANY_VALUE))
        is_mine = true;
    if (!is_mine) {
        proposing_requeue(r, slot);
        return 0;
    }
    delays_add(&r->resolve_delays, r->now_ns - b->proposed_ns);
    if (b->value->kind == VALUE_BARRIER)
        r->stats.barriers_total++;
    else
        r->stats.batches_total++;
    r->stats.batch_ops_total += b->writes_count;
#ifdef DKV_PLANTED
    if (PLANTED(PLANTED_ANSWER_AT_CHOSEN))
        return applying_answer_early(r, b, number);
#else
    (void)number;
#endif
    return 0;
}

void learning_advance(struct replica *r)
{
    for (;;) {
        const struct slot *next = slots_find(&r->slots, r->chosen_to + 1);
        if (next == NULL || next->chosen == NULL)
            return;
        r->chosen_to++;
    }
}

int learning_decide(struct replica *r, uint64_t number, struct value *v)
{
    assert(v != NULL);
    if (number < r->slots.first)
        return 0;
    struct slot *slot = NULL;
    TRY(slots_get(&r->slots, number, &slot));
    if (slot->chosen != NULL)
        return value_equal(slot->chosen, v) ? 0 : ERR_CORRUPT;
    /* One copy in memory is enough. */
    struct value *vote = slot->acceptor.value;
    bool is_voted = vote != NULL && value_equal(vote, v);
    slot->chosen = value_ref(is_voted ? vote : v);
    if (!is_voted)
        r->stats.log_bytes += v->size;
    slot->hole_due_ns = 0;
    if (v->kind != VALUE_NOOP || !replica_is_coordinated(r))
        replica_raise_frontier(r, number);
    replica_note_slot(r, number);
#ifdef DKV_PLANTED
    if (PLANTED(PLANTED_BARRIER_IS_NOOP) && v->kind == VALUE_NOOP)
        TRY(proposing_take_noop_planted(r, slot));
#endif
    proposing_drop(r, slot);
    TRY(learning_settle(r, number, slot));
    learning_advance(r);
    return applying_run(r);
}

static int learning_decide_noop(struct replica *r, uint64_t number)
{
    struct slot *slot = NULL;
    TRY(slots_get(&r->slots, number, &slot));
    struct value *noop = value_noop();
    if (slot->chosen != NULL)
        return slot->chosen == noop ? 0 : ERR_CORRUPT;
    slot->chosen = noop;
    return learning_settle(r, number, slot);
}

int learning_decide_noops(struct replica *r, struct interval interval)
{
    struct interval i = interval_clip(interval, r->slots.first, replica_window_end(r));
    if (interval_is_none(i))
        return 0;
    for (uint64_t s = i.first; s <= i.last; s += i.stride)
        TRY(learning_decide_noop(r, s));
    learning_advance(r);
    return applying_run(r);
}

int learning_catch_up(struct replica *r, uint64_t number, struct value *v)
{
    const struct slot *slot = slots_find(&r->slots, number);
    bool is_voted =
        slot != NULL && slot->acceptor.value != NULL && value_equal(slot->acceptor.value, v);
    bool is_chosen = number < r->slots.first || (slot != NULL && slot->chosen != NULL);
    r->stats.catchup_total += !is_voted && !is_chosen;
    return learning_decide(r, number, v);
}

/* The value that a LEARN means, if it is at hand and there is room for it; else NULL. */
static struct value *learning_find_value(const struct replica *r, const struct slot *slot,
                                         const struct message *m)
{
    struct value *vote = slot->acceptor.value;
    if (m->value != NULL) {
        bool is_held = vote != NULL && value_equal(vote, m->value);
        /* A log that the checkpoints cannot keep up with must not fill the memory. */
        bool waits = replica_log_waits_above(r, 2 * r->options.tuning.log_bytes_max);
        return is_held || !waits ? m->value : NULL;
    }
    if (tag_is_none(m->tag))
        return value_noop();
    /* The value at hand may be another ballot's: the tag tells. */
    bool is_it = vote != NULL && tag_equal(vote->tag, m->tag);
    return is_it || PLANTED(PLANTED_ANY_VALUE_IS_CHOSEN) ? vote : NULL;
}

int learning_on_learn(struct replica *r, const struct message *m)
{
    replica_note_slot(r, m->slot);
    if (m->slot < r->slots.first || m->slot > replica_window_end(r))
        return 0;
    struct slot *slot = NULL;
    TRY(slots_get(&r->slots, m->slot, &slot));
    if (!tag_is_none(m->tag) || !replica_is_coordinated(r))
        replica_raise_frontier(r, m->slot);
    if (slot->chosen != NULL)
        return tag_equal(slot->chosen->tag, m->tag) ? 0 : ERR_CORRUPT;
    struct value *v = learning_find_value(r, slot, m);
    if (v != NULL)
        return v == m->value ? learning_catch_up(r, m->slot, v) : learning_decide(r, m->slot, v);
    if (slot->hole_due_ns == 0 || slot->hole_due_ns > r->now_ns)
        slot->hole_due_ns =
            r->now_ns; /* Decided, and we lack the value: ask at once (classic mode). */
    return 0;
}

/* ---- Catching up --------------------------------------------------------------------------- */

int learning_on_progress(struct replica *r, uint32_t from, const struct progress *p)
{
    struct progress *known = &r->peers[from].progress;
    if (p->boot < known->boot)
        return 0; /* From before its last start. */
    *known = *p;
    heartbeat_on_message(r, from, p);
    replica_note_slot(r, p->frontier);
    if (replica_is_coordinated(r)) {
        replica_raise_frontier(r, p->frontier);
        coordinating_on_progress(r, from, p);
    } else {
        replica_raise_frontier(r, p->chosen_to);
    }
    return 0;
}

int learning_on_chosen(struct replica *r, uint32_t from, const struct message *m)
{
    struct fetch *f = &r->fetch;
    if (!interval_is_none(m->interval))
        return replica_is_coordinated(r) ? learning_decide_noops(r, m->interval) : 0;
    if (m->value != NULL) {
        if (m->slot < r->slots.first || m->slot > replica_window_end(r))
            return 0;
        return learning_catch_up(r, m->slot, m->value);
    }
    if (f->active && f->peer == from) {
        f->active = false;
        f->useless = m->slot <= f->first;
        f->eager = !f->useless;
    }
    return 0;
}

/* A connected peer that has slot `number` for sure: any of them, by chance; or MEMBER_NONE. */
static uint32_t learning_find_source(struct replica *r, uint64_t number)
{
    if (PLANTED(PLANTED_LINK_STARVES) && replica_is_coordinated(r))
        return MEMBER_NONE;
    uint32_t count = replica_members(r)->count;
    uint32_t start = (uint32_t)prng_below(&r->prng, count);
    uint32_t again = MEMBER_NONE; /* The one that the last request went to: only if need be. */
    for (uint32_t i = 0; i < count; i++) {
        uint32_t peer = (start + i) % count;
        const struct peer *p = &r->peers[peer];
        /* Of what was chosen by skips alone, nobody needs to fetch anything. */
        uint64_t has = p->progress.chosen_to;
        if (replica_is_coordinated(r))
            has = min_u64(has, p->progress.applied);
        if (peer == r->self || !p->connected || has < number)
            continue;
        if (peer != r->fetch.peer)
            return peer;
        again = peer;
    }
    return again;
}

/* Catching up waits for the disk: it could bring more than the memory holds. */
static bool learning_has_room(const struct replica *r)
{
    return !replica_log_waits_above(r, r->options.tuning.log_bytes_max) &&
           replica_writes_waiting(r) < FETCH_WRITES_MAX;
}

static int learning_fetch(struct replica *r, uint32_t peer)
{
    struct fetch *f = &r->fetch;
    uint64_t first = r->chosen_to + 1;
    uint64_t last = min_u64(r->peers[peer].progress.chosen_to, first + FETCH_SLOTS_MAX - 1);
    last = min_u64(last, replica_window_end(r));
    assert(last >= first);
    *f = (struct fetch){
        .active = true,
        .peer = peer,
        .first = first,
        .deadline_ns = r->now_ns + FETCH_TIMEOUT_NS,
    };
    struct message m = {.kind = MESSAGE_FETCH, .slot = first, .to = last};
    return replica_post(r, peer, m, 0);
}

/*
 * How long a hole is left to whoever is at work there. A node that proposes nothing itself does not
 * know how long slots take, but no less than a commit: or with slow disks idle nodes would get in
 * the way of all that others do.
 */
static uint64_t learning_hedge(struct replica *r, const struct slot *slot)
{
    const struct replica_tuning *t = &r->options.tuning;
    uint64_t delay = 4 * max_u64(delays_p99(&r->resolve_delays), delays_p99(&r->commit_delays));
    delay = min_u64(max_u64(delay, t->hedge_min_ns), t->hedge_max_ns);
    delay = max_u64(delay, 4 * heartbeat_round_trip(r));
    delay = max_u64(delay, replica_travel_ns(r, slot->acceptor.value));
    return delay + prng_below(&r->prng, delay);
}

int learning_on_coming(struct replica *r, const struct message *m)
{
    replica_note_slot(r, m->slot);
    if (m->slot < r->slots.first || m->slot > replica_window_end(r))
        return 0;
    struct slot *slot = NULL;
    TRY(slots_get(&r->slots, m->slot, &slot));
    uint64_t due_ns =
        r->now_ns + m->to * r->options.tuning.travel_ns_per_byte + learning_hedge(r, slot);
    if (slot->chosen == NULL)
        slot->hole_due_ns = max_u64(slot->hole_due_ns, due_ns);
    return 0;
}

/* The hole has been one for too long. */
static int learning_fill(struct replica *r, uint64_t number, struct slot *slot)
{
    slot->hole_due_ns = r->now_ns + learning_hedge(r, slot);
    uint32_t source = learning_find_source(r, number);
    if (r->fetch.active || !learning_has_room(r))
        return 0;
    if (source == MEMBER_NONE || r->fetch.useless || PLANTED(PLANTED_LINK_STARVES)) {
        r->fetch.useless = false;
        return slot->proposal != NULL ? 0 : proposing_recover(r, number);
    }
    return learning_fetch(r, source);
}

int learning_fetch_from(struct replica *r, uint64_t number, bool *out_asked)
{
    uint32_t source = learning_find_source(r, number);
    *out_asked = r->fetch.active || !learning_has_room(r);
    if (*out_asked || source == MEMBER_NONE || number > replica_window_end(r))
        return 0;
    if (r->fetch.useless) {
        r->fetch.useless = false;
        return 0;
    }
    *out_asked = true;
    return learning_fetch(r, source);
}

static bool learning_is_idle(const struct replica *r)
{
    return list_is_empty(&r->queue) && list_is_empty(&r->reads) && r->batches == 0;
}

/* Far behind, or in the middle of catching up: fetch, without waiting for any hedge. */
int learning_tick_fetch(struct replica *r)
{
    struct fetch *f = &r->fetch;
    if (f->active && r->now_ns >= f->deadline_ns)
        *f = (struct fetch){.useless = true, .peer = f->peer};
    if (f->active)
        replica_wake_at(r, f->deadline_ns);
    if (!f->active && !f->useless && learning_has_room(r)) {
        uint32_t source = learning_find_source(r, r->chosen_to + (f->eager ? 1 : FAR_BEHIND));
        bool goes_on = f->eager;
        f->eager = false;
        if (source != MEMBER_NONE)
            TRY(learning_fetch(r, source));
        else if (goes_on && replica_is_coordinated(r))
            TRY(watching_ask_rest(r));
    }
    return 0;
}

int learning_tick(struct replica *r)
{
    if (PLANTED(PLANTED_TAIL_HOLE) && learning_is_idle(r))
        return 0;
    TRY(learning_tick_fetch(r));

    uint64_t last = min_u64(r->frontier, replica_window_end(r));
    if (PLANTED(PLANTED_IDLE_MOVES))
        last++;
    last = min_u64(last, r->chosen_to + HOLES_SPAN);
    uint32_t holes = 0;
    for (uint64_t n = r->chosen_to + 1; n <= last && holes < HOLES_AT_ONCE; n++) {
        struct slot *slot = NULL;
        TRY(slots_get(&r->slots, n, &slot));
        if (slot->chosen != NULL)
            continue;
        holes++;
        /* Also where a proposal of ours is under way: who has forgotten the slot, because its state
           covers it, does not vote there any more, and all that can be done is to fetch it. */
        if (slot->hole_due_ns == 0)
            slot->hole_due_ns = r->now_ns + learning_hedge(r, slot);
        if (slot->hole_due_ns <= r->now_ns)
            TRY(learning_fill(r, n, slot));
        replica_wake_at(r, slot->hole_due_ns);
    }
    return 0;
}
