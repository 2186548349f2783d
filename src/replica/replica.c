/* replica.c -- opening, one step, the tick; see replica.h. */
#include "replica/replica.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "replica/effects.h"
#include "replica/internal.h"

#define MIB (UINT64_C(1) << 20)

const struct replica_tuning replica_tuning_default = {
    .pipeline_max = 32,
    .pipeline_bytes_max = 8 * MIB,
    .pipeline_eager = 2,
    .gather_ns = NS_PER_MS,
    .batch_bytes_max = 64 << 10,
    .repeat_bytes_max = 4 << 10,
    .silent_bytes_max = 64 << 10,
    .travel_ns_per_byte = 200,
    .queue_ops_max = 16384,
    .queue_bytes_max = 64 * MIB,
    .alpha = 65536,
    .reserve_slots = 16384,
    .ahead_slots_min = 64,
    .ahead_slots_max = 4096,
    .hedge_min_ns = 10 * NS_PER_MS,
    .hedge_max_ns = 200 * NS_PER_MS,
    .heartbeat_ns = 100 * NS_PER_MS,
    .checkpoint_slots = 10000,
    .checkpoint_bytes = 32 * MIB,
    .checkpoint_ns = 10000 * NS_PER_MS,
    .replies_max = 16384,
    .log_bytes_max = 256 * MIB,
    .state_bytes_max = 2048 * MIB,
};

int replica_open(const struct replica_options *options, struct replica **out_replica)
{
    assert(members_is_valid(&options->identity.members));
    assert(options->first_slot > 0);
    assert(options->boot > 0);
    assert(options->life != 0);

    struct replica *r = mem_alloc_zero(sizeof(*r));
    if (r == NULL)
        return ERR_NO_MEMORY;
    r->options = *options;
    r->self = members_index(&options->identity.members, options->identity.id);
    assert(r->self != MEMBER_NONE);
    r->admitted = options->admitted;
    prng_init(&r->prng, options->seed);
    delays_init(&r->commit_delays, 5 * NS_PER_MS);
    delays_init(&r->resolve_delays, 5 * NS_PER_MS);
    slots_init(&r->slots, options->first_slot);
    list_init(&r->proposals);
    list_init(&r->queue);
    list_init(&r->reads);
    list_init(&r->sequentials);
    list_init(&r->quorum_queue);
    list_init(&r->quorum.reads);
    list_init(&r->own.inflight);
    r->sequentials_from = NEVER;
    r->chosen_to = options->first_slot - 1;
    int err = machine_open(&options->limits, options->first_slot, &r->machine);
    if (err != 0) {
        mem_free(r);
        return err;
    }
    *out_replica = r;
    return 0;
}

static void ops_free(struct list *ops)
{
    while (!list_is_empty(ops)) {
        struct op *op = LIST_ENTRY(ops->next, struct op, link);
        list_remove(&op->link);
        op_free(op);
    }
}

void replica_close(struct replica *r)
{
    if (r == NULL)
        return;
    for (uint64_t n = r->slots.first; n < r->slots.end; n++) {
        struct slot *slot = slots_find(&r->slots, n);
        proposing_drop(r, slot);
        struct batch *batch = proposing_take_batch(r, slot);
        if (batch == NULL)
            continue;
        ops_free(&batch->writes);
        ops_free(&batch->reads);
        batch_free(batch);
    }
    for (uint32_t i = 0; i < replica_members(r)->count; i++)
        revoking_drop(r, i);
    slots_fini(&r->slots);
    ops_free(&r->quorum_queue);
    ops_free(&r->quorum.reads);
    ops_free(&r->queue);
    ops_free(&r->reads);
    ops_free(&r->sequentials);
    heap_fini(&r->deadlines);
    mail_fini(&r->inbox);
    mail_fini(&r->outbox);
    mem_free(r->results);
    checkpoint_free(r->frozen);
    machine_close(r->machine);
    mem_free(r);
}

/* ---- Sending ------------------------------------------------------------------------------- */

static int replica_deliver(struct replica *r, const struct letter *letter)
{
    if (letter->to == r->self)
        return mail_push(&r->inbox, letter);
    if (!r->peers[letter->to].connected) {
        struct message dropped = letter->message;
        message_fini(&dropped);
        return 0;
    }
    return effects_add_send(r->effects, letter->to, &letter->message);
}

int replica_post(struct replica *r, uint32_t to, struct message m, uint64_t wait_for)
{
    assert(wait_for <= r->write_sequence);
    struct letter letter = {.wait_for = wait_for, .to = to, .message = m};
    int err = wait_for > r->durable_sequence ? mail_push(&r->outbox, &letter)
                                             : replica_deliver(r, &letter);
    if (err != 0)
        message_fini(&m);
    return err;
}

bool replica_may_repeat(const struct replica *r, uint32_t to, const struct value *v)
{
    bool is_large = v != NULL && v->size > r->options.tuning.repeat_bytes_max;
    return !is_large || !r->peers[to].is_behind;
}

int replica_say_coming(struct replica *r, uint32_t to, uint64_t slot, const struct value *v)
{
    if (v->size <= r->options.tuning.silent_bytes_max || to == r->self)
        return 0;
    struct message m = {.kind = MESSAGE_COMING, .slot = slot, .to = v->size};
    return replica_post(r, to, m, 0);
}

int replica_post_all(struct replica *r, bool self_too, const struct message *m, uint64_t wait_for)
{
    assert(m->hello == NULL);
    for (uint32_t i = 0; i < replica_members(r)->count; i++) {
        if (i == r->self && !self_too)
            continue;
        struct message copy = *m;
        value_ref(copy.value);
        reports_ref(copy.reports);
        TRY(replica_post(r, i, copy, wait_for));
    }
    return 0;
}

int replica_write_interval(struct replica *r, struct durable d, struct interval i)
{
    while (!interval_is_none(i)) {
        d.interval = interval_take_block(&i);
        TRY(replica_write(r, &d));
    }
    return 0;
}

int replica_write(struct replica *r, const struct durable *d)
{
    TRY(effects_add_write(r->effects, d));
    r->write_sequence++;
    r->effects->write_sequence = r->write_sequence;
    if (r->commit_sequence == 0) {
        r->commit_sequence = r->write_sequence;
        r->commit_began_ns = r->now_ns;
    }
    return 0;
}

/* ---- Small things -------------------------------------------------------------------------- */

uint64_t replica_writes_waiting(const struct replica *r)
{
    return r->write_sequence - r->durable_sequence;
}

uint64_t replica_log_memory(const struct replica *r)
{
    uint64_t slots = r->slots.end - r->slots.first;
    return r->stats.log_bytes + slots * (sizeof(struct slot) + sizeof(struct value));
}

bool replica_log_waits_above(const struct replica *r, uint64_t bytes)
{
    bool makes_room = r->checkpointing || replica_is_forgetting(r) ||
                      machine_applied(r->machine) > r->checkpoint_slot;
    return makes_room && replica_log_memory(r) > bytes;
}

bool replica_is_pressed(const struct replica *r)
{
    return replica_log_waits_above(r, replica_pressed_from(r));
}

void replica_wake_at(struct replica *r, uint64_t at_ns)
{
    r->wake_ns = min_u64(r->wake_ns, at_ns);
}

uint64_t replica_window_end(const struct replica *r)
{
    return machine_applied(r->machine) + r->options.tuning.alpha;
}

void replica_note_slot(struct replica *r, uint64_t slot)
{
    r->highest = max_u64(r->highest, slot);
}

/* ---- Events -------------------------------------------------------------------------------- */

/* The kinds that exist in coordinated mode only. */
static int replica_on_coordinated(struct replica *r, uint32_t from, const struct message *m)
{
    switch (m->kind) {
    case MESSAGE_PREPARE_RANGE:
        return accepting_on_prepare(r, from, m);
    case MESSAGE_PROMISE_RANGE:
        return revoking_on_promise(r, from, m);
    case MESSAGE_ACCEPT_NOOP:
        return accepting_on_accept_noop(r, from, m);
    case MESSAGE_VOTED:
        return accepting_on_voted(r, from, m);
    case MESSAGE_REFUSED_RANGE:
        return coordinating_on_refused(r, m);
    case MESSAGE_SKIP:
        return coordinating_on_skip(r, from, m);
    case MESSAGE_SKIPPED:
        coordinating_on_skipped(r, from, m->slot);
        return 0;
    case MESSAGE_LEARN_NOOP:
        return learning_decide_noops(r, m->interval);
    case MESSAGE_ASK:
        return asking_on_ask(r, from, m);
    default:
        assert(false && "a message that the replica is never given");
        return 0;
    }
}

static int replica_on_consensus(struct replica *r, uint32_t from, const struct message *m)
{
    bool coordinated = replica_is_coordinated(r);
    switch (m->kind) {
    case MESSAGE_HEARTBEAT:
        return learning_on_progress(r, from, &m->progress);
    case MESSAGE_PREPARE:
        return coordinated ? 0 : voting_on_prepare(r, from, m);
    case MESSAGE_PROMISE:
        return coordinated ? 0 : proposing_on_promise(r, from, m);
    case MESSAGE_ACCEPT:
        return coordinated ? accepting_on_accept(r, from, m) : voting_on_accept(r, from, m);
    case MESSAGE_ACCEPTED:
        return coordinated ? 0 : proposing_on_accepted(r, from, m);
    case MESSAGE_REFUSED:
        return coordinated ? 0 : proposing_on_refused(r, m);
    case MESSAGE_READ:
        return reading_on_read(r, from, m);
    case MESSAGE_READ_ANSWER:
        return reading_on_answer(r, from, m);
    case MESSAGE_COMING:
        return coordinated ? watching_on_coming(r, from, m) : learning_on_coming(r, m);
    case MESSAGE_LEARN:
        return learning_on_learn(r, m);
    case MESSAGE_CHOSEN:
        return learning_on_chosen(r, from, m);
    case MESSAGE_HELLO:
    case MESSAGE_GOODBYE:
    case MESSAGE_FETCH:
        assert(false && "a message that the replica is never given");
        return 0;
    case MESSAGE_PREPARE_RANGE:
    case MESSAGE_PROMISE_RANGE:
    case MESSAGE_ACCEPT_NOOP:
    case MESSAGE_VOTED:
    case MESSAGE_REFUSED_RANGE:
    case MESSAGE_SKIP:
    case MESSAGE_SKIPPED:
    case MESSAGE_LEARN_NOOP:
    case MESSAGE_ASK:
        break;
    }
    /* A peer of another mode is refused at its Hello. */
    return coordinated ? replica_on_coordinated(r, from, m) : 0;
}

static int replica_on_message(struct replica *r, const struct event *event)
{
    const struct message *m = event->message;
    struct peer *peer = &r->peers[event->peer];
    assert(event->peer < replica_members(r)->count && event->peer != r->self);

    if (m->kind == MESSAGE_HELLO)
        return hello_on_message(r, event->peer, event->link, m->hello);
    if (m->kind == MESSAGE_GOODBYE) {
        peer->refused_us = m->refusal;
        struct notice notice = {
            .kind = NOTICE_REFUSED_BY_PEER,
            .peer = event->peer,
            .link = event->link,
            .refusal = m->refusal,
        };
        return effects_add_notice(r->effects, &notice);
    }
    /* A disk that may not vote says nothing but Hello; CHOSEN answers our own fetch. */
    if (!r->admitted)
        return 0;
    if (m->kind != MESSAGE_CHOSEN && (!peer->has_link || peer->link != event->link))
        return hello_ask(r, event->peer);
    return replica_on_consensus(r, event->peer, m);
}

static int replica_on_durable(struct replica *r, uint64_t sequence)
{
    assert(sequence <= r->write_sequence);
    assert(sequence >= r->durable_sequence);
    r->durable_sequence = sequence;
    if (r->commit_sequence != 0 && sequence >= r->commit_sequence) {
        delays_add(&r->commit_delays, r->now_ns - r->commit_began_ns);
        r->commit_sequence = 0;
    }
    for (const struct letter *l = mail_first(&r->outbox); l != NULL && l->wait_for <= sequence;
         l = mail_first(&r->outbox)) {
        struct letter letter = mail_pop(&r->outbox);
        int err = replica_deliver(r, &letter);
        if (err != 0) {
            message_fini(&letter.message);
            return err;
        }
    }
    coordinating_on_durable(r);
    TRY(hello_on_durable(r));
    return persisting_on_durable(r);
}

/* Messages to this node itself are handled within the step that sent them. */
static int replica_read_own_mail(struct replica *r)
{
    while (mail_first(&r->inbox) != NULL) {
        struct letter letter = mail_pop(&r->inbox);
        int err = replica_on_consensus(r, r->self, &letter.message);
        message_fini(&letter.message);
        TRY(err);
    }
    return 0;
}

static int replica_tick_classic(struct replica *r)
{
    TRY(learning_tick(r));
    return proposing_tick(r);
}

/* Proposals first: what arrived in this turn leaves in it. The votes of the turn leave last. */
static int replica_tick_coordinated(struct replica *r)
{
    TRY(coordinating_tick(r));
    TRY(replica_read_own_mail(r));
    TRY(watching_tick(r));
    return accepting_flush(r);
}

static int replica_on_tick(struct replica *r)
{
    r->wake_ns = NEVER;
    /* A sequential read may be answered from what was applied before it came. */
    TRY(applying_run(r));
    TRY(applying_expire(r));
    TRY(hello_tick(r));
    if (r->admitted) {
        TRY(replica_is_coordinated(r) ? replica_tick_coordinated(r) : replica_tick_classic(r));
        TRY(reading_tick(r));
        TRY(heartbeat_tick(r));
    }
    TRY(persisting_tick(r));
    r->promised_wake_ns = r->wake_ns;
    return 0;
}

/* In coordinated mode each node tells the others at once whom it cannot reach. */
static void replica_hurry_heartbeats(struct replica *r)
{
    for (uint32_t i = 0; i < replica_members(r)->count && replica_is_coordinated(r); i++)
        r->peers[i].heartbeat_ns = 0;
}

static int replica_on_peer_up(struct replica *r, uint32_t peer)
{
    r->peers[peer].is_behind = false;
    TRY(hello_on_peer_up(r, peer));
    if (!r->admitted)
        return 0;
    replica_hurry_heartbeats(r);
    return replica_is_coordinated(r) ? coordinating_on_peer_up(r, peer)
                                     : proposing_on_peer_up(r, peer);
}

static int replica_on_event(struct replica *r, const struct event *event)
{
    switch (event->kind) {
    case EVENT_OP:
        return admitting_on_op(r, event->op);
    case EVENT_MESSAGE:
        return replica_on_message(r, event);
    case EVENT_PEER_UP:
        return replica_on_peer_up(r, event->peer);
    case EVENT_PEER_DOWN:
        r->peers[event->peer].connected = false;
        replica_hurry_heartbeats(r);
        return 0;
    case EVENT_PEER_BEHIND:
        r->peers[event->peer].is_behind = event->is_behind;
        return 0;
    case EVENT_DURABLE:
#ifdef DKV_PLANTED
        TRY(replica_on_durable(r, event->sequence));
        voting_on_durable_planted(r);
        return 0;
#else
        return replica_on_durable(r, event->sequence);
#endif
    case EVENT_CHECKPOINTED:
        persisting_on_checkpointed(r, event->slot);
        return 0;
    case EVENT_TICK:
        return replica_on_tick(r);
    }
    assert(false && "no such event");
    return 0;
}

int replica_step(struct replica *r, const struct event *event, struct effects *effects)
{
    assert(event->now_ns >= r->now_ns);
    r->now_ns = event->now_ns;
    r->effects = effects;
    int err = replica_on_event(r, event);
    if (err == 0)
        err = replica_read_own_mail(r);
    effects->next_tick_ns = event->kind == EVENT_TICK ? r->wake_ns : r->now_ns;
    r->effects = NULL;
    return err;
}

/* ---- Looking in ---------------------------------------------------------------------------- */

struct machine *replica_machine(struct replica *r)
{
    return r->machine;
}

void replica_get_status(const struct replica *r, struct replica_status *out_status)
{
    const struct members *members = replica_members(r);
    *out_status = (struct replica_status){
        .boot = r->options.boot,
        .admitted = r->admitted,
        .applied = machine_applied(r->machine),
        .chosen_to = r->chosen_to,
        .frontier = r->frontier,
        .position = r->own.position,
        .reserved_to = r->own.reserved_to,
        .durable_applied = r->durable_applied,
        .stats = r->stats,
        .peers_count = members->count,
    };
    out_status->stats.executed_total = machine_executed(r->machine) - r->executed_before;
    out_status->stats.suppressed_total = machine_suppressed(r->machine) - r->suppressed_before;
    for (uint32_t i = 0; i < members->count; i++) {
        const struct peer *peer = &r->peers[i];
        out_status->peers[i] = (struct replica_peer){
            .id = members->ids[i],
            .connected = peer->connected,
            .accepted = peer->has_link,
            .recorded_us = peer->recorded_us,
            .progress = peer->progress,
            .refused_us = peer->refused_us,
        };
    }
    out_status->peers[r->self].progress = (struct progress){
        .boot = r->options.boot,
        .applied = machine_applied(r->machine),
        .chosen_to = r->chosen_to,
        .frontier = r->frontier,
    };
}

void replica_get_slot(const struct replica *r, uint64_t number, struct slot_view *out_view)
{
    const struct slot *slot = slots_find(&r->slots, number);
    *out_view = (struct slot_view){0};
    if (slot == NULL)
        return;
    *out_view = (struct slot_view){
        .in_memory = true,
        .promised = slot->acceptor.promised,
        .accepted = slot->acceptor.accepted,
        .vote = slot->acceptor.value,
        .chosen = slot->chosen,
        .voted_at = slot->learner.ballot,
        .voters = slot->learner.voters,
    };
}
