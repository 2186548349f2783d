/*
 * revoking.c -- another node's slots are taken over, a whole run at once.
 *
 * docs/protocol.md, section 7, rules C2 and C7, "Taking over"; Mencius (OSDI'08), "revocation".
 * Phase 1 at a fresh round above 0 for all slots of the run; then what must be adopted is proposed
 * slot by slot, and NOOP in all others. Nothing else enters at these rounds, this node's own
 * operations neither: a slot that its coordinator skipped holds NOOP for whoever has heard of the
 * skip, and must for everybody else.
 *
 * A refused attempt is dropped. If the slots are still a hole when a rival has had its time, they
 * are tried again, at a higher round.
 */
#include <assert.h>

#include "base/planted.h"
#include "base/pool.h"
#include "replica/internal.h"

#define WAIT_NS_MAX (40 * NS_PER_MS)
/* Who has lost so often meets somebody whose disk is much slower than its own. */
#define FAILURES_MANY 8
#define LUCK_ALL 1024

void revoking_drop(struct replica *r, uint32_t index)
{
    struct revocation *v = r->watches[index].revocation;
    if (v == NULL)
        return;
    revoker_fini(&v->revoker);
    pool_free(v, sizeof(*v));
    r->watches[index].revocation = NULL;
}

/* ---- Phase 1 ------------------------------------------------------------------------------- */

static int revoking_prepare(struct replica *r, const struct revocation *v, bool all)
{
    struct message m = {
        .kind = MESSAGE_PREPARE_RANGE,
        .interval = v->revoker.interval,
        .ballot = v->revoker.ballot,
    };
    for (uint32_t i = 0; i < replica_members(r)->count; i++) {
        if (all || !member_set_has(v->revoker.promised, i))
            TRY(replica_post(r, i, m, 0));
    }
    return 0;
}

/* Above all that was heard of in these slots, and never used by this node. */
static struct ballot revoking_ballot(struct replica *r, uint32_t index, struct interval i)
{
    uint64_t round = max_u64(r->round_used, r->watches[index].heard_round);
    for (uint64_t s = i.first; s <= i.last; s += i.stride) {
        const struct slot *slot = slots_find(&r->slots, s);
        if (slot != NULL)
            round = max_u64(round, slot->acceptor.promised.round);
    }
    bool reuses = r->round_used > 0 && r->round_used >= r->watches[index].heard_round;
    if (!PLANTED(PLANTED_BALLOT_OVERLAPS) || !reuses)
        r->round_used = round + 1;
    return (struct ballot){
        .round = r->round_used,
        .node = r->options.identity.id,
        .boot = r->options.boot,
    };
}

/* Until what was said is said again: a commit there, one here, and the way. */
static uint64_t revoking_first_wait(const struct replica *r)
{
    return max_u64(2 * watching_commit(r) + heartbeat_round_trip(r), 5 * NS_PER_MS);
}

int revoking_begin(struct replica *r, uint32_t index, uint64_t first, uint64_t last)
{
    struct watch *w = &r->watches[index];
    assert(w->revocation == NULL);
    struct interval i = {.first = first, .stride = replica_members(r)->count};
    i.last = first + (last - first) / i.stride * i.stride;
    assert(replica_coordinator(r, first) == index);
    struct revocation *v = pool_alloc_zero(sizeof(*v));
    if (v == NULL)
        return ERR_NO_MEMORY;
    int err = revoker_begin(&v->revoker, i, revoking_ballot(r, index, i));
    if (err != 0) {
        pool_free(v, sizeof(*v));
        return err;
    }
    w->revocation = v;
    v->wait_ns = revoking_first_wait(r);
    v->due_ns = r->now_ns + v->wait_ns;
    replica_wake_at(r, v->due_ns);
    r->stats.recovered_total++;
    r->stats.propose_total++;
    return revoking_prepare(r, v, true);
}

/* ---- Phase 2 ------------------------------------------------------------------------------- */

static int revoking_accept_run(struct replica *r, const struct revocation *v, struct interval run)
{
    if (interval_is_none(run))
        return 0;
    struct message m = {
        .kind = MESSAGE_ACCEPT_NOOP,
        .interval = run,
        .ballot = v->revoker.ballot,
    };
    return replica_post_all(r, true, &m, 0);
}

static int revoking_accept_value(struct replica *r, const struct revocation *v, uint64_t number,
                                 struct value *value, bool again)
{
    for (uint32_t i = 0; i < replica_members(r)->count; i++) {
        if (again && !replica_may_repeat(r, i, value))
            continue;
        struct message m = {
            .kind = MESSAGE_ACCEPT,
            .slot = number,
            .ballot = v->revoker.ballot,
            .value = value_ref(value),
        };
        TRY(replica_post(r, i, m, 0));
    }
    return 0;
}

/* Rule C2: what must be adopted, else NOOP. */
static int revoking_accept(struct replica *r, struct revocation *v, bool again)
{
    struct interval i = v->revoker.interval;
    struct interval run = {0};
    for (uint64_t s = i.first; s <= i.last; s += i.stride) {
        struct slot *slot = slots_find(&r->slots, s);
        /* Decided, or forgotten since: then it was decided, and may hold a value. */
        if (s < r->slots.first || (slot != NULL && slot->chosen != NULL))
            continue;
        struct value *value = revoker_value(&v->revoker, s);
#ifdef DKV_PLANTED
        if (PLANTED(PLANTED_CLIENT_VALUE_LATE) && value->kind == VALUE_NOOP && slot != NULL &&
            slot->batch == NULL && proposing_has_work(r)) {
            TRY(proposing_gather(r, slot));
            value = slot->batch->value;
        }
#endif
        if (value->kind == VALUE_NOOP || PLANTED(PLANTED_NOOP_COVERS_ADOPTED))
            TRY(revoking_accept_run(r, v, interval_push(&run, s, i.stride)));
        if (value->kind != VALUE_NOOP)
            TRY(revoking_accept_value(r, v, s, value, again));
    }
    return revoking_accept_run(r, v, run);
}

/* Slots that the promise shows to be decided are. */
static int revoking_learn(struct replica *r, const struct vote_reports *reports)
{
    for (uint32_t i = 0; reports != NULL && i < reports->count; i++) {
        const struct vote_report *report = &reports->items[i];
        if (!ballot_is_none(report->ballot)) {
            if (report->value->kind != VALUE_NOOP &&
                report->interval.first <= replica_window_end(r))
                replica_raise_frontier(r, report->interval.first);
            continue;
        }
        if (report->value->kind == VALUE_NOOP)
            TRY(learning_decide_noops(r, report->interval));
        else if (report->interval.first <= replica_window_end(r))
            TRY(learning_catch_up(r, report->interval.first, report->value));
    }
    return 0;
}

int revoking_on_promise(struct replica *r, uint32_t from, const struct message *m)
{
    uint32_t index = replica_coordinator(r, m->interval.first);
    struct revocation *v = r->watches[index].revocation;
    TRY(revoking_learn(r, m->reports));
    if (v == NULL || !revoker_on_promise(&v->revoker, replica_members(r), from, m->ballot,
                                         m->interval, m->reports))
        return 0;
    v->wait_ns = revoking_first_wait(r);
    v->due_ns = r->now_ns + v->wait_ns;
    return revoking_accept(r, v, false);
}

/* ---- Rivals -------------------------------------------------------------------------------- */

static void revoking_wait(struct replica *r, uint32_t index)
{
    r->watches[index].rival_ns = r->now_ns;
    r->watches[index].rival_luck = (uint32_t)prng_below(&r->prng, LUCK_ALL);
}

/*
 * A rival gets the time that it needs: two commits and more, as long as they take now. Each attempt
 * that is lost doubles it, up to a few commits or some tens of ms: in bad times many are
 * lost, and the cluster is to go on soon when they are over. So it is worked out anew each time.
 * Some chance is in it however long it is, or all would set out at once again.
 */
uint64_t revoking_retry(const struct replica *r, uint32_t index)
{
    const struct watch *w = &r->watches[index];
    if (w->rival_ns == 0)
        return 0;
    uint64_t commit_ns = max_u64(watching_commit(r), NS_PER_MS) + heartbeat_round_trip(r);
    uint64_t most_ns = max_u64(WAIT_NS_MAX, 4 * commit_ns);
    if (w->failures >= FAILURES_MANY)
        most_ns *= 4;
    uint64_t wait_ns = min_u64(2 * commit_ns << w->failures, most_ns);
    return w->rival_ns + wait_ns + wait_ns / LUCK_ALL * w->rival_luck;
}

void revoking_on_rival(struct replica *r, uint32_t index, struct ballot b, bool progresses)
{
    struct watch *w = &r->watches[index];
    w->heard_round = max_u64(w->heard_round, b.round);
    if (progresses && b.node != r->options.identity.id)
        revoking_wait(r, index);
}

void revoking_on_refused(struct replica *r, const struct message *m)
{
    uint32_t index = replica_coordinator(r, m->interval.first);
    struct watch *w = &r->watches[index];
    w->heard_round = max_u64(w->heard_round, m->other.round);
    if (w->revocation == NULL || ballot_cmp(w->revocation->revoker.ballot, m->ballot) != 0)
        return;
    r->stats.refused_total++;
    if (w->failures < 10)
        w->failures++;
    revoking_drop(r, index);
    revoking_wait(r, index);
}

/* ---- The tick ------------------------------------------------------------------------------ */

static bool revoking_is_decided(const struct replica *r, uint64_t number)
{
    const struct slot *slot = slots_find(&r->slots, number);
    return number < r->slots.first || (slot != NULL && slot->chosen != NULL);
}

/* Twice as long, but no longer than a few commits, or the cluster goes on late after bad times. */
static uint64_t revoking_next_wait(const struct replica *r, uint64_t wait_ns)
{
    uint64_t most_ns = max_u64(4 * (watching_commit(r) + heartbeat_round_trip(r)), 100 * NS_PER_MS);
    return min_u64(2 * wait_ns, min_u64(most_ns, 1000 * NS_PER_MS));
}

static bool revoking_is_done(const struct replica *r, const struct revoker *v)
{
    for (uint64_t s = v->interval.first; s <= v->interval.last; s += v->interval.stride) {
        if (!revoking_is_decided(r, s))
            return false;
    }
    return true;
}

#ifdef DKV_PLANTED
/* Phase 1 once more, where phase 2 is to be said again. */
static int revoking_renew_planted(struct replica *r, uint32_t index)
{
    struct interval i = r->watches[index].revocation->revoker.interval;
    revoking_drop(r, index);
    return revoking_begin(r, index, i.first, i.last);
}
#endif

int revoking_tick(struct replica *r, uint32_t index)
{
    struct revocation *v = r->watches[index].revocation;
    if (v == NULL)
        return 0;
    if (revoking_is_done(r, &v->revoker)) {
        revoking_drop(r, index);
        r->watches[index].failures = 0;
        r->watches[index].rival_ns = 0;
        return 0;
    }
    bool begins_below = revoking_is_decided(r, v->revoker.interval.first);
    if (v->due_ns <= r->now_ns && !v->revoker.prepared && begins_below) {
        /* Others may have forgotten its first slots, and cannot promise them any more. */
        revoking_drop(r, index);
        return 0;
    }
    if (v->due_ns <= r->now_ns) {
        v->wait_ns = revoking_next_wait(r, v->wait_ns);
        v->due_ns = r->now_ns + v->wait_ns;
#ifdef DKV_PLANTED
        if (PLANTED(PLANTED_BALLOT_OVERLAPS) && v->revoker.prepared)
            return revoking_renew_planted(r, index);
#endif
        TRY(v->revoker.prepared ? revoking_accept(r, v, true) : revoking_prepare(r, v, false));
    }
    replica_wake_at(r, v->due_ns);
    return 0;
}
