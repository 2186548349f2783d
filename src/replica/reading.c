/*
 * reading.c -- quorum reads: linearizable, without a slot and without a disk.
 *
 * docs/protocol.md, section 7; Charapko et al., "Paxos Quorum Reads" (HotStorage'19). A majority is
 * asked for the highest slot in which it has accepted anything but NOOP. A write that was answered
 * before the read began was accepted by a majority, so the maximum is no lower than its slot. The
 * read waits until that is applied here, and then reads here.
 *
 * One question is under way at a time; reads that come meanwhile share the next one. In coordinated
 * mode those that wait when a value of this node's own leaves go along with it, as barrier reads:
 * that costs nothing, and while a value is gathered they are not asked for.
 */
#include "base/planted.h"
#include "replica/internal.h"

#define READ_AGAIN_NS (10 * NS_PER_MS)

static uint64_t reading_highest(const struct replica *r)
{
    if (PLANTED(PLANTED_READ_AT_CHOSEN))
        return machine_applied(r->machine);
    /* What is forgotten here was applied; applied slots are at least as old as what was voted. */
    return max_u64(r->voted_to, r->durable_applied);
}

static int reading_send(struct replica *r)
{
    struct quorum_read *q = &r->quorum;
    struct message m = {.kind = MESSAGE_READ, .slot = q->number};
    for (uint32_t i = 0; i < replica_members(r)->count; i++) {
        if (!member_set_has(q->answered, i))
            TRY(replica_post(r, i, m, 0));
    }
    q->due_ns = r->now_ns + q->wait_ns;
    return 0;
}

int reading_on_read(struct replica *r, uint32_t from, const struct message *m)
{
    struct message reply = {
        .kind = MESSAGE_READ_ANSWER,
        .slot = m->slot,
        .to = reading_highest(r),
    };
    return replica_post(r, from, reply, 0);
}

/* The reads wait for a slot from now on, as sequential ones do. */
static void reading_finish(struct replica *r)
{
    struct quorum_read *q = &r->quorum;
    for (struct list *l = q->reads.next; l != &q->reads; l = l->next)
        LIST_ENTRY(l, struct op, link)->min_slot = q->highest;
    r->sequentials_from = min_u64(r->sequentials_from, q->highest);
    list_splice_back(&r->sequentials, &q->reads);
    q->number = 0;
    /* A slot that is waited for must be resolved, whoever proposed in it. */
    replica_raise_frontier(r, q->highest);
}

int reading_on_answer(struct replica *r, uint32_t from, const struct message *m)
{
    struct quorum_read *q = &r->quorum;
    if (q->number == 0 || m->slot != q->number)
        return 0;
    member_set_add(&q->answered, from);
    q->highest = max_u64(q->highest, m->to);
    if (!members_is_majority(replica_members(r), q->answered))
        return 0;
    reading_finish(r);
    return applying_run(r);
}

int reading_tick(struct replica *r)
{
    struct quorum_read *q = &r->quorum;
    if (q->number != 0 && list_is_empty(&q->reads))
        q->number = 0; /* All of them have run out of time. */
    if (q->number == 0 && !list_is_empty(&r->quorum_queue) && !r->own.gathers) {
        r->quorum_number++;
        q->number = r->quorum_number;
        q->highest = 0;
        q->answered = (struct member_set){0};
        q->wait_ns = max_u64(READ_AGAIN_NS, 2 * heartbeat_round_trip(r));
        list_splice_back(&q->reads, &r->quorum_queue);
        TRY(reading_send(r));
    }
    if (q->number == 0)
        return 0;
    if (q->due_ns <= r->now_ns) {
        q->wait_ns = min_u64(2 * q->wait_ns, 1000 * NS_PER_MS);
        TRY(reading_send(r));
    }
    replica_wake_at(r, q->due_ns);
    return 0;
}
