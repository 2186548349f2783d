/* state_record.c -- the state's side of record.h: STATE, KEYS, SESSIONS, and their undo. */
#include <assert.h>

#include "record/frame.h"

int record_encode_checkpoint_key(const struct entry *e, struct buf *value)
{
    assert(e->key_size >= 1 && e->key_size <= KEY_SIZE_MAX);
    assert(e->value_size <= VALUE_SIZE_MAX);
    TRY(frame_begin(RECORD_KEY, 24 + (size_t)e->value_size, value));
    TRY(buf_append_be64(value, e->create_revision));
    TRY(buf_append_be64(value, e->mod_revision));
    TRY(buf_append_be64(value, e->version));
    TRY(buf_append(value, entry_value(e)));
    frame_seal(RECORD_TABLE_KEYS, entry_key(e), value);
    return 0;
}

int record_decode_checkpoint_key(struct bytes key, struct bytes value, struct record_entry *out)
{
    enum record_kind kind;
    struct bytes body;
    struct record_entry e;
    TRY(record_kind_of(RECORD_TABLE_KEYS, key, &kind));
    TRY(frame_open(RECORD_TABLE_KEYS, key, kind, value, &body));
    TRY(frame_take_be64(&body, &e.create_revision));
    TRY(frame_take_be64(&body, &e.mod_revision));
    TRY(frame_take_be64(&body, &e.version));
    if (e.create_revision < 1 || e.mod_revision < e.create_revision || e.version < 1)
        return ERR_CORRUPT;
    if (body.size > (size_t)VALUE_SIZE_MAX)
        return ERR_CORRUPT;
    e.value = body;
    *out = e;
    return 0;
}

int record_encode_checkpoint_session(struct bytes client_id, struct bytes session,
                                     struct buf *value)
{
    assert(client_id.size >= 1 && client_id.size <= CLIENT_ID_SIZE_MAX);
    assert(session.size > 0);
    TRY(frame_begin(RECORD_SESSION, session.size, value));
    TRY(buf_append(value, session));
    frame_seal(RECORD_TABLE_SESSIONS, client_id, value);
    return 0;
}

int record_decode_checkpoint_session(struct bytes client_id, struct bytes value,
                                     struct bytes *out_session)
{
    enum record_kind kind;
    struct bytes body;
    TRY(record_kind_of(RECORD_TABLE_SESSIONS, client_id, &kind));
    TRY(frame_open(RECORD_TABLE_SESSIONS, client_id, kind, value, &body));
    if (body.size == 0)
        return ERR_CORRUPT;
    *out_session = body;
    return 0;
}

int record_encode_checkpoint_head(const struct checkpoint_head *head, struct buf *key,
                                  struct buf *value)
{
    TRY(frame_key_set(key, FRAME_NAME_HEAD));
    TRY(frame_begin(RECORD_HEAD, 48, value));
    TRY(buf_append_be64(value, head->applied));
    TRY(buf_append_be64(value, head->revision));
    TRY(buf_append_be64(value, head->evicted_to));
    TRY(buf_append_be64(value, head->hash));
    TRY(buf_append_be64(value, head->keys));
    TRY(buf_append_be64(value, head->clients));
    frame_seal(RECORD_TABLE_STATE, buf_bytes(key), value);
    return 0;
}

int record_decode_checkpoint_head(struct bytes key, struct bytes value, struct checkpoint_head *out)
{
    struct bytes body;
    struct checkpoint_head head;
    if (!frame_key_is(key, FRAME_NAME_HEAD))
        return ERR_CORRUPT;
    TRY(frame_open(RECORD_TABLE_STATE, key, RECORD_HEAD, value, &body));
    TRY(frame_take_be64(&body, &head.applied));
    TRY(frame_take_be64(&body, &head.revision));
    TRY(frame_take_be64(&body, &head.evicted_to));
    TRY(frame_take_be64(&body, &head.hash));
    TRY(frame_take_be64(&body, &head.keys));
    TRY(frame_take_be64(&body, &head.clients));
    if (body.size > 0)
        return ERR_CORRUPT;
    *out = head;
    return 0;
}

/* ---- What was there before ---------------------------------------------------------------- */

enum record_table record_table_of_undo(enum record_table undo)
{
    assert(undo == RECORD_TABLE_KEYS_UNDO || undo == RECORD_TABLE_SESSIONS_UNDO);
    return undo == RECORD_TABLE_KEYS_UNDO ? RECORD_TABLE_KEYS : RECORD_TABLE_SESSIONS;
}

int record_encode_undo(enum record_table undo, struct bytes key, struct bytes before,
                       struct buf *value)
{
    assert(undo == RECORD_TABLE_KEYS_UNDO || undo == RECORD_TABLE_SESSIONS_UNDO);
    TRY(frame_begin(RECORD_UNDO, before.size, value));
    TRY(buf_append(value, before));
    frame_seal(undo, key, value);
    return 0;
}

int record_decode_undo(enum record_table undo, struct bytes key, struct bytes value,
                       struct bytes *out_before)
{
    enum record_kind kind;
    struct bytes body;
    TRY(record_kind_of(undo, key, &kind));
    TRY(frame_open(undo, key, kind, value, &body));
    if (body.size > 0)
        TRY(record_verify(record_table_of_undo(undo), key, body));
    *out_before = body;
    return 0;
}

/* ---- A whole checkpoint ----------------------------------------------------------------- */

struct checkpoint_walk {
    int (*on_change)(void *context, const struct record_change *change);
    void *context;
    struct buf key;
    struct buf value;
};

static int walk_key(struct checkpoint_walk *w, const struct checkpoint_key *k)
{
    struct record_change change = {
        .table = RECORD_TABLE_KEYS, .key = k->key, .delete = k->entry == NULL};
    if (k->entry != NULL) {
        assert(bytes_equal(k->key, entry_key(k->entry)));
        TRY(record_encode_checkpoint_key(k->entry, &w->value));
        change.value = buf_bytes(&w->value);
    }
    return w->on_change(w->context, &change);
}

static int walk_session(struct checkpoint_walk *w, const struct checkpoint_session *s)
{
    struct record_change change = {
        .table = RECORD_TABLE_SESSIONS, .key = s->client_id, .delete = s->session.size == 0};
    if (s->session.size > 0) {
        TRY(record_encode_checkpoint_session(s->client_id, s->session, &w->value));
        change.value = buf_bytes(&w->value);
    }
    return w->on_change(w->context, &change);
}

static int walk_checkpoint(struct checkpoint_walk *w, const struct checkpoint *c)
{
    for (size_t i = 0; i < c->keys_count; i++)
        TRY(walk_key(w, &c->keys[i]));
    for (size_t i = 0; i < c->sessions_count; i++)
        TRY(walk_session(w, &c->sessions[i]));
    TRY(record_encode_checkpoint_head(&c->head, &w->key, &w->value));
    struct record_change change = {
        .table = RECORD_TABLE_STATE, .key = buf_bytes(&w->key), .value = buf_bytes(&w->value)};
    return w->on_change(w->context, &change);
}

int record_encode_checkpoint(const struct checkpoint *c,
                             int (*on_change)(void *context, const struct record_change *change),
                             void *context)
{
    struct checkpoint_walk w = {.on_change = on_change, .context = context};
    int err = walk_checkpoint(&w, c);
    buf_fini(&w.key);
    buf_fini(&w.value);
    return err;
}
