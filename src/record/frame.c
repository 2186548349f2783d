/* frame.c -- see frame.h and record.h. */
#include "record/frame.h"

#include <assert.h>

#include "base/be.h"
#include "base/hash.h"
#include "base/planted.h"

#define CHECKSUM_SIZE 8

const char *record_table_name(enum record_table table)
{
    switch (table) {
    case RECORD_TABLE_META:
        return "meta";
    case RECORD_TABLE_VOTES:
        return "votes";
    case RECORD_TABLE_LEARNT:
        return "learnt";
    case RECORD_TABLE_STATE:
        return "state";
    case RECORD_TABLE_KEYS:
        return "keys";
    case RECORD_TABLE_SESSIONS:
        return "sessions";
    case RECORD_TABLE_RANGES:
        return "ranges";
    case RECORD_TABLE_KEYS_UNDO:
        return "keys_undo";
    case RECORD_TABLE_SESSIONS_UNDO:
        return "sessions_undo";
    }
    assert(false);
    return "";
}

/* Table and key are the seed: the same content elsewhere has another checksum. */
static uint64_t frame_checksum(enum record_table table, struct bytes key, struct bytes value)
{
    assert(value.size >= RECORD_HEADER_SIZE);
    struct bytes content = bytes_slice(value, CHECKSUM_SIZE, value.size - CHECKSUM_SIZE);
    return hash64(content, hash64(key, (uint64_t)table));
}

int frame_begin(enum record_kind kind, size_t body_size, struct buf *out)
{
    buf_clear(out);
    TRY(buf_reserve(out, RECORD_HEADER_SIZE + body_size));
    TRY(buf_append_be64(out, 0)); /* The checksum's place. */
    TRY(buf_append_u8(out, RECORD_VERSION));
    return buf_append_u8(out, (uint8_t)kind);
}

void frame_seal(enum record_table table, struct bytes key, struct buf *value)
{
    be64_store(value->data, frame_checksum(table, key, buf_bytes(value)));
}

int frame_open(enum record_table table, struct bytes key, enum record_kind kind, struct bytes value,
               struct bytes *out_body)
{
    if (value.size < RECORD_HEADER_SIZE)
        return ERR_CORRUPT;
    if (be64_load(value.data) != frame_checksum(table, key, value))
        return ERR_CORRUPT;
    /* From here on these are the bytes that somebody wrote; but who? */
    if (value.data[CHECKSUM_SIZE] != RECORD_VERSION)
        return ERR_MISMATCH;
    if (value.data[CHECKSUM_SIZE + 1] != (uint8_t)kind)
        return ERR_CORRUPT;
    *out_body = bytes_slice(value, RECORD_HEADER_SIZE, value.size - RECORD_HEADER_SIZE);
    return 0;
}

bool frame_key_is(struct bytes key, const char *name)
{
    return bytes_equal(key, bytes_of(name));
}

int frame_key_set(struct buf *key, const char *name)
{
    buf_clear(key);
    return buf_append(key, bytes_of(name));
}

int frame_take_bytes(struct bytes *in, size_t size, struct bytes *out)
{
    if (in->size < size)
        return ERR_CORRUPT;
    *out = bytes_slice(*in, 0, size);
    *in = bytes_slice(*in, size, in->size - size);
    return 0;
}

int frame_take_u8(struct bytes *in, uint8_t *out)
{
    struct bytes raw;
    TRY(frame_take_bytes(in, 1, &raw));
    *out = raw.data[0];
    return 0;
}

int frame_take_be32(struct bytes *in, uint32_t *out)
{
    struct bytes raw;
    TRY(frame_take_bytes(in, 4, &raw));
    *out = be32_load(raw.data);
    return 0;
}

int frame_take_be64(struct bytes *in, uint64_t *out)
{
    struct bytes raw;
    TRY(frame_take_bytes(in, 8, &raw));
    *out = be64_load(raw.data);
    return 0;
}

void record_key_slot(uint64_t slot, uint8_t out_key[RECORD_SLOT_KEY_SIZE])
{
    assert(slot > 0);
    if (PLANTED(PLANTED_LITTLE_ENDIAN)) {
        for (int i = 0; i < RECORD_SLOT_KEY_SIZE; i++)
            out_key[i] = (uint8_t)(slot >> 8 * i);
        return;
    }
    be64_store(out_key, slot);
}

int record_slot_of_key(struct bytes key, uint64_t *out_slot)
{
    if (key.size != RECORD_SLOT_KEY_SIZE)
        return ERR_CORRUPT;
    uint64_t slot = be64_load(key.data);
    if (PLANTED(PLANTED_LITTLE_ENDIAN)) {
        slot = 0;
        for (int i = 0; i < RECORD_SLOT_KEY_SIZE; i++)
            slot |= (uint64_t)key.data[i] << 8 * i;
    }
    if (slot == 0)
        return ERR_CORRUPT;
    *out_slot = slot;
    return 0;
}

void record_key_block(uint64_t slot, uint8_t out_key[RECORD_SLOT_KEY_SIZE])
{
    uint64_t first = slot / INTERVAL_BLOCK * INTERVAL_BLOCK;
    record_key_slot(first > 0 ? first : 1, out_key);
}

static bool frame_kind_is_range(uint8_t kind)
{
    return kind == RECORD_PROMISED_RANGE || kind == RECORD_VOTED_NOOP || kind == RECORD_LEARNT_NOOP;
}

int frame_key_set_range(struct buf *key, struct interval i, enum record_kind kind)
{
    assert(frame_kind_is_range((uint8_t)kind));
    assert(interval_is_valid(i) && interval_in_block(i));
    uint8_t slot_key[RECORD_SLOT_KEY_SIZE];
    struct bytes raw = {.data = slot_key, .size = sizeof(slot_key)};
    buf_clear(key);
    TRY(buf_reserve(key, RECORD_RANGE_KEY_SIZE));
    record_key_slot(i.first, slot_key);
    TRY(buf_append(key, raw));
    record_key_slot(i.last, slot_key);
    TRY(buf_append(key, raw));
    TRY(buf_append_be32(key, i.stride));
    return buf_append_u8(key, (uint8_t)kind);
}

int record_range_of_key(struct bytes key, struct interval *out_interval, enum record_kind *out_kind)
{
    struct interval i;
    struct bytes raw;
    uint8_t kind;
    TRY(frame_take_bytes(&key, RECORD_SLOT_KEY_SIZE, &raw));
    TRY(record_slot_of_key(raw, &i.first));
    TRY(frame_take_bytes(&key, RECORD_SLOT_KEY_SIZE, &raw));
    TRY(record_slot_of_key(raw, &i.last));
    TRY(frame_take_be32(&key, &i.stride));
    TRY(frame_take_u8(&key, &kind));
    if (key.size > 0 || !frame_kind_is_range(kind) || !interval_is_valid(i) ||
        !interval_in_block(i))
        return ERR_CORRUPT;
    *out_interval = i;
    *out_kind = (enum record_kind)kind;
    return 0;
}

int frame_peer_of_key(struct bytes key, uint32_t *out_peer)
{
    if (key.size != FRAME_PEER_KEY_SIZE ||
        !frame_key_is(bytes_slice(key, 0, FRAME_NAME_PEER_SIZE), FRAME_NAME_PEER))
        return ERR_CORRUPT;
    uint32_t peer = be32_load(key.data + FRAME_NAME_PEER_SIZE);
    if (peer == 0)
        return ERR_CORRUPT;
    *out_peer = peer;
    return 0;
}

static int frame_kind_of_meta(struct bytes key, enum record_kind *out_kind)
{
    uint32_t peer;
    if (frame_key_is(key, FRAME_NAME_IDENTITY))
        *out_kind = RECORD_IDENTITY;
    else if (frame_key_is(key, FRAME_NAME_BOOT))
        *out_kind = RECORD_BOOT;
    else if (frame_key_is(key, FRAME_NAME_JOURNAL))
        *out_kind = RECORD_JOURNAL;
    else if (frame_key_is(key, FRAME_NAME_ADMITTED))
        *out_kind = RECORD_ADMITTED;
    else if (frame_key_is(key, FRAME_NAME_CHOSEN_TO))
        *out_kind = RECORD_CHOSEN_TO;
    else if (frame_key_is(key, FRAME_NAME_RESERVED))
        *out_kind = RECORD_RESERVED;
    else if (frame_peer_of_key(key, &peer) == 0)
        *out_kind = RECORD_PEER;
    else
        return ERR_CORRUPT;
    return 0;
}

static int frame_kind_of_state(struct bytes key, enum record_kind *out_kind)
{
    if (frame_key_is(key, FRAME_NAME_IDENTITY))
        *out_kind = RECORD_IDENTITY;
    else if (frame_key_is(key, FRAME_NAME_HEAD))
        *out_kind = RECORD_HEAD;
    else
        return ERR_CORRUPT;
    return 0;
}

static int frame_kind_of_sized(struct bytes key, size_t size_max, enum record_kind kind,
                               enum record_kind *out_kind)
{
    if (key.size < 1 || key.size > size_max)
        return ERR_CORRUPT;
    *out_kind = kind;
    return 0;
}

int record_kind_of(enum record_table table, struct bytes key, enum record_kind *out_kind)
{
    uint64_t slot;
    struct interval interval;
    switch (table) {
    case RECORD_TABLE_META:
        return frame_kind_of_meta(key, out_kind);
    case RECORD_TABLE_VOTES:
    case RECORD_TABLE_LEARNT:
        TRY(record_slot_of_key(key, &slot));
        *out_kind = table == RECORD_TABLE_VOTES ? RECORD_VOTE : RECORD_LEARNT;
        return 0;
    case RECORD_TABLE_STATE:
        return frame_kind_of_state(key, out_kind);
    case RECORD_TABLE_KEYS:
        return frame_kind_of_sized(key, KEY_SIZE_MAX, RECORD_KEY, out_kind);
    case RECORD_TABLE_SESSIONS:
        return frame_kind_of_sized(key, CLIENT_ID_SIZE_MAX, RECORD_SESSION, out_kind);
    case RECORD_TABLE_RANGES:
        return record_range_of_key(key, &interval, out_kind);
    case RECORD_TABLE_KEYS_UNDO:
        return frame_kind_of_sized(key, KEY_SIZE_MAX, RECORD_UNDO, out_kind);
    case RECORD_TABLE_SESSIONS_UNDO:
        return frame_kind_of_sized(key, CLIENT_ID_SIZE_MAX, RECORD_UNDO, out_kind);
    }
    return ERR_CORRUPT;
}
