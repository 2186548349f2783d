/*
 * hello.c -- who may talk to this node, and whether this node may vote.
 *
 * docs/protocol.md, section 1, "Identity". A disk that was wiped has forgotten its promises; if it
 * voted under its old id, a majority could forget what it has chosen. So every node records, once
 * and for ever, which disk votes under each peer's id, and refuses any other; and a new disk says
 * nothing but Hello until more than half of the OTHER members have recorded it.
 */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/planted.h"
#include "replica/effects.h"
#include "replica/internal.h"

/* A node that still waits for an answer asks so often. */
#define ASK_EVERY_NS (200 * NS_PER_MS)

static int hello_send(struct replica *r, uint32_t to, bool asks, uint64_t wait_for)
{
    const struct identity *identity = &r->options.identity;
    const struct peer *peer = &r->peers[to];
    struct hello *hello = mem_alloc_zero(sizeof(*hello));
    if (hello == NULL)
        return ERR_NO_MEMORY;
    hello->protocol_version = PROTOCOL_VERSION;
    hello->mode = identity->mode;
    memcpy(hello->cluster, identity->cluster, sizeof(hello->cluster));
    hello->members = identity->members;
    hello->id = identity->id;
    hello->boot = r->options.boot;
    hello->life = r->options.life;
    hello->asks = asks;
    hello->seen_boot = peer->seen_boot;
    hello->seen_life = peer->seen_life;
    hello->seen_slot = peer->seen_slot;
    memcpy(hello->disk_id, identity->disk_id, DISK_ID_SIZE);
    /* By the time this is sent, the record of that disk is durable: that is what it says. */
    if (peer->disk_known && peer->disk_sequence <= max_u64(r->durable_sequence, wait_for))
        memcpy(hello->recorded, peer->disk_id, DISK_ID_SIZE);
    return replica_post(r, to, (struct message){.kind = MESSAGE_HELLO, .hello = hello}, wait_for);
}

int hello_on_peer_up(struct replica *r, uint32_t index)
{
    assert(index < replica_members(r)->count && index != r->self);
    struct peer *peer = &r->peers[index];
    peer->connected = true;
    peer->refused_us = REFUSAL_NONE;
    peer->hello_due_ns = r->now_ns + ASK_EVERY_NS;
    return hello_send(r, index, !r->admitted, 0);
}

void hello_on_used(struct replica *r, uint32_t index, uint64_t slot)
{
    r->peers[index].seen_slot = max_u64(r->peers[index].seen_slot, slot);
}

int hello_ask(struct replica *r, uint32_t index)
{
    struct peer *peer = &r->peers[index];
    if (r->now_ns < peer->hello_due_ns)
        return 0;
    peer->hello_due_ns = r->now_ns + ASK_EVERY_NS;
    return hello_send(r, index, true, 0);
}

/* ---- The other side's Hello ---------------------------------------------------------------- */

static bool members_equal(const struct members *a, const struct members *b)
{
    return a->count == b->count && memcmp(a->ids, b->ids, a->count * sizeof(a->ids[0])) == 0;
}

static enum refusal hello_judge(const struct replica *r, uint32_t index, const struct hello *hello)
{
    const struct identity *identity = &r->options.identity;
    const struct peer *peer = &r->peers[index];
    if (hello->protocol_version != PROTOCOL_VERSION)
        return REFUSAL_VERSION;
    if (!bytes_equal(bytes_of(hello->cluster), bytes_of(identity->cluster)))
        return REFUSAL_CLUSTER;
    if (hello->mode != identity->mode)
        return REFUSAL_MODE;
    if (!members_equal(&hello->members, &identity->members))
        return REFUSAL_MEMBERS;
    if (hello->id != identity->members.ids[index])
        return REFUSAL_ID;
    if (peer->disk_known && memcmp(peer->disk_id, hello->disk_id, DISK_ID_SIZE) != 0 &&
        !PLANTED(PLANTED_WIPED_DISK))
        return REFUSAL_DISK;
    return REFUSAL_NONE;
}

static int hello_refuse(struct replica *r, uint32_t index, uint64_t link, enum refusal refusal)
{
    struct peer *peer = &r->peers[index];
    if (peer->has_link && peer->link == link)
        peer->has_link = false;
    peer->progress = (struct progress){0}; /* Whoever it is, it does not have what that one had. */
    struct notice notice = {
        .kind = NOTICE_PEER_REFUSED,
        .peer = index,
        .link = link,
        .refusal = refusal,
    };
    TRY(effects_add_notice(r->effects, &notice));
    return replica_post(r, index, (struct message){.kind = MESSAGE_GOODBYE, .refusal = refusal}, 0);
}

static int hello_record_disk(struct replica *r, uint32_t index, const struct hello *hello)
{
    struct peer *peer = &r->peers[index];
    struct durable record = {.kind = DURABLE_PEER, .peer = hello->id};
    memcpy(record.disk_id, hello->disk_id, DISK_ID_SIZE);
    TRY(replica_write(r, &record));
    memcpy(peer->disk_id, hello->disk_id, DISK_ID_SIZE);
    peer->disk_known = true;
    peer->disk_sequence = r->write_sequence;
    return 0;
}

/* Of two lives with one boot the first one counts: the other is what it is to be told of. */
static void hello_note_boot(struct peer *peer, const struct hello *hello)
{
    if (hello->boot <= peer->seen_boot)
        return;
    peer->seen_boot = hello->boot;
    peer->seen_life = hello->life;
}

/* Has it seen more of this very disk than the disk knows of? Then that went back in time. */
static bool hello_saw_more(const struct replica *r, const struct hello *hello)
{
    bool is_other = hello->seen_life != 0 && hello->seen_life != r->options.life;
    if (hello->seen_boot == r->options.boot && is_other)
        return true;
    return hello->seen_boot > r->options.boot || hello->seen_slot > coordinating_used_to(r);
}

int hello_on_message(struct replica *r, uint32_t index, uint64_t link, const struct hello *hello)
{
    enum refusal refusal = hello_judge(r, index, hello);
    if (refusal != REFUSAL_NONE)
        return hello_refuse(r, index, link, refusal);

    struct peer *peer = &r->peers[index];
    bool is_new = !peer->has_link || peer->link != link;
    peer->has_link = true;
    peer->link = link;
    peer->refused_us = REFUSAL_NONE;
    hello_note_boot(peer, hello);
    if (memcmp(hello->recorded, r->options.identity.disk_id, DISK_ID_SIZE) == 0) {
        bool is_behind = hello_saw_more(r, hello);
        if (is_behind && r->admitted)
            return ERR_CORRUPT;
        /* Before its admission a disk uses no slot: so this one is from before that, or it was
           another disk's slots that others told of. Its word admits neither. */
        if (!is_behind)
            peer->recorded_us = true;
    }
    if (!peer->disk_known)
        TRY(hello_record_disk(r, index, hello));
    if (is_new) {
        r->watches[index].coming_slot = 0; /* What was on its way broke off with the old stream. */
        r->watches[index].lead = 0;
        struct notice notice = {.kind = NOTICE_PEER_ACCEPTED, .peer = index, .link = link};
        TRY(effects_add_notice(r->effects, &notice));
    }
    return hello->asks ? hello_send(r, index, false, peer->disk_sequence) : 0;
}

bool hello_is_known(const struct replica *r)
{
    uint32_t known = 1;
    for (uint32_t i = 0; i < replica_members(r)->count; i++)
        known += i != r->self && r->peers[i].seen_boot > 0;
    return 2 * known > replica_members(r)->count;
}

/* ---- Admission ----------------------------------------------------------------------------- */

static bool hello_is_recorded_enough(const struct replica *r)
{
    uint32_t others = replica_members(r)->count - 1;
    uint32_t recorded = 0;
    for (uint32_t i = 0; i <= others; i++)
        recorded += i != r->self && r->peers[i].recorded_us;
    return others == 0 || 2 * recorded > others;
}

int hello_tick(struct replica *r)
{
    if (r->admitted || r->admission_wait)
        return 0;
    if (hello_is_recorded_enough(r)) {
        struct durable record = {.kind = DURABLE_ADMITTED};
        TRY(replica_write(r, &record));
        r->admission_wait = true;
        r->admission_sequence = r->write_sequence;
        return 0;
    }
    for (uint32_t i = 0; i < replica_members(r)->count; i++) {
        struct peer *peer = &r->peers[i];
        if (i == r->self || !peer->connected || peer->recorded_us)
            continue;
        TRY(hello_ask(r, i));
        replica_wake_at(r, peer->hello_due_ns);
    }
    return 0;
}

int hello_on_durable(struct replica *r)
{
    if (!r->admission_wait || r->durable_sequence < r->admission_sequence)
        return 0;
    r->admission_wait = false;
    r->admitted = true;
    struct notice notice = {.kind = NOTICE_ADMITTED, .peer = r->self};
    return effects_add_notice(r->effects, &notice);
}

/* ---- Heartbeats ---------------------------------------------------------------------------- */

int heartbeat_send(struct replica *r, uint32_t to)
{
    struct message m = {
        .kind = MESSAGE_HEARTBEAT,
        .progress =
            {
                .boot = r->options.boot,
                .applied = machine_applied(r->machine),
                .chosen_to = r->chosen_to,
                .frontier = r->frontier,
                .sent_ns = r->now_ns,
            },
    };
    if (r->peers[to].its_sent_ns != 0) {
        m.progress.echo_ns = r->peers[to].its_sent_ns;
        m.progress.held_ns = r->now_ns - r->peers[to].came_ns;
    }
    if (replica_is_coordinated(r)) {
        m.progress.position = r->own.position;
        m.progress.known = r->watches[to].known;
        m.progress.broken = watching_broken(r);
    }
    return replica_post(r, to, m, 0);
}

/* What is below zero, or of an age, is from before a restart of this machine. */
#define TRIP_MAX_NS (10000 * NS_PER_MS)

void heartbeat_on_message(struct replica *r, uint32_t from, const struct progress *p)
{
    struct peer *peer = &r->peers[from];
    peer->its_sent_ns = p->sent_ns;
    peer->came_ns = r->now_ns;
    if (p->echo_ns == 0 || p->echo_ns > r->now_ns || p->held_ns > r->now_ns - p->echo_ns)
        return;
    uint64_t trip = r->now_ns - p->echo_ns - p->held_ns;
    if (trip > TRIP_MAX_NS)
        return;
    /* No sample is shorter than the way takes; what is longer was held up somewhere. */
    if (peer->trip_ns == 0 || trip < peer->trip_ns)
        peer->trip_ns = max_u64(trip, 1);
    else
        peer->trip_ns += (trip - peer->trip_ns) / 8;
}

uint64_t heartbeat_round_trip(const struct replica *r)
{
    uint64_t longest = 0;
    for (uint32_t i = 0; i < replica_members(r)->count; i++) {
        if (r->peers[i].connected)
            longest = max_u64(longest, r->peers[i].trip_ns);
    }
    return min_u64(longest, 1000 * NS_PER_MS);
}

int heartbeat_tick(struct replica *r)
{
    uint64_t every = r->options.tuning.heartbeat_ns;
    for (uint32_t i = 0; i < replica_members(r)->count; i++) {
        struct peer *peer = &r->peers[i];
        if (i == r->self || !peer->connected)
            continue;
        if (r->now_ns >= peer->heartbeat_ns + every) {
            peer->heartbeat_ns = r->now_ns;
            TRY(heartbeat_send(r, i));
        }
        replica_wake_at(r, peer->heartbeat_ns + every);
    }
    return 0;
}
