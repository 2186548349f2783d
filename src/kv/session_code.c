/*
 * session_code.c -- sessions as bytes, for checkpoints; see session.h.
 *
 * Big-endian. 8 floor, 8 last_op_id, 8 used_slot, 4 used_place, 4 number of results; and of each
 * result: 8 op_id, 8 fingerprint, 8 slot, 8 revision, 1 code, 1 flags, and the entries that the
 * flags name: 8 create_revision, 8 mod_revision, 8 version, 4 size of the key, 4 size of the value,
 * key, value.
 */
#include "kv/session_code.h"

#include <assert.h>

#include "kv/command.h"
#include "kv/cursor.h"
#include "kv/machine.h"

#define FLAG_APPLIED 1U
#define FLAG_FOUND 2U
#define FLAG_OMITTED 4U
#define FLAG_PREVIOUS 8U
#define FLAG_OUTPUT 16U
#define FLAGS_ALL 31U

#define STORED_HEADER_SIZE 34U
#define ENTRY_HEADER_SIZE 32U

static uint64_t entry_encoded_size(const struct entry *e)
{
    return e == NULL ? 0 : (uint64_t)ENTRY_HEADER_SIZE + e->key_size + e->value_size;
}

uint64_t stored_encoded_size(const struct stored *r)
{
    return STORED_HEADER_SIZE + entry_encoded_size(r->previous) + entry_encoded_size(r->output);
}

static int encode_entry(const struct entry *e, struct buf *out)
{
    if (e == NULL)
        return 0;
    TRY(buf_append_be64(out, e->create_revision));
    TRY(buf_append_be64(out, e->mod_revision));
    TRY(buf_append_be64(out, e->version));
    TRY(buf_append_be32(out, e->key_size));
    TRY(buf_append_be32(out, e->value_size));
    TRY(buf_append(out, entry_key(e)));
    return buf_append(out, entry_value(e));
}

static int encode_stored(const struct stored *r, struct buf *out)
{
    unsigned flags = (r->applied ? FLAG_APPLIED : 0) | (r->found ? FLAG_FOUND : 0) |
                     (r->omitted ? FLAG_OMITTED : 0) | (r->previous != NULL ? FLAG_PREVIOUS : 0) |
                     (r->output != NULL ? FLAG_OUTPUT : 0);
    TRY(buf_append_be64(out, r->op_id));
    TRY(buf_append_be64(out, r->fingerprint));
    TRY(buf_append_be64(out, r->slot));
    TRY(buf_append_be64(out, r->revision));
    TRY(buf_append_u8(out, r->code));
    TRY(buf_append_u8(out, (uint8_t)flags));
    TRY(encode_entry(r->previous, out));
    return encode_entry(r->output, out);
}

int session_encode(const struct session *s, struct buf *out)
{
    size_t before = out->size;
    TRY(buf_reserve(out, s->encoded_size));
    TRY(buf_append_be64(out, s->floor));
    TRY(buf_append_be64(out, s->last_op_id));
    TRY(buf_append_be64(out, s->used_slot));
    TRY(buf_append_be32(out, s->used_place));
    TRY(buf_append_be32(out, (uint32_t)s->count));
    for (size_t i = 0; i < s->count; i++)
        TRY(encode_stored(&s->results[s->first + i], out));
    assert(out->size - before == s->encoded_size);
    return 0;
}

static int decode_entry(struct bytes *in, struct entry **out_entry)
{
    uint64_t create_revision;
    uint64_t mod_revision;
    uint64_t version;
    uint32_t key_size;
    uint32_t value_size;
    struct bytes key;
    struct bytes value;
    TRY(cursor_be64(in, &create_revision));
    TRY(cursor_be64(in, &mod_revision));
    TRY(cursor_be64(in, &version));
    TRY(cursor_be32(in, &key_size));
    TRY(cursor_be32(in, &value_size));
    TRY(cursor_take(in, key_size, &key));
    TRY(cursor_take(in, value_size, &value));
    if (key_size < 1 || key_size > KEY_SIZE_MAX || value_size > VALUE_SIZE_MAX)
        return ERR_INVALID;
    if (create_revision < 1 || create_revision > mod_revision || version < 1)
        return ERR_INVALID;
    TRY(entry_new(key, value, (struct bytes){0}, out_entry));
    entry_seal(*out_entry, create_revision, mod_revision, version);
    return 0;
}

/* What was made so far is in *r, whether it fails or not. */
static int decode_stored(struct bytes *in, struct stored *r)
{
    uint8_t flags;
    TRY(cursor_be64(in, &r->op_id));
    TRY(cursor_be64(in, &r->fingerprint));
    TRY(cursor_be64(in, &r->slot));
    TRY(cursor_be64(in, &r->revision));
    TRY(cursor_u8(in, &r->code));
    TRY(cursor_u8(in, &flags));
    if ((r->code != RESULT_OK && r->code != RESULT_TOO_LARGE) || (flags & ~FLAGS_ALL) != 0)
        return ERR_INVALID;
    r->applied = (flags & FLAG_APPLIED) != 0;
    r->found = (flags & FLAG_FOUND) != 0;
    r->omitted = (flags & FLAG_OMITTED) != 0;
    if ((flags & FLAG_PREVIOUS) != 0)
        TRY(decode_entry(in, &r->previous));
    if ((flags & FLAG_OUTPUT) != 0)
        TRY(decode_entry(in, &r->output));
    return 0;
}

static bool stored_belongs(const struct session *s, const struct stored *r, uint32_t window)
{
    if (s->count > 0 && r->op_id <= s->results[s->first + s->count - 1].op_id)
        return false;
    return r->op_id >= s->floor && r->op_id - s->floor < window;
}

static int decode_results(struct bytes *in, uint32_t count, uint32_t window, struct session *s)
{
    for (uint32_t i = 0; i < count; i++) {
        struct stored r = {0};
        int err = decode_stored(in, &r);
        if (err == 0)
            err = stored_belongs(s, &r, window) ? session_store(s, &r) : ERR_INVALID;
        if (err != 0) {
            entry_unref(r.previous);
            entry_unref(r.output);
            return err;
        }
    }
    return 0;
}

static int decode_into(struct bytes in, uint32_t window, struct session *s)
{
    uint32_t count;
    uint64_t last_op_id;
    TRY(cursor_be64(&in, &s->floor));
    TRY(cursor_be64(&in, &last_op_id));
    TRY(cursor_be64(&in, &s->used_slot));
    TRY(cursor_be32(&in, &s->used_place));
    TRY(cursor_be32(&in, &count));
    TRY(decode_results(&in, count, window, s));
    if (in.size != 0 || last_op_id < s->last_op_id)
        return ERR_INVALID;
    s->last_op_id = last_op_id;
    return 0;
}

int session_decode(struct bytes client_id, struct bytes in, uint32_t window,
                   struct session **out_session)
{
    if (client_id.size < 1 || client_id.size > CLIENT_ID_SIZE_MAX)
        return ERR_CORRUPT;
    struct session *s;
    TRY(session_new(client_id, 0, &s));
    int err = decode_into(in, window, s);
    if (err != 0) {
        session_free(s);
        return err == ERR_INVALID ? ERR_CORRUPT : err;
    }
    *out_session = s;
    return 0;
}
