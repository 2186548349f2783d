/*
 * command.c -- see command.h.
 *
 *   offset  size
 *        0     1  kind
 *        1     1  flags: 1 want_previous, 2 has a session, expect << 2; the rest 0
 *        2     2  size of the key, big-endian as all numbers here
 *        4     4  size of the value
 *        8        key, value
 *                 EXPECT_VALUE: 4 size of expected, expected
 *                 EXPECT_REVISION: 8 expected_revision
 *                 session: 1 size of client_id, client_id, 8 op_id, 8 floor, 8 born
 *
 * Each field has one form, and which fields are there follows from the first two bytes: so one
 * command has one encoding, once command_check has refused what must not be.
 */
#include "kv/command.h"

#include <assert.h>

#include "base/be.h"
#include "kv/cursor.h"
#include "kv/digest.h"

#define FLAG_PREVIOUS 1U
#define FLAG_SESSION 2U
#define FLAG_EXPECT_SHIFT 2
#define FLAGS_ALL 15U
#define HEADER_SIZE 8

static bool kind_is_known(enum command_kind kind)
{
    return kind == COMMAND_PUT || kind == COMMAND_APPEND || kind == COMMAND_DELETE ||
           kind == COMMAND_CAS;
}

static bool expect_is_valid(const struct command *c)
{
    switch (c->expect) {
    case EXPECT_NOTHING:
        return c->kind != COMMAND_CAS && c->expected.size == 0 && c->expected_revision == 0;
    case EXPECT_ABSENT:
        return c->kind == COMMAND_CAS && c->expected.size == 0 && c->expected_revision == 0;
    case EXPECT_VALUE:
        return c->kind == COMMAND_CAS && c->expected.size <= VALUE_SIZE_MAX &&
               c->expected_revision == 0;
    case EXPECT_REVISION:
        return c->kind == COMMAND_CAS && c->expected.size == 0 && c->expected_revision > 0;
    default:
        return false;
    }
}

static bool session_is_valid(const struct command *c)
{
    if (c->client_id.size == 0)
        return c->op_id == 0 && c->floor == 0 && c->born == 0;
    return c->client_id.size <= CLIENT_ID_SIZE_MAX && c->op_id >= 1 && c->floor <= c->op_id;
}

int command_check(const struct command *c)
{
    if (!kind_is_known(c->kind) || !expect_is_valid(c) || !session_is_valid(c))
        return ERR_INVALID;
    if (c->key.size < 1 || c->key.size > KEY_SIZE_MAX || c->value.size > VALUE_SIZE_MAX)
        return ERR_INVALID;
    if (c->kind == COMMAND_DELETE && c->value.size > 0)
        return ERR_INVALID;
    return 0;
}

static int encode_header(const struct command *c, struct buf *out)
{
    unsigned flags = (unsigned)c->expect << FLAG_EXPECT_SHIFT;
    if (c->want_previous)
        flags |= FLAG_PREVIOUS;
    if (c->client_id.size > 0)
        flags |= FLAG_SESSION;
    uint8_t raw[HEADER_SIZE] = {(uint8_t)c->kind, (uint8_t)flags, (uint8_t)(c->key.size >> 8),
                                (uint8_t)c->key.size};
    be32_store(raw + 4, (uint32_t)c->value.size);
    return buf_append(out, (struct bytes){.data = raw, .size = sizeof(raw)});
}

/* Into room that was reserved, so that nothing in here fails half way through. */
static int encode_into(const struct command *c, struct buf *out)
{
    TRY(encode_header(c, out));
    TRY(buf_append(out, c->key));
    TRY(buf_append(out, c->value));
    if (c->expect == EXPECT_VALUE) {
        TRY(buf_append_be32(out, (uint32_t)c->expected.size));
        TRY(buf_append(out, c->expected));
    }
    if (c->expect == EXPECT_REVISION)
        TRY(buf_append_be64(out, c->expected_revision));
    if (c->client_id.size == 0)
        return 0;
    TRY(buf_append_u8(out, (uint8_t)c->client_id.size));
    TRY(buf_append(out, c->client_id));
    TRY(buf_append_be64(out, c->op_id));
    TRY(buf_append_be64(out, c->floor));
    return buf_append_be64(out, c->born);
}

size_t command_size(const struct command *c)
{
    size_t size = HEADER_SIZE + c->key.size + c->value.size;
    if (c->expect == EXPECT_VALUE)
        size += 4 + c->expected.size;
    if (c->expect == EXPECT_REVISION)
        size += 8;
    if (c->client_id.size > 0)
        size += 1 + c->client_id.size + 3 * 8;
    return size;
}

int command_encode(const struct command *c, struct buf *out)
{
    assert(command_check(c) == 0);
    size_t size = command_size(c);
    TRY(buf_reserve(out, size));
    size_t before = out->size;
    int err = encode_into(c, out);
    assert(err == 0);
    assert(out->size - before == size);
    return err;
}

static int decode_session(struct bytes *in, struct command *c)
{
    uint8_t size;
    TRY(cursor_u8(in, &size));
    if (size == 0) /* That is said by the flag. */
        return ERR_INVALID;
    TRY(cursor_take(in, size, &c->client_id));
    TRY(cursor_be64(in, &c->op_id));
    TRY(cursor_be64(in, &c->floor));
    return cursor_be64(in, &c->born);
}

int command_decode(struct bytes *in, struct command *out_command)
{
    struct bytes rest = *in;
    struct bytes header;
    TRY(cursor_take(&rest, HEADER_SIZE, &header));
    unsigned flags = header.data[1];
    if ((flags & ~FLAGS_ALL) != 0)
        return ERR_INVALID;
    struct command c = {
        .kind = (enum command_kind)header.data[0],
        .want_previous = (flags & FLAG_PREVIOUS) != 0,
        .expect = (enum command_expect)(flags >> FLAG_EXPECT_SHIFT),
    };
    TRY(cursor_take(&rest, (size_t)header.data[2] << 8 | header.data[3], &c.key));
    TRY(cursor_take(&rest, be32_load(header.data + 4), &c.value));
    if (c.expect == EXPECT_VALUE) {
        uint32_t size;
        TRY(cursor_be32(&rest, &size));
        TRY(cursor_take(&rest, size, &c.expected));
    }
    if (c.expect == EXPECT_REVISION)
        TRY(cursor_be64(&rest, &c.expected_revision));
    if ((flags & FLAG_SESSION) != 0)
        TRY(decode_session(&rest, &c));
    TRY(command_check(&c));
    *in = rest;
    *out_command = c;
    return 0;
}

int batch_check(struct bytes batch, uint32_t *out_count)
{
    uint32_t count = 0;
    while (batch.size > 0) {
        struct command c;
        TRY(command_decode(&batch, &c));
        count++;
    }
    if (count == 0)
        return ERR_INVALID;
    *out_count = count;
    return 0;
}

uint64_t command_fingerprint(const struct command *c)
{
    uint64_t numbers[] = {(uint64_t)c->kind, c->want_previous, (uint64_t)c->expect,
                          c->expected_revision};
    uint64_t h = digest_numbers(numbers, sizeof(numbers) / sizeof(numbers[0]), 0);
    /* Each hash counts the length of its bytes: "ab","c" is not "a","bc". */
    h = hash64(c->key, h);
    h = hash64(c->value, h);
    return c->expect == EXPECT_VALUE ? hash64(c->expected, h) : h;
}
