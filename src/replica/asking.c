/*
 * asking.c -- "what do you know of these slots?", and what is said in answer.
 *
 * docs/protocol.md, section 7, rule C7 (b). Who saw nothing of a slot asks everybody, because
 * whoever cannot hear its coordinator may well hear somebody who can. An answer is nothing but the
 * messages that were missed: a decision, an Accept as it was proposed, a vote that is durable.
 */
#include <assert.h>

#include "base/planted.h"
#include "replica/internal.h"

/* One answer: at most so many slots, and values of so many bytes. The rest is asked for again. */
#define ANSWER_SLOTS_MAX 1024
#define ANSWER_BYTES_MAX ((size_t)1 << 20)

int asking_send(struct replica *r, struct interval interval)
{
    if (interval_is_none(interval))
        return 0;
    struct message m = {.kind = MESSAGE_ASK, .interval = interval};
    r->stats.asked_total++;
    return replica_post_all(r, false, &m, 0);
}

int asking_tell_run(struct replica *r, uint32_t to, struct interval decided)
{
    if (interval_is_none(decided) || to == r->self)
        return 0;
    struct message m = {.kind = MESSAGE_LEARN_NOOP, .interval = decided};
    return replica_post(r, to, m, 0);
}

int asking_tell(struct replica *r, uint32_t to, uint64_t number, const struct slot *slot,
                struct interval *run)
{
    assert(slot->chosen != NULL);
    if (slot->chosen->kind != VALUE_NOOP) {
        /* Whatever round chose it, it was first proposed at round 0: that names it well. */
        struct ballot b = {
            .node = replica_members(r)->ids[replica_coordinator(r, number)],
            .boot = slot->chosen->tag.boot,
        };
        return learning_tell(r, to, number, b, slot->chosen, true);
    }
    return asking_tell_run(r, to, interval_push(run, number, replica_members(r)->count));
}

int asking_echo_run(struct replica *r, uint32_t to, struct vote_run run)
{
    if (interval_is_none(run.interval))
        return 0;
    struct message m = {
        .kind = MESSAGE_ACCEPT_NOOP,
        .interval = run.interval,
        .ballot = run.ballot,
    };
    TRY(replica_post(r, to, m, 0));
    m.kind = MESSAGE_VOTED;
    m.value = value_noop();
    return replica_post(r, to, m, r->write_sequence);
}

static int asking_echo_value(struct replica *r, uint32_t to, uint64_t number,
                             const struct acceptor *a)
{
    if (replica_may_repeat(r, to, a->value)) {
        struct message m = {
            .kind = MESSAGE_ACCEPT,
            .slot = number,
            .ballot = a->accepted,
            .value = value_ref(a->value),
        };
        TRY(replica_post(r, to, m, 0));
    }
    struct message voted = {
        .kind = MESSAGE_VOTED,
        .interval = interval_one(number),
        .ballot = a->accepted,
    };
    return replica_post(r, to, voted, r->write_sequence);
}

int asking_echo(struct replica *r, uint32_t to, uint64_t number, const struct slot *slot,
                struct vote_run *run)
{
    const struct acceptor *a = &slot->acceptor;
    assert(a->value != NULL);
    if (a->value->kind != VALUE_NOOP)
        return asking_echo_value(r, to, number, a);
    if (ballot_cmp(run->ballot, a->accepted) != 0) {
        TRY(asking_echo_run(r, to, *run));
        *run = (struct vote_run){.ballot = a->accepted};
    }
    struct vote_run ended = {.ballot = run->ballot};
    ended.interval = interval_push(&run->interval, number, replica_members(r)->count);
    return asking_echo_run(r, to, ended);
}

int asking_on_ask(struct replica *r, uint32_t from, const struct message *m)
{
    struct interval i = m->interval;
    if (i.first < r->slots.first)
        TRY(heartbeat_send(r, from)); /* Applied: to be fetched. */
    i = interval_clip(i, r->slots.first, replica_window_end(r));
    if (interval_is_none(i))
        return 0;
    /* What is asked for holds somebody up: so it does here. */
    replica_raise_frontier(r, i.last);
    if (voting_is_overloaded(r, from))
        return 0;
    struct interval run = {0};
    struct vote_run echo = {0};
    size_t bytes = 0;
    uint32_t answered = 0;
    for (uint64_t s = i.first; s <= i.last; s += i.stride) {
        const struct slot *slot = slots_find(&r->slots, s);
        if (slot == NULL || (slot->chosen == NULL && slot->acceptor.value == NULL))
            continue;
        const struct value *v = slot->chosen != NULL ? slot->chosen : slot->acceptor.value;
        bytes += v->size;
        answered += v->kind != VALUE_NOOP;
        if (answered > 1 && (answered > ANSWER_SLOTS_MAX || bytes > ANSWER_BYTES_MAX))
            break;
        if (slot->chosen != NULL)
            TRY(asking_tell(r, from, s, slot, &run));
        else
            TRY(asking_echo(r, from, s, slot, &echo));
    }
    TRY(asking_echo_run(r, from, echo));
    return asking_tell_run(r, from, run);
}
