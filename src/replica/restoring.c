/*
 * restoring.c -- from disk to memory, before anything is said or heard.
 */
#include <assert.h>
#include <string.h>

#include "base/planted.h"
#include "replica/internal.h"

/* More than this many slots in memory at once are no log of ours. */
#define SLOTS_SPAN_MAX (UINT64_C(1) << 28)

static int restoring_slot(struct replica *r, uint64_t number, struct slot **out_slot)
{
    *out_slot = NULL;
    if (number < r->slots.first)
        return 0;
    /* All slots between would be in memory, which this many never were. alpha says nothing here: it
       counts from what was applied, and the last checkpoint may be far behind that. */
    if (number - r->slots.first >= SLOTS_SPAN_MAX)
        return ERR_CORRUPT;
    return slots_get(&r->slots, number, out_slot);
}

/*
 * What a slot has promised is the highest of all that says so, its own record and every interval
 * over it; what it has accepted is what it accepted at the highest ballot. References are taken.
 */
static void restoring_merge(struct slot *slot, const struct acceptor *a)
{
    struct acceptor *mine = &slot->acceptor;
    if (ballot_cmp(a->promised, mine->promised) > 0)
        mine->promised = a->promised;
    if (ballot_cmp(a->accepted, mine->accepted) > 0) {
        value_unref(mine->value);
        mine->accepted = a->accepted;
        mine->value = value_ref(a->value);
    }
}

static int restoring_vote(struct replica *r, const struct durable *d)
{
    struct slot *slot = NULL;
    TRY(restoring_slot(r, d->slot, &slot));
    if (slot == NULL)
        return 0;
    struct acceptor a = {.promised = d->promised, .accepted = d->accepted, .value = d->value};
    if (!acceptor_is_valid(&a))
        return ERR_CORRUPT;
    if (!replica_is_coordinated(r) && !ballot_is_none(slot->acceptor.promised))
        return ERR_CORRUPT;
    restoring_merge(slot, &a);
    if (replica_is_coordinated(r) && a.accepted.round == 0 && !ballot_is_none(a.accepted))
        hello_on_used(r, replica_coordinator(r, d->slot), d->slot);
    return 0;
}

/* Each slot of an interval: promised that, or accepted NOOP at that. */
static int restoring_range(struct replica *r, const struct durable *d)
{
    if (!interval_is_valid(d->interval) || !replica_is_coordinated(r))
        return ERR_CORRUPT;
    struct interval i = interval_clip(d->interval, r->slots.first, d->interval.last);
    if (interval_is_none(i))
        return 0;
    struct acceptor a = {.promised = d->promised};
    if (d->kind == DURABLE_VOTED_NOOP)
        a = (struct acceptor){d->accepted, d->accepted, value_noop()};
    if (ballot_is_none(a.promised))
        return ERR_CORRUPT;
    for (uint64_t s = i.first; s <= i.last; s += i.stride) {
        struct slot *slot = NULL;
        TRY(restoring_slot(r, s, &slot));
        assert(slot != NULL); /* The interval begins where the memory does. */
        bool is_hidden = PLANTED(PLANTED_RECORD_HIDES_NOOP) && slot->acceptor.value != NULL &&
                         slot->acceptor.value->kind != VALUE_NOOP;
        restoring_merge(slot, is_hidden ? &(struct acceptor){.promised = a.promised} : &a);
    }
    return 0;
}

static int restoring_learnt_noop(struct replica *r, const struct durable *d)
{
    if (!interval_is_valid(d->interval) || !replica_is_coordinated(r))
        return ERR_CORRUPT;
    struct interval i = interval_clip(d->interval, r->slots.first, d->interval.last);
    if (interval_is_none(i))
        return 0;
    for (uint64_t s = i.first; s <= i.last; s += i.stride) {
        struct slot *slot = NULL;
        TRY(restoring_slot(r, s, &slot));
        assert(slot != NULL);
        if (slot->chosen != NULL && slot->chosen != value_noop())
            return ERR_CORRUPT;
        slot->chosen = value_noop();
    }
    return 0;
}

static int restoring_learnt(struct replica *r, const struct durable *d)
{
    struct slot *slot = NULL;
    TRY(restoring_slot(r, d->slot, &slot));
    if (slot == NULL)
        return 0;
    if (slot->chosen != NULL || d->value == NULL)
        return ERR_CORRUPT;
    slot->chosen = value_ref(d->value);
    return 0;
}

static int restoring_peer(struct replica *r, const struct durable *d)
{
    uint32_t index = members_index(replica_members(r), d->peer);
    if (index == MEMBER_NONE || index == r->self)
        return ERR_CORRUPT;
    struct peer *peer = &r->peers[index];
    if (peer->disk_known && memcmp(peer->disk_id, d->disk_id, DISK_ID_SIZE) != 0)
        return ERR_CORRUPT;
    memcpy(peer->disk_id, d->disk_id, DISK_ID_SIZE);
    peer->disk_known = true;
    return 0;
}

int replica_restore(struct replica *r, const struct durable *record)
{
    if (r->slots.first == r->slots.end)
        slots_init(&r->slots, machine_applied(r->machine) + 1);
    switch (record->kind) {
    case DURABLE_VOTE:
        return restoring_vote(r, record);
    case DURABLE_LEARNT:
        return restoring_learnt(r, record);
    case DURABLE_CHOSEN_TO:
        r->chosen_to = record->slot;
        return 0;
    case DURABLE_PEER:
        return restoring_peer(r, record);
    case DURABLE_ADMITTED:
        r->admitted = true;
        return 0;
    case DURABLE_RESERVED:
        r->own.reserved_to = record->slot;
        return 0;
    case DURABLE_PROMISED_RANGE:
    case DURABLE_VOTED_NOOP:
        return restoring_range(r, record);
    case DURABLE_LEARNT_NOOP:
        return restoring_learnt_noop(r, record);
    }
    return ERR_CORRUPT;
}

/* Memory of one slot as it counts for the limits; and how far the log is known to reach. */
static void restoring_count(struct replica *r, uint64_t number, const struct slot *slot)
{
    const struct value *vote = slot->acceptor.value;
    r->stats.log_bytes += vote == NULL ? 0 : vote->size;
    if (slot->chosen != NULL && slot->chosen != vote)
        r->stats.log_bytes += slot->chosen->size;
    const struct value *known = slot->chosen != NULL ? slot->chosen : vote;
    if (known != NULL && (known->kind != VALUE_NOOP || !replica_is_coordinated(r)))
        replica_raise_frontier(r, number);
    if (vote != NULL && vote->kind != VALUE_NOOP)
        r->voted_to = max_u64(r->voted_to, number);
}

int replica_start(struct replica *r, uint64_t now_ns)
{
    uint64_t applied = machine_applied(r->machine);
    if (r->slots.first == r->slots.end)
        slots_init(&r->slots, applied + 1);
    /* A checkpoint is written only once chosen_to covers it. */
    if (r->chosen_to < applied)
        return ERR_CORRUPT;
    r->now_ns = now_ns;
    for (uint64_t n = r->slots.first; n <= r->chosen_to; n++) {
        struct slot *slot = slots_find(&r->slots, n);
        if (slot == NULL || (slot->chosen == NULL && slot->acceptor.value == NULL))
            return ERR_CORRUPT;
        if (slot->chosen == NULL)
            slot->chosen = value_ref(slot->acceptor.value);
    }
    /* chosen_to is written behind the LEARNT records it covers: of a torn commit these may be left.
       What they say is true, and nobody else would look at a slot that is no hole. */
    r->persisted_to = r->chosen_to;
    learning_advance(r);
    r->frontier = replica_is_coordinated(r) ? applied : r->chosen_to;
    for (uint64_t n = r->slots.first; n < r->slots.end; n++)
        restoring_count(r, n, slots_find(&r->slots, n));
    r->highest = max_u64(r->slots.end - 1, r->frontier);
    r->persisted_ns = now_ns;
    r->durable_applied = applied;
    r->checkpoint_slot = applied;
    r->checkpoint_ns = now_ns;
    r->quorum_number = (r->options.boot & UINT32_MAX >> 2) << 32;
    coordinating_start(r);
    watching_start(r);
    TRY(applying_run(r));
    r->executed_before = machine_executed(r->machine);
    r->suppressed_before = machine_suppressed(r->machine);
    return 0;
}
