/*
 * persisting.c -- what goes to disk besides votes: the chosen prefix, and checkpoints.
 *
 * docs/protocol.md, sections 1 and 5. chosen_to is never waited for: it rides in the next commit,
 * with a LEARNT record for each slot it covers whose chosen value is not this node's own vote.
 * Should there be no next commit, it gets one of its own after a while, so that a quiet cluster's
 * disks know all that its nodes know.
 *
 * A checkpoint is handed out only when the disk holds chosen_to up to its slot: what it covers is
 * forgotten here afterwards, and peers that ask for it are served from disk.
 */
#include <assert.h>

#include "base/planted.h"
#include "replica/internal.h"

#define QUIET_NS (100 * NS_PER_MS)
#define SLOTS_AT_ONCE 1024
/* Of what a checkpoint covers, so many slots are forgotten in a turn: some tenths of a ms. */
#define FORGET_AT_ONCE 512

static int persisting_write_noops(struct replica *r, struct interval learnt)
{
    if (interval_is_none(learnt))
        return 0;
    return replica_write_interval(r, (struct durable){.kind = DURABLE_LEARNT_NOOP}, learnt);
}

static int persisting_write_chosen_to(struct replica *r)
{
    struct interval noops[MEMBERS_MAX] = {0}; /* By coordinator. */
    for (uint64_t n = r->persisted_to + 1; n <= r->chosen_to; n++) {
        const struct slot *slot = slots_find(&r->slots, n);
        assert(slot != NULL && slot->chosen != NULL);
        const struct value *vote = slot->acceptor.value;
        if ((vote != NULL && value_equal(vote, slot->chosen)) || PLANTED(PLANTED_CHOSEN_TO_AHEAD))
            continue;
        if (replica_is_coordinated(r) && slot->chosen->kind == VALUE_NOOP) {
            struct interval *run = &noops[replica_coordinator(r, n)];
            TRY(persisting_write_noops(r, interval_push(run, n, replica_members(r)->count)));
            continue;
        }
        struct durable learnt = {.kind = DURABLE_LEARNT, .slot = n, .value = slot->chosen};
        TRY(replica_write(r, &learnt));
    }
    for (uint32_t i = 0; i < MEMBERS_MAX; i++)
        TRY(persisting_write_noops(r, noops[i]));
    struct durable chosen_to = {.kind = DURABLE_CHOSEN_TO, .slot = r->chosen_to};
    TRY(replica_write(r, &chosen_to));
    r->persisted_to = r->chosen_to;
    r->persisted_ns = r->now_ns;
    return 0;
}

/* NOOPs cost memory, and time at the next start, but little of either: so many are as one value. */
#define NOOPS_A_VALUE 8

static bool persisting_wants_checkpoint(struct replica *r)
{
    const struct replica_tuning *t = &r->options.tuning;
    uint64_t applied = machine_applied(r->machine);
    if (r->checkpointing || replica_is_forgetting(r) || applied == r->checkpoint_slot)
        return false;
    if (r->values_applied >= t->checkpoint_slots ||
        (applied - r->durable_applied) / NOOPS_A_VALUE >= t->checkpoint_slots ||
        replica_log_memory(r) >= t->checkpoint_bytes ||
        r->now_ns - r->checkpoint_ns >= t->checkpoint_ns)
        return true;
    replica_wake_at(r, r->checkpoint_ns + t->checkpoint_ns);
    return false;
}

static void persisting_forget(struct replica *r)
{
    uint64_t through = min_u64(r->durable_applied, r->slots.first + FORGET_AT_ONCE - 1);
    for (uint64_t n = r->slots.first; n <= through; n++) {
        const struct slot *s = slots_find(&r->slots, n);
        const struct value *vote = s->acceptor.value;
        r->stats.log_bytes -= vote == NULL ? 0 : vote->size;
        r->stats.log_bytes -= s->chosen == vote ? 0 : s->chosen->size;
    }
    slots_forget(&r->slots, through);
    if (replica_is_forgetting(r))
        replica_wake_at(r, r->now_ns);
}

int persisting_tick(struct replica *r)
{
    if (replica_is_forgetting(r))
        persisting_forget(r);
    if (replica_writes_waiting(r) >= WRITES_WAITING_MAX)
        return 0; /* EVENT_DURABLE will come, and a tick behind it. */
    bool wants_checkpoint = persisting_wants_checkpoint(r);
    if (r->chosen_to > r->persisted_to) {
        if (wants_checkpoint || r->effects->writes_count > 0 ||
            r->chosen_to - r->persisted_to >= SLOTS_AT_ONCE ||
            r->now_ns - r->persisted_ns >= QUIET_NS)
            TRY(persisting_write_chosen_to(r));
        else
            replica_wake_at(r, r->persisted_ns + QUIET_NS);
    }
    if (!wants_checkpoint)
        return 0;
    TRY(machine_freeze(r->machine, &r->frozen));
    r->checkpointing = true;
    r->checkpoint_slot = machine_applied(r->machine);
    r->checkpoint_ns = r->now_ns;
    r->values_applied = 0;
    r->frozen_sequence = r->write_sequence;
    return persisting_on_durable(r);
}

int persisting_on_durable(struct replica *r)
{
    if (r->frozen == NULL || r->durable_sequence < r->frozen_sequence)
        return 0;
    assert(r->effects->checkpoint == NULL);
    r->effects->checkpoint = r->frozen;
    r->frozen = NULL;
    return 0;
}

void persisting_on_checkpointed(struct replica *r, uint64_t slot)
{
    assert(r->checkpointing && slot == r->checkpoint_slot);
    r->checkpointing = false;
    r->durable_applied = slot;
    persisting_forget(r);
}
