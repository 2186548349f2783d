/* paxos_wire.c -- see paxos_wire.h. */
#include "wire/paxos_wire.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "dkv/v1/paxos.pb-c.h"
#include "kv/command.h"
#include "wire/pack.h"

/* Numbers of repeated fields that are taken apart by hand. */
#define ENVELOPE_MESSAGES 1
#define CHOSEN_SLOTS 1
#define CHOSEN_NEXT 2

/* ---- Which fields a kind of message uses --------------------------------------------------- */

enum use {
    USE_SLOT = 1 << 0,
    USE_TO = 1 << 1,
    USE_BALLOT = 1 << 2,
    USE_OTHER = 1 << 3,
    USE_TAG = 1 << 4, /* Also without a value. */
    USE_VALUE = 1 << 5,
    USE_PROGRESS = 1 << 6,
    USE_REFUSAL = 1 << 7,
    USE_HELLO = 1 << 8,
};

static const struct {
    const char *name;
    unsigned uses;
} kinds[] = {
    [MESSAGE_HELLO] = {"HELLO", USE_HELLO},
    [MESSAGE_GOODBYE] = {"GOODBYE", USE_REFUSAL},
    [MESSAGE_HEARTBEAT] = {"HEARTBEAT", USE_PROGRESS},
    [MESSAGE_PREPARE] = {"PREPARE", USE_SLOT | USE_BALLOT},
    [MESSAGE_PROMISE] = {"PROMISE", USE_SLOT | USE_BALLOT | USE_OTHER | USE_VALUE},
    [MESSAGE_ACCEPT] = {"ACCEPT", USE_SLOT | USE_BALLOT | USE_VALUE},
    [MESSAGE_ACCEPTED] = {"ACCEPTED", USE_SLOT | USE_BALLOT},
    [MESSAGE_REFUSED] = {"REFUSED", USE_SLOT | USE_BALLOT | USE_OTHER},
    [MESSAGE_LEARN] = {"LEARN", USE_SLOT | USE_BALLOT | USE_TAG | USE_VALUE},
    [MESSAGE_FETCH] = {"FETCH", USE_SLOT | USE_TO},
    [MESSAGE_CHOSEN] = {"CHOSEN", USE_SLOT | USE_VALUE},
};

static bool kind_is_known(int64_t kind)
{
    return kind >= MESSAGE_HELLO && kind <= MESSAGE_CHOSEN;
}

/* ---- Numbers, ballots, tags ---------------------------------------------------------------- */

static int check_number(const char *what, uint64_t v, uint64_t min, struct wire_error *error)
{
    if (v >= min && v <= WIRE_NUMBER_MAX)
        return 0;
    return wire_refuse(error, "%s is %" PRIu64 "; it is %" PRIu64 " to %" PRIu64, what, v, min,
                       WIRE_NUMBER_MAX);
}

static int check_ballot(const char *what, struct ballot b, bool may_be_none,
                        struct wire_error *error)
{
    if (ballot_is_none(b))
        return may_be_none ? 0 : wire_refuse(error, "%s is missing", what);
    if (b.node == 0 || b.boot == 0)
        return wire_refuse(error, "%s has no node or no boot", what);
    TRY(check_number(what, b.round, 0, error));
    return check_number(what, b.boot, 1, error);
}

static int check_tag(struct tag t, struct wire_error *error)
{
    if (t.node == 0 || t.boot == 0 || t.sequence == 0)
        return wire_refuse(error, "tag has no node, no boot or no sequence");
    return 0;
}

/* ---- Values -------------------------------------------------------------------------------- */

static int check_batch(struct bytes bytes, struct wire_error *error)
{
    if (bytes.size > VALUE_BYTES_MAX)
        return wire_refuse(error, "value has %zu bytes; a value has at most %zu", bytes.size,
                           VALUE_BYTES_MAX);
    uint32_t count;
    if (batch_check(bytes, &count) != 0)
        return wire_refuse(error, "value is no batch of commands");
    return 0;
}

/* *out_value is NULL when there is none. */
static int decode_value(int64_t kind, struct tag tag, struct bytes bytes, struct value **out_value,
                        struct wire_error *error)
{
    switch (kind) {
    case 0:
        if (bytes.size > 0)
            return wire_refuse(error, "value has bytes and no kind");
        *out_value = NULL;
        return 0;
    case VALUE_NOOP:
        if (bytes.size > 0 || !tag_is_none(tag))
            return wire_refuse(error, "NOOP has a tag or bytes");
        *out_value = value_noop();
        return 0;
    case VALUE_BARRIER:
        TRY(check_tag(tag, error));
        if (bytes.size > 0)
            return wire_refuse(error, "BARRIER has bytes");
        return value_new(VALUE_BARRIER, tag, bytes, out_value);
    case VALUE_BATCH:
        TRY(check_tag(tag, error));
        TRY(check_batch(bytes, error));
        return value_new(VALUE_BATCH, tag, bytes, out_value);
    default:
        return wire_refuse(error, "value kind %" PRId64 " is unknown", kind);
    }
}

/* ---- Hello --------------------------------------------------------------------------------- */

/* `ids` has room for MEMBERS_MAX. The result borrows from h and ids. */
static void hello_to_pb(const struct hello *h, uint32_t *ids, Dkv__V1__Hello *out)
{
    static const uint8_t nothing[DISK_ID_SIZE];
    bool has_recorded = memcmp(h->recorded, nothing, DISK_ID_SIZE) != 0;
    *out = (Dkv__V1__Hello)DKV__V1__HELLO__INIT;
    out->protocol_version = h->protocol_version;
    out->cluster = wire_binary(bytes_of(h->cluster));
    out->mode = (Dkv__V1__Mode)h->mode;
    memcpy(ids, h->members.ids, sizeof(h->members.ids));
    out->n_members = h->members.count;
    out->members = ids;
    out->id = h->id;
    out->boot = h->boot;
    out->disk_id = wire_binary((struct bytes){.data = h->disk_id, .size = DISK_ID_SIZE});
    out->recorded =
        wire_binary((struct bytes){.data = h->recorded, .size = has_recorded ? DISK_ID_SIZE : 0});
    out->asks = h->asks;
}

static int decode_cluster(struct bytes name, struct hello *h, struct wire_error *error)
{
    if (name.size < 1 || name.size > CLUSTER_NAME_SIZE_MAX)
        return wire_refuse(error, "cluster name has %zu bytes; it has 1 to %d", name.size,
                           CLUSTER_NAME_SIZE_MAX);
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] <= ' ' || name.data[i] > '~')
            return wire_refuse(error, "cluster name is not printable ASCII without spaces");
    }
    memcpy(h->cluster, name.data, name.size);
    h->cluster[name.size] = '\0';
    return 0;
}

static int decode_members(size_t count, const uint32_t *ids, struct hello *h,
                          struct wire_error *error)
{
    if (count < 1 || count > MEMBERS_MAX)
        return wire_refuse(error, "member list has %zu ids; it has 1 to %d", count, MEMBERS_MAX);
    h->members.count = (uint32_t)count;
    memcpy(h->members.ids, ids, count * sizeof(*ids));
    if (!members_is_valid(&h->members))
        return wire_refuse(error, "member ids are not above 0 and ascending");
    return 0;
}

static int decode_disk_id(const char *what, ProtobufCBinaryData in, bool may_be_empty,
                          uint8_t out[DISK_ID_SIZE], struct wire_error *error)
{
    static const uint8_t nothing[DISK_ID_SIZE];
    if (in.len == 0 && may_be_empty)
        return 0;
    if (in.len != DISK_ID_SIZE)
        return wire_refuse(error, "%s has %zu bytes; it has %d", what, in.len, DISK_ID_SIZE);
    if (memcmp(in.data, nothing, DISK_ID_SIZE) == 0)
        return wire_refuse(error, "%s is all zero", what);
    memcpy(out, in.data, DISK_ID_SIZE);
    return 0;
}

static int decode_hello(const Dkv__V1__Hello *in, struct hello *out, struct wire_error *error)
{
    if (in == NULL)
        return wire_refuse(error, "hello is missing");
    struct hello h = {
        .protocol_version = in->protocol_version,
        .mode = (enum mode)in->mode,
        .id = in->id,
        .boot = in->boot,
        .asks = in->asks != 0,
    };
    if (in->mode <= 0)
        return wire_refuse(error, "mode is missing");
    if (in->id == 0)
        return wire_refuse(error, "id is 0; an id is above 0");
    TRY(check_number("boot", in->boot, 1, error));
    TRY(decode_cluster(wire_bytes(in->cluster), &h, error));
    TRY(decode_members(in->n_members, in->members, &h, error));
    TRY(decode_disk_id("disk_id", in->disk_id, false, h.disk_id, error));
    TRY(decode_disk_id("recorded disk_id", in->recorded, true, h.recorded, error));
    *out = h;
    return 0;
}

/* ---- One message --------------------------------------------------------------------------- */

static void put_numbers(const struct message *m, unsigned uses, Dkv__V1__PeerMessage *out)
{
    if ((uses & USE_SLOT) != 0)
        out->slot = m->slot;
    if ((uses & USE_TO) != 0)
        out->to = m->to;
    if ((uses & USE_BALLOT) != 0) {
        out->ballot_round = m->ballot.round;
        out->ballot_node = m->ballot.node;
        out->ballot_boot = m->ballot.boot;
    }
    if ((uses & USE_OTHER) != 0) {
        out->other_round = m->other.round;
        out->other_node = m->other.node;
        out->other_boot = m->other.boot;
    }
    if ((uses & USE_REFUSAL) != 0)
        out->refusal = (Dkv__V1__Refusal)m->refusal;
}

static void put_value(const struct message *m, unsigned uses, Dkv__V1__PeerMessage *out)
{
    const struct value *v = (uses & USE_VALUE) != 0 ? m->value : NULL;
    if (v == NULL && (uses & USE_TAG) == 0)
        return;
    struct tag tag = v != NULL ? v->tag : m->tag;
    out->tag_node = tag.node;
    out->tag_boot = tag.boot;
    out->tag_sequence = tag.sequence;
    if (v == NULL)
        return;
    out->value_kind = (Dkv__V1__ValueKind)v->kind;
    out->value = wire_binary(value_bytes(v));
}

int wire_envelope_add(struct wire_list *envelope, const struct message *m)
{
    assert(kind_is_known(m->kind));
    unsigned uses = kinds[m->kind].uses;
    Dkv__V1__PeerMessage out = DKV__V1__PEER_MESSAGE__INIT;
    Dkv__V1__Hello hello;
    Dkv__V1__Progress progress = DKV__V1__PROGRESS__INIT;
    uint32_t ids[MEMBERS_MAX];
    out.kind = (Dkv__V1__MessageKind)m->kind;
    put_numbers(m, uses, &out);
    put_value(m, uses, &out);
    if ((uses & USE_PROGRESS) != 0) {
        progress.boot = m->progress.boot;
        progress.applied = m->progress.applied;
        progress.chosen_to = m->progress.chosen_to;
        progress.frontier = m->progress.frontier;
        out.progress = &progress;
    }
    if ((uses & USE_HELLO) != 0) {
        assert(m->hello != NULL);
        hello_to_pb(m->hello, ids, &hello);
        out.hello = &hello;
    }
    return wire_list_add(envelope, ENVELOPE_MESSAGES, &out.base);
}

int wire_envelope_begin(struct bytes in, struct wire_envelope *out_envelope,
                        struct wire_error *error)
{
    if (in.size > WIRE_LIST_SIZE_MAX)
        return wire_refuse(error, "envelope has %zu bytes; it has at most %zu", in.size,
                           WIRE_LIST_SIZE_MAX);
    *out_envelope = (struct wire_envelope){.rest = in};
    return 0;
}

int wire_envelope_next(struct wire_envelope *e, struct bytes *out_raw, struct wire_error *error)
{
    struct bytes raw;
    TRY(wire_list_next(&e->rest, ENVELOPE_MESSAGES, &raw, error));
    if (e->count >= WIRE_LIST_COUNT_MAX)
        return wire_refuse(error, "envelope has more than %d messages", WIRE_LIST_COUNT_MAX);
    e->count++;
    *out_raw = raw;
    return 0;
}

/* A field that this kind does not use must not be there. */
static int check_uses(const Dkv__V1__PeerMessage *in, unsigned uses, struct wire_error *error)
{
    unsigned has = 0;
    if (in->slot != 0)
        has |= USE_SLOT;
    if (in->to != 0)
        has |= USE_TO;
    if (in->ballot_round != 0 || in->ballot_node != 0 || in->ballot_boot != 0)
        has |= USE_BALLOT;
    if (in->other_round != 0 || in->other_node != 0 || in->other_boot != 0)
        has |= USE_OTHER;
    bool has_value = in->value_kind != 0 || in->value.len > 0;
    if (has_value)
        has |= USE_VALUE;
    else if (in->tag_node != 0 || in->tag_boot != 0 || in->tag_sequence != 0)
        has |= USE_TAG;
    if (in->progress != NULL)
        has |= USE_PROGRESS;
    if (in->refusal != 0)
        has |= USE_REFUSAL;
    if (in->hello != NULL)
        has |= USE_HELLO;
    if ((has & ~uses) != 0)
        return wire_refuse(error, "%s has a field that is not its", kinds[in->kind].name);
    return 0;
}

static int decode_progress(const Dkv__V1__Progress *in, struct progress *out,
                           struct wire_error *error)
{
    if (in == NULL)
        return wire_refuse(error, "HEARTBEAT has no progress");
    TRY(check_number("boot", in->boot, 1, error));
    TRY(check_number("applied", in->applied, 0, error));
    TRY(check_number("chosen_to", in->chosen_to, 0, error));
    TRY(check_number("frontier", in->frontier, 0, error));
    *out = (struct progress){
        .boot = in->boot,
        .applied = in->applied,
        .chosen_to = in->chosen_to,
        .frontier = in->frontier,
    };
    return 0;
}

/* Numbers and ballots of m, as its kind wants them. has_value: some value will follow. */
static int check_numbers(const struct message *m, bool has_value, struct wire_error *error)
{
    unsigned uses = kinds[m->kind].uses;
    if ((uses & USE_SLOT) != 0)
        TRY(check_number("slot", m->slot, 1, error));
    if ((uses & USE_TO) != 0)
        TRY(check_number("last slot", m->to, m->slot, error));
    /* What was learnt by FETCH is told without a ballot, but with its value. */
    if ((uses & USE_BALLOT) != 0)
        TRY(check_ballot("ballot", m->ballot, m->kind == MESSAGE_LEARN && has_value, error));
    if (m->kind == MESSAGE_PROMISE) {
        TRY(check_ballot("accepted ballot", m->other, !has_value, error));
        if (!ballot_is_none(m->other) && !has_value)
            return wire_refuse(error, "PROMISE has an accepted ballot and no value");
        if (ballot_cmp(m->other, m->ballot) > 0)
            return wire_refuse(error, "PROMISE has an accepted ballot above the promised one");
    }
    if (m->kind == MESSAGE_REFUSED) {
        TRY(check_ballot("promised ballot", m->other, false, error));
        if (ballot_cmp(m->other, m->ballot) <= 0)
            return wire_refuse(error, "REFUSED for a ballot that is not below the promised one");
    }
    if ((m->kind == MESSAGE_ACCEPT || m->kind == MESSAGE_CHOSEN) && !has_value)
        return wire_refuse(error, "%s has no value", kinds[m->kind].name);
    if (m->kind == MESSAGE_LEARN && !has_value && !tag_is_none(m->tag))
        TRY(check_tag(m->tag, error));
    if ((uses & USE_REFUSAL) != 0 && (m->refusal < REFUSAL_VERSION || m->refusal > REFUSAL_DISK))
        return wire_refuse(error, "refusal %d is unknown", (int)m->refusal);
    return 0;
}

static struct message message_from_pb(const Dkv__V1__PeerMessage *in)
{
    return (struct message){
        .kind = (enum message_kind)in->kind,
        .slot = in->slot,
        .to = in->to,
        .ballot = {.round = in->ballot_round, .node = in->ballot_node, .boot = in->ballot_boot},
        .other = {.round = in->other_round, .node = in->other_node, .boot = in->other_boot},
        .tag = {.node = in->tag_node, .boot = in->tag_boot, .sequence = in->tag_sequence},
        .refusal = (enum refusal)in->refusal,
    };
}

int wire_decode_message(struct bytes raw, struct wire_arena *arena, struct hello *out_hello,
                        struct message *out_message, struct wire_error *error)
{
    const void *unpacked;
    TRY(wire_unpack(&dkv__v1__peer_message__descriptor, raw, WIRE_FIELDS_MAX, arena, &unpacked,
                    error));
    const Dkv__V1__PeerMessage *in = unpacked;
    if (!kind_is_known(in->kind))
        return wire_refuse(error, "message kind %d is unknown", (int)in->kind);
    unsigned uses = kinds[in->kind].uses;
    TRY(check_uses(in, uses, error));
    struct message m = message_from_pb(in);
    TRY(check_numbers(&m, in->value_kind != 0, error));
    if ((uses & USE_PROGRESS) != 0)
        TRY(decode_progress(in->progress, &m.progress, error));
    struct hello hello;
    if ((uses & USE_HELLO) != 0)
        TRY(decode_hello(in->hello, &hello, error));
    TRY(decode_value(in->value_kind, m.tag, wire_bytes(in->value), &m.value, error));
    if ((uses & USE_TAG) == 0)
        m.tag = (struct tag){0};
    if ((uses & USE_HELLO) != 0) {
        *out_hello = hello;
        m.hello = out_hello;
    }
    *out_message = m;
    return 0;
}

/* ---- FetchChosen --------------------------------------------------------------------------- */

int wire_encode_fetch(const struct wire_fetch *f, struct buf *out)
{
    Dkv__V1__FetchChosenRequest request = DKV__V1__FETCH_CHOSEN_REQUEST__INIT;
    Dkv__V1__Hello hello;
    uint32_t ids[MEMBERS_MAX];
    hello_to_pb(&f->hello, ids, &hello);
    request.from = f->from;
    request.to = f->to;
    request.hello = &hello;
    return wire_pack(&request.base, out);
}

int wire_decode_fetch(struct bytes in, struct wire_arena *arena, struct wire_fetch *out_fetch,
                      struct wire_error *error)
{
    const void *unpacked;
    TRY(wire_unpack(&dkv__v1__fetch_chosen_request__descriptor, in, WIRE_FIELDS_MAX, arena,
                    &unpacked, error));
    const Dkv__V1__FetchChosenRequest *request = unpacked;
    struct wire_fetch f = {.from = request->from, .to = request->to};
    TRY(check_number("first slot", f.from, 1, error));
    TRY(check_number("last slot", f.to, f.from, error));
    TRY(decode_hello(request->hello, &f.hello, error));
    *out_fetch = f;
    return 0;
}

int wire_chosen_add(struct wire_list *answer, uint64_t slot, enum value_kind kind, struct tag tag,
                    struct bytes bytes)
{
    Dkv__V1__ChosenSlot out = DKV__V1__CHOSEN_SLOT__INIT;
    out.slot = slot;
    out.value_kind = (Dkv__V1__ValueKind)kind;
    out.tag_node = tag.node;
    out.tag_boot = tag.boot;
    out.tag_sequence = tag.sequence;
    out.value = wire_binary(bytes);
    return wire_list_add(answer, CHOSEN_SLOTS, &out.base);
}

int wire_chosen_end(struct wire_list *answer, uint64_t next)
{
    Dkv__V1__FetchChosenResponse end = DKV__V1__FETCH_CHOSEN_RESPONSE__INIT;
    end.next = next;
    return wire_pack(&end.base, &answer->buf);
}

int wire_chosen_begin(struct bytes in, uint64_t from, uint64_t to, struct wire_chosen *out_chosen,
                      struct wire_error *error)
{
    if (in.size > WIRE_MESSAGE_SIZE_MAX)
        return wire_refuse(error, "answer has %zu bytes; it has at most %zu", in.size,
                           WIRE_MESSAGE_SIZE_MAX);
    struct wire_chosen c = {.rest = in, .from = from, .to = to};
    struct bytes rest = in;
    while (rest.size > 0) {
        struct field f;
        TRY(wire_take_field(&rest, &f, error));
        if (f.number == CHOSEN_NEXT && f.type == FIELD_VARINT)
            c.next = f.varint;
    }
    if (c.next != 0 && (c.next <= from || c.next > to))
        return wire_refuse(error, "next is %" PRIu64 "; it is above the first slot asked for",
                           c.next);
    *out_chosen = c;
    return 0;
}

int wire_chosen_next(struct wire_chosen *c, struct wire_arena *arena, struct message *out_message,
                     struct wire_error *error)
{
    struct bytes raw;
    TRY(wire_list_next(&c->rest, CHOSEN_SLOTS, &raw, error));
    if (c->count >= WIRE_LIST_COUNT_MAX)
        return wire_refuse(error, "answer has more than %d slots", WIRE_LIST_COUNT_MAX);
    c->count++;
    const void *unpacked;
    TRY(wire_unpack(&dkv__v1__chosen_slot__descriptor, raw, WIRE_FIELDS_MAX, arena, &unpacked,
                    error));
    const Dkv__V1__ChosenSlot *in = unpacked;
    if (in->slot < c->from || in->slot > c->to)
        return wire_refuse(error, "slot %" PRIu64 " was not asked for, or is out of order",
                           in->slot);
    if (in->value_kind == 0)
        return wire_refuse(error, "slot %" PRIu64 " has no value", in->slot);
    struct tag tag = {.node = in->tag_node, .boot = in->tag_boot, .sequence = in->tag_sequence};
    struct message m = {.kind = MESSAGE_CHOSEN, .slot = in->slot};
    TRY(decode_value(in->value_kind, tag, wire_bytes(in->value), &m.value, error));
    c->from = in->slot + 1;
    *out_message = m;
    return 0;
}
