/*
 * accepting.c -- this node as an acceptor in coordinated mode: Accept at round 0, and requests over
 * whole intervals of slots.
 *
 * docs/protocol.md, sections 1 and 7. In memory each slot has its own acceptor, also the slots of
 * an interval: a promise over a range is a promise of each of its slots, touched before or not. On
 * disk it is one record. What a slot is decided with is told instead of voting there again.
 *
 * Votes are told to everybody (rule C6), those of one turn together, behind their commit.
 */
#include <assert.h>

#include "base/planted.h"
#include "replica/internal.h"

/* In an answer to a range request at most so many slots are told one by one. */
#define TOLD_MAX 64

/* ---- Votes are told ------------------------------------------------------------------------ */

static int accepting_tell_votes(struct replica *r, struct interval voted, struct ballot b)
{
    if (interval_is_none(voted))
        return 0;
    struct message m = {.kind = MESSAGE_VOTED, .interval = voted, .ballot = b};
    return replica_post_all(r, true, &m, voting_reply_waits_for(r));
}

int accepting_flush(struct replica *r)
{
    for (uint32_t i = 0; i < replica_members(r)->count; i++) {
        struct vote_run run = r->votes[i];
        r->votes[i] = (struct vote_run){0};
        TRY(accepting_tell_votes(r, run.interval, run.ballot));
    }
    return 0;
}

/* To all, at the end of the turn, together with its neighbours. */
static int accepting_note_vote(struct replica *r, uint64_t number, struct ballot b)
{
    struct vote_run *run = &r->votes[replica_coordinator(r, number)];
    if (ballot_cmp(run->ballot, b) != 0) {
        TRY(accepting_tell_votes(r, run->interval, run->ballot));
        *run = (struct vote_run){.ballot = b};
    }
    uint32_t n = replica_members(r)->count;
    return accepting_tell_votes(r, interval_push(&run->interval, number, n), b);
}

/* Only to who asked again: it has missed what was told to all. */
static int accepting_repeat_vote(struct replica *r, uint32_t to, struct interval interval,
                                 struct ballot b, bool is_noop)
{
    struct message m = {
        .kind = MESSAGE_VOTED,
        .interval = interval,
        .ballot = b,
        .value = is_noop ? value_noop() : NULL,
    };
    return replica_post(r, to, m, voting_reply_waits_for(r));
}

static int accepting_refuse(struct replica *r, uint32_t to, struct interval interval,
                            struct ballot asked, struct ballot promised)
{
    struct message m = {
        .kind = MESSAGE_REFUSED_RANGE,
        .interval = interval,
        .ballot = asked,
        .other = promised,
    };
    return replica_post(r, to, m, voting_reply_waits_for(r));
}

/* ---- Accept -------------------------------------------------------------------------------- */

/* A round-0 ballot is its coordinator's alone; who sends it on does not matter. */
static bool accepting_is_foreign(const struct replica *r, const struct message *m)
{
    uint32_t coordinator = replica_members(r)->ids[replica_coordinator(r, m->slot)];
    return m->ballot.round == 0 && m->ballot.node != coordinator;
}

static int accepting_skips(struct replica *r, const struct message *m)
{
#ifdef DKV_PLANTED
    if (PLANTED(PLANTED_SKIP_WATERMARK) && m->ballot.round == 0) {
        uint32_t n = replica_members(r)->count;
        uint64_t first = replica_slot_of(r, replica_coordinator(r, m->slot), r->slots.first);
        for (uint64_t s = first; s < m->slot; s += n) {
            struct slot *slot = slots_find(&r->slots, s);
            if (slot == NULL || slot->acceptor.value == NULL)
                TRY(learning_decide_noops(r, interval_one(s)));
        }
    }
#endif
    return interval_is_none(m->interval) ? 0 : learning_decide_noops(r, m->interval);
}

/* Whoever reports its stream to the coordinator as broken gets its Accept from us, at once. */
static int accepting_pass_on(struct replica *r, const struct message *m)
{
    uint32_t coordinator = replica_coordinator(r, m->slot);
    for (uint32_t i = 0; i < replica_members(r)->count; i++) {
        if (i == r->self || i == coordinator ||
            !member_set_has(r->peers[i].progress.broken, coordinator))
            continue;
        struct message copy = *m;
        value_ref(copy.value);
        TRY(replica_post(r, i, copy, 0));
    }
    return 0;
}

/* The slot's majority may have been heard of before the value was. */
static int accepting_check_chosen(struct replica *r, const struct message *m)
{
    const struct slot *slot = slots_find(&r->slots, m->slot);
    if (slot == NULL || slot->chosen != NULL || ballot_cmp(slot->learner.ballot, m->ballot) != 0 ||
        !members_is_majority(replica_members(r), slot->learner.voters))
        return 0;
    return learning_decide(r, m->slot, m->value);
}

/* How far from this slot on its coordinator's slots have been promised to somebody else. */
static struct interval accepting_taken_over(const struct replica *r, uint64_t number)
{
    struct interval run = {0};
    uint32_t n = replica_members(r)->count;
    for (uint64_t s = number; s < number + r->options.tuning.ahead_slots_max; s += n) {
        const struct slot *slot = slots_find(&r->slots, s);
        if (slot == NULL || slot->acceptor.promised.round == 0)
            break;
        (void)interval_extend(&run, s, n);
    }
    return run;
}

/* What was decided; of slots taken over also what follows, or it would try one by one. */
static int accepting_tell_decided(struct replica *r, uint32_t to, uint64_t number)
{
    struct interval run = {0};
    uint32_t n = replica_members(r)->count;
    for (uint64_t s = number; s < number + r->options.tuning.ahead_slots_max; s += n) {
        const struct slot *slot = slots_find(&r->slots, s);
        bool is_noop = slot != NULL && slot->chosen != NULL && slot->chosen->kind == VALUE_NOOP;
        if (s > number && !is_noop)
            break;
        TRY(asking_tell(r, to, s, slot, &run));
    }
    return asking_tell_run(r, to, run);
}

/* *out_slot: where to vote; NULL: nothing to vote on, and what can be said about it was said. */
static int accepting_find(struct replica *r, uint32_t from, const struct message *m,
                          struct slot **out_slot)
{
    *out_slot = NULL;
    if (m->slot < r->slots.first)
        return from == r->self ? 0 : heartbeat_send(r, from); /* It can fetch what it lacks. */
    if (m->slot > replica_window_end(r))
        return 0;
    struct slot *slot = NULL;
    TRY(slots_get(&r->slots, m->slot, &slot));
    replica_raise_frontier(r, m->slot);
    if (slot->chosen != NULL)
        return accepting_tell_decided(r, from, m->slot);
    *out_slot = slot;
    return 0;
}

int accepting_on_accept(struct replica *r, uint32_t from, const struct message *m)
{
    if (accepting_is_foreign(r, m) || m->value->kind == VALUE_NOOP)
        return 0; /* NOOP travels as ACCEPT_NOOP. */
    uint32_t coordinator = replica_coordinator(r, m->slot);
    if (from == coordinator && m->ballot.round == 0 && from != r->self) {
        watching_on_sign(r, from, true);
        watching_on_came(r, from, m->slot);
    }
    if (m->ballot.round == 0) {
        r->watches[coordinator].lead = 0;
        hello_on_used(r, coordinator, m->slot);
    }
    TRY(accepting_skips(r, m));
    /* A log that the checkpoints cannot keep up with must not fill the memory. */
    if (from != r->self && replica_log_waits_above(r, 2 * r->options.tuning.log_bytes_max))
        return 0;
    if (voting_is_overloaded(r, from))
        return 0;
    struct slot *slot = NULL;
    TRY(accepting_find(r, from, m, &slot));
    if (slot == NULL)
        return 0;
    r->stats.accept_total++;
    uint64_t bytes_before = slot->acceptor.value == NULL ? 0 : slot->acceptor.value->size;
    bool granted = false;
    if (!acceptor_on_accept(&slot->acceptor, m->ballot, m->value, &granted)) {
        if (granted)
            return accepting_repeat_vote(r, from, interval_one(m->slot), m->ballot, false);
        TRY(accepting_refuse(r, from, accepting_taken_over(r, m->slot), m->ballot,
                             slot->acceptor.promised));
        return accepting_check_chosen(r, m);
    }
    r->stats.log_bytes += slot->acceptor.value->size - bytes_before;
    r->voted_to = max_u64(r->voted_to, m->slot);
    TRY(voting_persist(r, m->slot, slot));
    TRY(accepting_note_vote(r, m->slot, m->ballot));
    if (m->ballot.round > 0)
        revoking_on_rival(r, coordinator, m->ballot, true);
    else if (from == coordinator && from != r->self)
        TRY(accepting_pass_on(r, m));
    return accepting_check_chosen(r, m);
}

/* ---- NOOP in whole intervals --------------------------------------------------------------- */

/* The part of an interval that this node may act in. *out_below: it begins below what is in memory.
 */
static struct interval accepting_clip(const struct replica *r, struct interval i, bool *out_below)
{
    *out_below = i.first < r->slots.first;
    return interval_clip(i, r->slots.first, replica_window_end(r));
}

#ifdef DKV_PLANTED
static struct interval accepting_own_idea(const struct replica *r, uint32_t from, struct interval i)
{
    uint32_t n = replica_members(r)->count;
    if (!PLANTED(PLANTED_RECEIVER_OWNERSHIP) || i.stride != n)
        return i;
    uint64_t first = replica_slot_of(r, from, i.first);
    if (first > i.last)
        return i;
    return interval_clip((struct interval){first, first + (i.last - first) / n * n, n}, first,
                         i.last);
}
#endif

/* What came of one request over an interval. */
struct noop_outcome {
    struct interval voted;    /* The run of slots just accepted. */
    struct interval repeated; /* Accepted before. */
    struct interval told;     /* Decided as NOOP. */
    struct ballot highest;    /* The highest promise that stood in the way; or none. */
    uint32_t tells;
    bool any_voted;
};

static int accepting_end_voted(struct replica *r, struct interval voted, struct ballot b)
{
    if (interval_is_none(voted))
        return 0;
    struct durable record = {.kind = DURABLE_VOTED_NOOP, .accepted = b};
    TRY(replica_write_interval(r, record, voted));
    struct message m = {
        .kind = MESSAGE_VOTED,
        .interval = voted,
        .ballot = b,
        .value = value_noop(),
    };
    return replica_post_all(r, true, &m, voting_reply_waits_for(r));
}

static int accepting_end_repeated(struct replica *r, uint32_t from, struct interval repeated,
                                  struct ballot b)
{
    return interval_is_none(repeated) ? 0 : accepting_repeat_vote(r, from, repeated, b, true);
}

static int accepting_noop_in(struct replica *r, uint32_t from, const struct message *m,
                             uint64_t number, struct noop_outcome *o)
{
    struct slot *slot = NULL;
    TRY(slots_get(&r->slots, number, &slot));
    if (slot->chosen != NULL) {
        if (o->tells >= TOLD_MAX)
            return 0;
        o->tells += slot->chosen->kind != VALUE_NOOP;
        return asking_tell(r, from, number, slot, &o->told);
    }
    struct value *before = slot->acceptor.value;
    uint64_t bytes_before = before == NULL ? 0 : before->size;
    bool granted = false;
    bool changed = acceptor_on_accept(&slot->acceptor, m->ballot, value_noop(), &granted);
    if (!granted) {
        if (ballot_cmp(slot->acceptor.promised, o->highest) > 0)
            o->highest = slot->acceptor.promised;
        return 0;
    }
    if (changed)
        r->stats.log_bytes -= bytes_before;
    o->any_voted |= changed;
    uint32_t stride = m->interval.stride;
    if (changed)
        return accepting_end_voted(r, interval_push(&o->voted, number, stride), m->ballot);
    return accepting_end_repeated(r, from, interval_push(&o->repeated, number, stride), m->ballot);
}

int accepting_on_accept_noop(struct replica *r, uint32_t from, const struct message *m)
{
    bool below = false;
    struct interval i = accepting_clip(r, m->interval, &below);
    if (below && from != r->self)
        TRY(heartbeat_send(r, from));
    if (interval_is_none(i) || m->ballot.round == 0 || voting_is_overloaded(r, from))
        return 0;
#ifdef DKV_PLANTED
    i = accepting_own_idea(r, from, i);
#endif
    r->stats.accept_total++;
    struct noop_outcome o = {0};
    for (uint64_t s = i.first; s <= i.last; s += i.stride)
        TRY(accepting_noop_in(r, from, m, s, &o));
    TRY(accepting_end_voted(r, o.voted, m->ballot));
    TRY(accepting_end_repeated(r, from, o.repeated, m->ballot));
    TRY(asking_tell_run(r, from, o.told));
    if (!ballot_is_none(o.highest))
        return accepting_refuse(r, from, m->interval, m->ballot, o.highest);
    revoking_on_rival(r, replica_coordinator(r, i.first), m->ballot, o.any_voted);
    return 0;
}

/* ---- Promises over intervals --------------------------------------------------------------- */

/* What is to be reported of one slot; value NULL: nothing. */
static struct vote_report accepting_view(const struct replica *r, uint64_t number)
{
    struct vote_report report = {.interval = interval_one(number)};
    const struct slot *slot = slots_find(&r->slots, number);
    if (slot == NULL)
        return report;
    const struct acceptor *shown = &slot->acceptor;
#ifdef DKV_PLANTED
    if (PLANTED(PLANTED_PROMISE_FROM_DISK))
        shown = &slot->on_disk;
    bool is_noop = shown->value != NULL && shown->value->kind == VALUE_NOOP;
    if (PLANTED(PLANTED_NOOP_NOT_REPORTED) && slot->chosen == NULL && is_noop)
        return report;
#endif
    if (slot->chosen != NULL) {
        report.value = slot->chosen;
    } else if (shown->value != NULL) {
        report.value = shown->value;
        report.ballot = shown->accepted;
    }
    return report;
}

/* Put `next` behind the last report when both say the same of neighbouring slots. */
static bool accepting_join(struct vote_reports *reports, const struct vote_report *next,
                           uint32_t stride)
{
    if (reports->count == 0 || next->value->kind != VALUE_NOOP)
        return false;
    struct vote_report *last = &reports->items[reports->count - 1];
    if (last->value->kind != VALUE_NOOP || ballot_cmp(last->ballot, next->ballot) != 0)
        return false;
    struct interval run = last->interval;
    run.stride = stride; /* One slot has no stride of its own. */
    if (!interval_extend(&run, next->interval.first, stride))
        return false;
    last->interval = run;
    return true;
}

/*
 * The reports of as many slots from the left as fit; *granted ends with the last of them. NULL when
 * there is nothing to report.
 */
static int accepting_report(struct replica *r, struct interval *granted,
                            struct vote_reports **out_reports)
{
    struct vote_reports *reports = NULL;
    size_t bytes = 0;
    *out_reports = NULL;
    for (uint64_t s = granted->first; s <= granted->last; s += granted->stride) {
        struct vote_report report = accepting_view(r, s);
        if (report.value == NULL)
            continue;
        if (reports == NULL) {
            uint64_t count = min_u64(interval_count(*granted), REPORTS_MAX);
            TRY(reports_new((uint32_t)count, &reports));
        }
        if (accepting_join(reports, &report, granted->stride))
            continue;
        bool fits =
            reports->count < reports->capacity && bytes + report.value->size <= REPORTS_BYTES_MAX;
        if (!fits && s > granted->first) {
            *granted = interval_clip(*granted, granted->first, s - 1);
            break;
        }
        bytes += report.value->size;
        value_ref(report.value);
        reports_add(reports, report);
    }
    *out_reports = reports;
    return 0;
}

/* The highest ballot promised in the interval, of slots that are not decided. */
static struct ballot accepting_highest(const struct replica *r, struct interval i)
{
    struct ballot highest = {0};
    for (uint64_t s = i.first; s <= i.last; s += i.stride) {
        const struct slot *slot = slots_find(&r->slots, s);
        if (slot != NULL && slot->chosen == NULL &&
            ballot_cmp(slot->acceptor.promised, highest) > 0)
            highest = slot->acceptor.promised;
    }
    return highest;
}

static int accepting_end_promised(struct replica *r, struct interval promised, struct ballot b)
{
    if (interval_is_none(promised))
        return 0;
    struct durable record = {.kind = DURABLE_PROMISED_RANGE, .promised = b};
    return replica_write_interval(r, record, promised);
}

/*
 * Each slot of the interval promises b, which none of them has promised more than. *out_changed:
 * not all had. Slots that are decided are left out, also of the records: they may have promised
 * more, and a record takes the place of an earlier one over the same slots.
 */
static int accepting_promise(struct replica *r, struct interval i, struct ballot b,
                             bool *out_changed)
{
    struct interval run = {0};
    *out_changed = false;
    for (uint64_t s = i.first; s <= i.last; s += i.stride) {
        if (PLANTED(PLANTED_RANGE_FORGOTTEN) && s >= r->slots.end)
            continue;
        struct slot *slot = NULL;
        TRY(slots_get(&r->slots, s, &slot));
        bool granted = false;
        if (slot->chosen != NULL || !acceptor_on_prepare(&slot->acceptor, b, &granted))
            continue;
        *out_changed = true;
        TRY(accepting_end_promised(r, interval_push(&run, s, i.stride), b));
    }
    return accepting_end_promised(r, run, b);
}

/* Once more, that is: see replica_may_repeat. */
static bool accepting_may_report(const struct replica *r, uint32_t to,
                                 const struct vote_reports *reports)
{
    for (uint32_t i = 0; reports != NULL && i < reports->count; i++) {
        if (!replica_may_repeat(r, to, reports->items[i].value))
            return false;
    }
    return true;
}

int accepting_on_prepare(struct replica *r, uint32_t from, const struct message *m)
{
    bool below = false;
    struct interval i = accepting_clip(r, m->interval, &below);
    /* Decided, and not in memory any more: who asks must fetch that first. */
    if (below)
        return from == r->self ? 0 : heartbeat_send(r, from);
    if (interval_is_none(i) || m->ballot.round == 0 || voting_is_overloaded(r, from))
        return 0;
#ifdef DKV_PLANTED
    struct interval asked = i;
    i = accepting_own_idea(r, from, i);
#endif
    r->stats.prepare_total++;
    struct ballot highest = accepting_highest(r, i);
    if (ballot_cmp(highest, m->ballot) > 0)
        return accepting_refuse(r, from, m->interval, m->ballot, highest);
    if (from != r->self)
        TRY(coordinating_on_revoked(r, i));
    struct vote_reports *reports = NULL;
    TRY(accepting_report(r, &i, &reports));
    bool changed = false;
    int err = accepting_promise(r, i, m->ballot, &changed);
    if (err != 0) {
        reports_unref(reports);
        return err;
    }
    revoking_on_rival(r, replica_coordinator(r, i.first), m->ballot, changed);
    if (!changed && !accepting_may_report(r, from, reports)) {
        reports_unref(reports);
        return 0;
    }
#ifdef DKV_PLANTED
    if (PLANTED(PLANTED_RECEIVER_OWNERSHIP)) {
        i = asked;
        reports_unref(reports);
        reports = NULL;
    }
#endif
    struct message reply = {
        .kind = MESSAGE_PROMISE_RANGE,
        .interval = i,
        .ballot = m->ballot,
        .reports = reports,
    };
    return replica_post(r, from, reply, voting_reply_waits_for(r));
}

/* ---- Votes are heard ----------------------------------------------------------------------- */

/* The value that was proposed in the slot AT THAT BALLOT, if it is at hand. */
static struct value *accepting_possession(const struct slot *slot, const struct message *m)
{
    struct value *vote = slot->acceptor.value;
    if (PLANTED(PLANTED_ANY_VALUE_IS_CHOSEN) && vote != NULL)
        return vote;
    if (m->value != NULL)
        return m->value;
    bool is_it = ballot_cmp(slot->acceptor.accepted, m->ballot) == 0;
    return is_it ? vote : NULL;
}

static int accepting_count(struct replica *r, uint32_t from, const struct message *m,
                           uint64_t number)
{
    struct slot *slot = NULL;
    TRY(slots_get(&r->slots, number, &slot));
    if (slot->chosen != NULL)
        return 0;
    if (!learner_on_accepted(&slot->learner, replica_members(r), from, m->ballot))
        return 0;
    struct value *v = accepting_possession(slot, m);
    return v == NULL ? 0 : learning_decide(r, number, v);
}

int accepting_on_voted(struct replica *r, uint32_t from, const struct message *m)
{
    bool below = false;
    struct interval i = accepting_clip(r, m->interval, &below);
    if (interval_is_none(i))
        return 0;
    /* At round 0 there are only values, and so at an adopted one's ballot. */
    if (m->value == NULL)
        replica_raise_frontier(r, i.last);
    for (uint64_t s = i.first; s <= i.last; s += i.stride)
        TRY(accepting_count(r, from, m, s));
    return 0;
}
