/*
 * voting.c -- this node as an acceptor: Prepare and Accept come in, promises and votes go out.
 *
 * docs/protocol.md, sections 1 and 2. An acceptor decides from its state including all writes
 * already queued, and the answer waits for them: every reply waits for the last write asked for.
 * A slot known to be chosen is never voted on again; who asks is told what was chosen.
 */
#include <assert.h>

#include "base/planted.h"
#include "replica/internal.h"

bool voting_is_overloaded(const struct replica *r, uint32_t from)
{
    size_t replies_max = r->options.tuning.replies_max;
    if (from == r->self)
        return r->outbox.count >= replies_max + REPLIES_OWN_MAX;
    return replica_writes_waiting(r) >= WRITES_WAITING_MAX || r->outbox.count >= replies_max;
}

int voting_persist(struct replica *r, uint64_t number, const struct slot *slot)
{
    const struct acceptor *a = &slot->acceptor;
    struct durable record = {
        .kind = DURABLE_VOTE,
        .slot = number,
        .promised = a->promised,
        .accepted = a->accepted,
        .value = a->value,
    };
    return replica_write(r, &record);
}

/*
 * Decide what becomes of a request in a slot. *out_slot is the slot to vote in; NULL when there is
 * nothing to vote on: dropped, or answered with what was chosen.
 */
static int voting_find(struct replica *r, uint32_t from, const struct message *m,
                       struct slot **out_slot)
{
    *out_slot = NULL;
    if (m->slot < r->slots.first)
        return from == r->self ? 0 : heartbeat_send(r, from); /* It can fetch what it lacks. */
    if (m->slot > replica_window_end(r))
        return 0;
    struct slot *slot = NULL;
    TRY(slots_get(&r->slots, m->slot, &slot));
    if (slot->chosen == NULL) {
        *out_slot = slot;
        return 0;
    }
    if (PLANTED(PLANTED_LINK_STARVES) && slot->chosen->tag.node != r->options.identity.id)
        return 0;
    return learning_tell(r, from, m->slot, m->ballot, slot->chosen, true);
}

uint64_t voting_reply_waits_for(const struct replica *r)
{
    return PLANTED(PLANTED_ANSWER_BEFORE_SYNC) ? 0 : r->write_sequence;
}

static int voting_refuse(struct replica *r, uint32_t from, const struct message *m,
                         const struct slot *slot)
{
    struct message reply = {
        .kind = MESSAGE_REFUSED,
        .slot = m->slot,
        .ballot = m->ballot,
        .other = slot->acceptor.promised,
    };
    return replica_post(r, from, reply, voting_reply_waits_for(r));
}

int voting_on_prepare(struct replica *r, uint32_t from, const struct message *m)
{
    replica_note_slot(r, m->slot);
    if (voting_is_overloaded(r, from))
        return 0;
    struct slot *slot = NULL;
    TRY(voting_find(r, from, m, &slot));
    if (slot == NULL)
        return 0;
    r->stats.prepare_total++;
    bool granted = false;
    bool is_new = acceptor_on_prepare(&slot->acceptor, m->ballot, &granted);
    if (is_new)
        TRY(voting_persist(r, m->slot, slot));
    if (!granted)
        return voting_refuse(r, from, m, slot);
    if (from != r->self)
        proposing_yield(r, slot, m->ballot);

    const struct acceptor *shown = &slot->acceptor;
#ifdef DKV_PLANTED
    if (PLANTED(PLANTED_PROMISE_FROM_DISK))
        shown = &slot->on_disk;
#endif
    if (!is_new && !replica_may_repeat(r, from, shown->value))
        return 0;
    struct message reply = {
        .kind = MESSAGE_PROMISE,
        .slot = m->slot,
        .ballot = m->ballot,
        .other = shown->accepted,
        .value = value_ref(shown->value),
    };
    return replica_post(r, from, reply, voting_reply_waits_for(r));
}

int voting_on_accept(struct replica *r, uint32_t from, const struct message *m)
{
    replica_note_slot(r, m->slot);
    /* A log that the checkpoints cannot keep up with must not fill the memory. */
    if (from != r->self && replica_log_waits_above(r, 2 * r->options.tuning.log_bytes_max))
        return 0;
    if (voting_is_overloaded(r, from))
        return 0;
    struct slot *slot = NULL;
    TRY(voting_find(r, from, m, &slot));
    if (slot == NULL)
        return 0;
    r->stats.accept_total++;
    r->frontier = max_u64(r->frontier, m->slot);
    uint64_t bytes_before = slot->acceptor.value == NULL ? 0 : slot->acceptor.value->size;
    bool granted = false;
    if (acceptor_on_accept(&slot->acceptor, m->ballot, m->value, &granted)) {
        r->stats.log_bytes += slot->acceptor.value->size - bytes_before;
        if (m->value->kind != VALUE_NOOP)
            r->voted_to = max_u64(r->voted_to, m->slot);
        TRY(voting_persist(r, m->slot, slot));
    }
    if (!granted)
        return voting_refuse(r, from, m, slot);
    if (from != r->self)
        proposing_yield(r, slot, m->ballot);
    struct message reply = {.kind = MESSAGE_ACCEPTED, .slot = m->slot, .ballot = m->ballot};
    return replica_post(r, from, reply, voting_reply_waits_for(r));
}

#ifdef DKV_PLANTED
void voting_on_durable_planted(struct replica *r)
{
    if (!PLANTED(PLANTED_PROMISE_FROM_DISK) || r->durable_sequence < r->write_sequence)
        return;
    for (uint64_t n = r->slots.first; n < r->slots.end; n++) {
        struct slot *slot = slots_find(&r->slots, n);
        acceptor_fini(&slot->on_disk);
        slot->on_disk = slot->acceptor;
        value_ref(slot->on_disk.value);
    }
}
#endif
