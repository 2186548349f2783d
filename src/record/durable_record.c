/* durable_record.c -- the acceptor's side of record.h: META, VOTES, LEARNT, RANGES. */
#include <assert.h>
#include <string.h>

#include "kv/command.h"
#include "record/frame.h"

#define BALLOT_SIZE ((size_t)20)
#define TAG_SIZE ((size_t)20)

/* ---- Parts ------------------------------------------------------------------------------ */

static int put_ballot(struct buf *out, struct ballot b)
{
    TRY(buf_append_be64(out, b.round));
    TRY(buf_append_be32(out, b.node));
    return buf_append_be64(out, b.boot);
}

/* Either none, which is all zero, or some node's. */
static int take_ballot(struct bytes *in, struct ballot *out)
{
    struct ballot b;
    TRY(frame_take_be64(in, &b.round));
    TRY(frame_take_be32(in, &b.node));
    TRY(frame_take_be64(in, &b.boot));
    if (b.node == 0 && !ballot_is_none(b))
        return ERR_CORRUPT;
    *out = b;
    return 0;
}

static size_t value_encoded_size(const struct value *v)
{
    return v == NULL ? 0 : 1 + TAG_SIZE + v->size;
}

static int put_value(struct buf *out, const struct value *v)
{
    TRY(buf_append_u8(out, (uint8_t)v->kind));
    TRY(buf_append_be32(out, v->tag.node));
    TRY(buf_append_be64(out, v->tag.boot));
    TRY(buf_append_be64(out, v->tag.sequence));
    return buf_append(out, value_bytes(v));
}

/* A value is last in its record: its content is all that is left. */
static int take_value(struct bytes in, struct value **out)
{
    uint8_t kind;
    struct tag tag;
    TRY(frame_take_u8(&in, &kind));
    TRY(frame_take_be32(&in, &tag.node));
    TRY(frame_take_be64(&in, &tag.boot));
    TRY(frame_take_be64(&in, &tag.sequence));
    if (kind == VALUE_NOOP) {
        if (!tag_is_none(tag) || in.size > 0)
            return ERR_CORRUPT;
        *out = value_noop();
        return 0;
    }
    if (tag.node == 0 || tag.boot == 0 || tag.sequence == 0)
        return ERR_CORRUPT;
    if (kind == VALUE_BARRIER) {
        if (in.size > 0)
            return ERR_CORRUPT;
        return value_new(VALUE_BARRIER, tag, in, out);
    }
    uint32_t commands;
    if (kind != VALUE_BATCH || in.size > VALUE_BYTES_MAX || batch_check(in, &commands) != 0)
        return ERR_CORRUPT;
    return value_new(VALUE_BATCH, tag, in, out);
}

/* ---- Durables --------------------------------------------------------------------------- */

static int durable_encode_vote(const struct durable *d, struct buf *value)
{
    assert(!ballot_is_none(d->promised));
    assert(ballot_cmp(d->accepted, d->promised) <= 0);
    assert((d->value == NULL) == ballot_is_none(d->accepted));

    TRY(frame_begin(RECORD_VOTE, 2 * BALLOT_SIZE + value_encoded_size(d->value), value));
    TRY(put_ballot(value, d->promised));
    TRY(put_ballot(value, d->accepted));
    return d->value == NULL ? 0 : put_value(value, d->value);
}

static int durable_decode_vote(struct bytes body, struct durable *d)
{
    TRY(take_ballot(&body, &d->promised));
    TRY(take_ballot(&body, &d->accepted));
    if (ballot_is_none(d->promised) || ballot_cmp(d->accepted, d->promised) > 0)
        return ERR_CORRUPT;
    if (!ballot_is_none(d->accepted))
        return take_value(body, &d->value);
    return body.size == 0 ? 0 : ERR_CORRUPT;
}

static int durable_encode_key(const struct durable *d, struct buf *key)
{
    uint8_t slot_key[RECORD_SLOT_KEY_SIZE];
    switch (d->kind) {
    case DURABLE_VOTE:
    case DURABLE_LEARNT:
        record_key_slot(d->slot, slot_key);
        buf_clear(key);
        return buf_append(key, (struct bytes){.data = slot_key, .size = sizeof(slot_key)});
    case DURABLE_CHOSEN_TO:
        return frame_key_set(key, FRAME_NAME_CHOSEN_TO);
    case DURABLE_PEER:
        assert(d->peer > 0);
        TRY(frame_key_set(key, FRAME_NAME_PEER));
        return buf_append_be32(key, d->peer);
    case DURABLE_ADMITTED:
        return frame_key_set(key, FRAME_NAME_ADMITTED);
    case DURABLE_RESERVED:
        return frame_key_set(key, FRAME_NAME_RESERVED);
    case DURABLE_PROMISED_RANGE:
        return frame_key_set_range(key, d->interval, RECORD_PROMISED_RANGE);
    case DURABLE_VOTED_NOOP:
        return frame_key_set_range(key, d->interval, RECORD_VOTED_NOOP);
    case DURABLE_LEARNT_NOOP:
        return frame_key_set_range(key, d->interval, RECORD_LEARNT_NOOP);
    }
    assert(false);
    return ERR_INVALID;
}

static int durable_encode_number(enum record_kind kind, uint64_t slot, struct buf *value)
{
    TRY(frame_begin(kind, 8, value));
    return buf_append_be64(value, slot);
}

static int durable_encode_ballot(enum record_kind kind, struct ballot b, struct buf *value)
{
    assert(!ballot_is_none(b));
    TRY(frame_begin(kind, BALLOT_SIZE, value));
    return put_ballot(value, b);
}

static int durable_encode_body(const struct durable *d, struct buf *value)
{
    switch (d->kind) {
    case DURABLE_VOTE:
        return durable_encode_vote(d, value);
    case DURABLE_LEARNT:
        assert(d->value != NULL);
        TRY(frame_begin(RECORD_LEARNT, value_encoded_size(d->value), value));
        return put_value(value, d->value);
    case DURABLE_CHOSEN_TO:
        return durable_encode_number(RECORD_CHOSEN_TO, d->slot, value);
    case DURABLE_PEER:
        TRY(frame_begin(RECORD_PEER, DISK_ID_SIZE, value));
        return buf_append(value, (struct bytes){.data = d->disk_id, .size = DISK_ID_SIZE});
    case DURABLE_ADMITTED:
        return frame_begin(RECORD_ADMITTED, 0, value);
    case DURABLE_RESERVED:
        return durable_encode_number(RECORD_RESERVED, d->slot, value);
    case DURABLE_PROMISED_RANGE:
        return durable_encode_ballot(RECORD_PROMISED_RANGE, d->promised, value);
    case DURABLE_VOTED_NOOP:
        return durable_encode_ballot(RECORD_VOTED_NOOP, d->accepted, value);
    case DURABLE_LEARNT_NOOP:
        return frame_begin(RECORD_LEARNT_NOOP, 0, value);
    }
    assert(false);
    return ERR_INVALID;
}

static enum record_table durable_table(enum durable_kind kind)
{
    switch (kind) {
    case DURABLE_VOTE:
        return RECORD_TABLE_VOTES;
    case DURABLE_LEARNT:
        return RECORD_TABLE_LEARNT;
    case DURABLE_PROMISED_RANGE:
    case DURABLE_VOTED_NOOP:
    case DURABLE_LEARNT_NOOP:
        return RECORD_TABLE_RANGES;
    default:
        return RECORD_TABLE_META;
    }
}

int record_encode_durable(const struct durable *d, enum record_table *out_table, struct buf *key,
                          struct buf *value)
{
    enum record_table table = durable_table(d->kind);
    TRY(durable_encode_key(d, key));
    TRY(durable_encode_body(d, value));
    frame_seal(table, buf_bytes(key), value);
    *out_table = table;
    return 0;
}

static int durable_decode_peer(struct bytes key, struct bytes body, struct durable *d)
{
    struct bytes disk_id;
    TRY(frame_peer_of_key(key, &d->peer));
    TRY(frame_take_bytes(&body, DISK_ID_SIZE, &disk_id));
    if (body.size > 0)
        return ERR_CORRUPT;
    memcpy(d->disk_id, disk_id.data, DISK_ID_SIZE);
    return 0;
}

static int durable_decode_number(struct bytes body, uint64_t *out)
{
    TRY(frame_take_be64(&body, out));
    return body.size == 0 ? 0 : ERR_CORRUPT;
}

static int durable_decode_range(enum record_kind kind, struct bytes key, struct bytes body,
                                struct durable *d)
{
    struct ballot b = {0};
    TRY(record_range_of_key(key, &d->interval, &kind));
    if (kind != RECORD_LEARNT_NOOP) {
        TRY(take_ballot(&body, &b));
        if (ballot_is_none(b))
            return ERR_CORRUPT;
    }
    if (kind == RECORD_PROMISED_RANGE)
        d->promised = b;
    else
        d->accepted = b;
    return body.size == 0 ? 0 : ERR_CORRUPT;
}

static int durable_decode_body(enum record_kind kind, struct bytes key, struct bytes body,
                               struct durable *d)
{
    switch (kind) {
    case RECORD_VOTE:
        d->kind = DURABLE_VOTE;
        TRY(record_slot_of_key(key, &d->slot));
        return durable_decode_vote(body, d);
    case RECORD_LEARNT:
        d->kind = DURABLE_LEARNT;
        TRY(record_slot_of_key(key, &d->slot));
        return take_value(body, &d->value);
    case RECORD_CHOSEN_TO:
        d->kind = DURABLE_CHOSEN_TO;
        return durable_decode_number(body, &d->slot);
    case RECORD_PEER:
        d->kind = DURABLE_PEER;
        return durable_decode_peer(key, body, d);
    case RECORD_ADMITTED:
        d->kind = DURABLE_ADMITTED;
        return body.size == 0 ? 0 : ERR_CORRUPT;
    case RECORD_RESERVED:
        d->kind = DURABLE_RESERVED;
        return durable_decode_number(body, &d->slot);
    case RECORD_PROMISED_RANGE:
        d->kind = DURABLE_PROMISED_RANGE;
        return durable_decode_range(kind, key, body, d);
    case RECORD_VOTED_NOOP:
        d->kind = DURABLE_VOTED_NOOP;
        return durable_decode_range(kind, key, body, d);
    case RECORD_LEARNT_NOOP:
        d->kind = DURABLE_LEARNT_NOOP;
        return durable_decode_range(kind, key, body, d);
    default:
        return ERR_NOT_FOUND;
    }
}

int record_decode_durable(enum record_table table, struct bytes key, struct bytes value,
                          struct durable *out)
{
    enum record_kind kind;
    struct bytes body;
    TRY(record_kind_of(table, key, &kind));
    TRY(frame_open(table, key, kind, value, &body));
    struct durable d = {0};
    TRY(durable_decode_body(kind, key, body, &d));
    *out = d;
    return 0;
}

/* ---- Identity, boot and journal --------------------------------------------------------- */

static size_t cluster_size(const struct identity *identity)
{
    size_t size = 0;
    while (size < CLUSTER_NAME_SIZE_MAX && identity->cluster[size] != '\0')
        size++;
    return size;
}

int record_encode_identity(enum record_table table, const struct identity *identity,
                           struct buf *key, struct buf *value)
{
    assert(table == RECORD_TABLE_META || table == RECORD_TABLE_STATE);
    assert(identity->mode == MODE_CLASSIC || identity->mode == MODE_COORDINATED);
    assert(members_is_valid(&identity->members));
    assert(members_index(&identity->members, identity->id) != MEMBER_NONE);
    size_t name_size = cluster_size(identity);
    assert(name_size > 0);

    TRY(frame_key_set(key, FRAME_NAME_IDENTITY));
    TRY(frame_begin(RECORD_IDENTITY, 128, value));
    TRY(buf_append_u8(value, (uint8_t)identity->mode));
    TRY(buf_append_be32(value, identity->id));
    TRY(buf_append(value, (struct bytes){.data = identity->disk_id, .size = DISK_ID_SIZE}));
    TRY(buf_append_u8(value, (uint8_t)identity->members.count));
    for (uint32_t i = 0; i < identity->members.count; i++)
        TRY(buf_append_be32(value, identity->members.ids[i]));
    TRY(buf_append(value,
                   (struct bytes){.data = (const uint8_t *)identity->cluster, .size = name_size}));
    frame_seal(table, buf_bytes(key), value);
    return 0;
}

static int take_members(struct bytes *in, struct members *out)
{
    uint8_t count;
    TRY(frame_take_u8(in, &count));
    if (count > MEMBERS_MAX)
        return ERR_CORRUPT;
    out->count = count;
    for (uint32_t i = 0; i < count; i++)
        TRY(frame_take_be32(in, &out->ids[i]));
    return members_is_valid(out) ? 0 : ERR_CORRUPT;
}

/* A cluster's name is last in its record. */
static int take_cluster(struct bytes in, char out[CLUSTER_NAME_SIZE_MAX + 1])
{
    if (in.size < 1 || in.size > CLUSTER_NAME_SIZE_MAX || memchr(in.data, 0, in.size) != NULL)
        return ERR_CORRUPT;
    memcpy(out, in.data, in.size);
    out[in.size] = '\0';
    return 0;
}

int record_decode_identity(enum record_table table, struct bytes key, struct bytes value,
                           struct identity *out)
{
    struct bytes body;
    struct bytes disk_id;
    uint8_t mode;
    struct identity identity = {0};
    if (!frame_key_is(key, FRAME_NAME_IDENTITY))
        return ERR_CORRUPT;
    TRY(frame_open(table, key, RECORD_IDENTITY, value, &body));
    TRY(frame_take_u8(&body, &mode));
    TRY(frame_take_be32(&body, &identity.id));
    TRY(frame_take_bytes(&body, DISK_ID_SIZE, &disk_id));
    memcpy(identity.disk_id, disk_id.data, DISK_ID_SIZE);
    TRY(take_members(&body, &identity.members));
    TRY(take_cluster(body, identity.cluster));
    if (members_index(&identity.members, identity.id) == MEMBER_NONE)
        return ERR_CORRUPT;
    if (mode != MODE_CLASSIC && mode != MODE_COORDINATED)
        return ERR_MISMATCH;
    identity.mode = (enum mode)mode;
    *out = identity;
    return 0;
}

int record_encode_boot(uint64_t boot, struct buf *key, struct buf *value)
{
    assert(boot > 0);
    TRY(frame_key_set(key, FRAME_NAME_BOOT));
    TRY(frame_begin(RECORD_BOOT, 8, value));
    TRY(buf_append_be64(value, boot));
    frame_seal(RECORD_TABLE_META, buf_bytes(key), value);
    return 0;
}

int record_decode_boot(struct bytes key, struct bytes value, uint64_t *out_boot)
{
    struct bytes body;
    uint64_t boot;
    if (!frame_key_is(key, FRAME_NAME_BOOT))
        return ERR_CORRUPT;
    TRY(frame_open(RECORD_TABLE_META, key, RECORD_BOOT, value, &body));
    TRY(frame_take_be64(&body, &boot));
    if (boot == 0 || body.size > 0)
        return ERR_CORRUPT;
    *out_boot = boot;
    return 0;
}

int record_encode_journal(uint64_t position, struct buf *key, struct buf *value)
{
    TRY(frame_key_set(key, FRAME_NAME_JOURNAL));
    TRY(frame_begin(RECORD_JOURNAL, 8, value));
    TRY(buf_append_be64(value, position));
    frame_seal(RECORD_TABLE_META, buf_bytes(key), value);
    return 0;
}

int record_decode_journal(struct bytes key, struct bytes value, uint64_t *out_position)
{
    struct bytes body;
    uint64_t position;
    if (!frame_key_is(key, FRAME_NAME_JOURNAL))
        return ERR_CORRUPT;
    TRY(frame_open(RECORD_TABLE_META, key, RECORD_JOURNAL, value, &body));
    TRY(frame_take_be64(&body, &position));
    if (body.size > 0)
        return ERR_CORRUPT;
    *out_position = position;
    return 0;
}
