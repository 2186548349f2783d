/* state_store.c -- see state_store.h. */
#include "store/state_store.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/env.h"

static const enum record_table state_tables[] = {RECORD_TABLE_STATE, RECORD_TABLE_KEYS,
                                                 RECORD_TABLE_SESSIONS, RECORD_TABLE_KEYS_UNDO,
                                                 RECORD_TABLE_SESSIONS_UNDO};
#define STATE_TABLES (sizeof(state_tables) / sizeof(state_tables[0]))

/* Of a part: each may cost a page, and the file is made long enough for all beforehand. */
#define PART_RECORDS_MAX 2048

struct state_store {
    struct env env;
    bool abandoned; /* A checkpoint was: only a new start undoes it. The writing thread's. */
};

/* ---- Undoing ---------------------------------------------------------------------------- */

struct state_undo {
    struct env *env;
    MDB_txn *txn;
    enum record_table undo;
    struct store_error *error;
    struct buf key;
    struct buf before;
};

static int undo_on_record(void *context, struct bytes key, struct bytes value)
{
    struct state_undo *u = context;
    struct bytes before;
    enum record_table table = record_table_of_undo(u->undo);
    int err = record_decode_undo(u->undo, key, value, &before);
    if (err != 0)
        return env_record_error(u->env, u->undo, key, err, u->error);
    if (before.size == 0)
        return env_delete(u->env, u->txn, table, key, u->error);
    /* They lie in pages of LMDB's, which is about to be written to. */
    buf_clear(&u->key);
    buf_clear(&u->before);
    err = buf_append(&u->key, key);
    if (err == 0)
        err = buf_append(&u->before, before);
    if (err != 0)
        return store_error_set(u->error, err, "%s: out of memory", u->env->path);
    return env_put(u->env, u->txn, table, buf_bytes(&u->key), buf_bytes(&u->before), u->error);
}

static int state_undo_tables(struct state_store *s, MDB_txn *txn, struct store_error *error)
{
    static const enum record_table undos[] = {RECORD_TABLE_KEYS_UNDO, RECORD_TABLE_SESSIONS_UNDO};
    struct state_undo u = {.env = &s->env, .txn = txn, .error = error};
    int err = 0;
    for (size_t i = 0; i < 2 && err == 0; i++) {
        u.undo = undos[i];
        err = env_each(&s->env, txn, u.undo, (struct bytes){0}, undo_on_record, &u, error);
        if (err == 0)
            err = env_clear(&s->env, txn, u.undo, error);
    }
    buf_fini(&u.key);
    buf_fini(&u.before);
    return err;
}

static int state_count_undo(struct state_store *s, uint64_t *out_records, struct store_error *error)
{
    MDB_txn *txn;
    uint64_t keys = 0;
    uint64_t sessions = 0;
    TRY(env_read_begin(&s->env, &txn, error));
    int err = env_count(&s->env, txn, RECORD_TABLE_KEYS_UNDO, &keys, error);
    if (err == 0)
        err = env_count(&s->env, txn, RECORD_TABLE_SESSIONS_UNDO, &sessions, error);
    env_read_end(txn);
    *out_records = keys + sessions;
    return err;
}

/* Was a checkpoint cut off? Then back to the one before. */
static int state_undo(struct state_store *s, struct store_error *error)
{
    uint64_t records = 0;
    MDB_txn *txn;
    struct store_usage usage;
    TRY(state_count_undo(s, &records, error));
    if (records == 0)
        return 0;
    env_get_usage(&s->env, &usage);
    TRY(env_write_begin(&s->env, records, usage.used_bytes, &txn, error));
    return env_write_end(&s->env, txn, state_undo_tables(s, txn, error), error);
}

/* ---- Opening ---------------------------------------------------------------------------- */

static int state_find_identity(struct state_store *s, MDB_txn *txn, struct bytes key,
                               struct identity *out, struct store_error *error)
{
    struct bytes value;
    int err = env_get(&s->env, txn, RECORD_TABLE_STATE, key, &value, error);
    if (err == ERR_NOT_FOUND)
        err = ERR_CORRUPT; /* It is written with the tables. */
    else if (err != 0)
        return err;
    else
        err = record_decode_identity(RECORD_TABLE_STATE, key, value, out);
    return err == 0 ? 0 : env_record_error(&s->env, RECORD_TABLE_STATE, key, err, error);
}

static int state_start(struct state_store *s, MDB_txn *txn, const struct identity *identity,
                       struct store_error *error)
{
    struct buf key = {0};
    struct buf value = {0};
    struct identity found;
    int err = record_encode_identity(RECORD_TABLE_STATE, identity, &key, &value);
    if (err != 0)
        (void)store_error_set(error, err, "%s: %s", s->env.path, err_text(err));
    if (err == 0)
        err = env_tables(&s->env, txn, state_tables, STATE_TABLES, error);
    if (err == 0 && s->env.is_new) {
        err = env_put(&s->env, txn, RECORD_TABLE_STATE, buf_bytes(&key), buf_bytes(&value), error);
    } else if (err == 0) {
        err = state_find_identity(s, txn, buf_bytes(&key), &found, error);
        if (err == 0)
            err = env_identity_check(&s->env, &found, identity, true, error);
    }
    buf_fini(&key);
    buf_fini(&value);
    return err;
}

static int state_open_env(struct state_store *s, const char *dir, const struct identity *identity,
                          uint64_t map_size_bytes, struct store_error *error)
{
    MDB_txn *txn;
    TRY(env_open(&s->env, dir, "state", map_size_bytes, false, error));
    TRY(env_write_begin(&s->env, 1, 512, &txn, error));
    TRY(env_write_end(&s->env, txn, state_start(s, txn, identity, error), error));
    return state_undo(s, error);
}

int state_store_open(const char *dir, const struct identity *identity, uint64_t map_size_bytes,
                     struct state_store **out_store, struct store_error *error)
{
    struct state_store *s = mem_alloc_zero(sizeof(*s));
    if (s == NULL)
        return store_error_set(error, ERR_NO_MEMORY, "%s: out of memory", dir);
    int err = state_open_env(s, dir, identity, map_size_bytes, error);
    if (err != 0) {
        state_store_close(s);
        return err;
    }
    *out_store = s;
    return 0;
}

void state_store_close(struct state_store *s)
{
    if (s == NULL)
        return;
    env_close(&s->env);
    mem_free(s);
}

/* ---- Loading ---------------------------------------------------------------------------- */

struct state_load {
    const struct env *env;
    const struct state_store_loader *loader;
    struct store_error *error;
    bool found;
    struct checkpoint_head head;
};

static int load_on_key(void *context, struct bytes key, struct bytes value)
{
    struct state_load *l = context;
    struct record_entry entry;
    int err = record_decode_checkpoint_key(key, value, &entry);
    if (err != 0)
        return env_record_error(l->env, RECORD_TABLE_KEYS, key, err, l->error);
    err = l->loader->on_key(l->loader->context, key, &entry);
    return err == 0 ? 0 : env_record_refused(l->env, RECORD_TABLE_KEYS, key, err, l->error);
}

static int load_on_session(void *context, struct bytes key, struct bytes value)
{
    struct state_load *l = context;
    struct bytes session;
    int err = record_decode_checkpoint_session(key, value, &session);
    if (err != 0)
        return env_record_error(l->env, RECORD_TABLE_SESSIONS, key, err, l->error);
    err = l->loader->on_session(l->loader->context, key, session);
    return err == 0 ? 0 : env_record_refused(l->env, RECORD_TABLE_SESSIONS, key, err, l->error);
}

/* STATE: the head, to be handed out last; and the identity, checked when opened. */
static int load_on_state(void *context, struct bytes key, struct bytes value)
{
    struct state_load *l = context;
    enum record_kind kind;
    int err = record_kind_of(RECORD_TABLE_STATE, key, &kind);
    if (err == 0 && kind == RECORD_HEAD) {
        err = record_decode_checkpoint_head(key, value, &l->head);
        l->found = err == 0;
    }
    return err == 0 ? 0 : env_record_error(l->env, RECORD_TABLE_STATE, key, err, l->error);
}

static int load_counts(struct state_store *s, MDB_txn *txn, const struct state_load *l,
                       struct store_error *error)
{
    uint64_t keys;
    uint64_t clients;
    TRY(env_count(&s->env, txn, RECORD_TABLE_KEYS, &keys, error));
    TRY(env_count(&s->env, txn, RECORD_TABLE_SESSIONS, &clients, error));
    uint64_t keys_wanted = l->found ? l->head.keys : 0;
    uint64_t clients_wanted = l->found ? l->head.clients : 0;
    if (keys == keys_wanted && clients == clients_wanted)
        return 0;
    return store_error_set(error, ERR_CORRUPT,
                           "%s: there are %llu keys and %llu sessions where the checkpoint has "
                           "%llu and %llu",
                           s->env.path, (unsigned long long)keys, (unsigned long long)clients,
                           (unsigned long long)keys_wanted, (unsigned long long)clients_wanted);
}

static int load_all(struct state_store *s, MDB_txn *txn, struct state_load *l)
{
    struct bytes all = {0};
    TRY(env_each(&s->env, txn, RECORD_TABLE_STATE, all, load_on_state, l, l->error));
    TRY(load_counts(s, txn, l, l->error));
    if (!l->found)
        return 0;
    TRY(env_each(&s->env, txn, RECORD_TABLE_KEYS, all, load_on_key, l, l->error));
    TRY(env_each(&s->env, txn, RECORD_TABLE_SESSIONS, all, load_on_session, l, l->error));
    int err = l->loader->on_head(l->loader->context, &l->head);
    if (err != 0)
        return store_error_set(l->error, err, "%s: the checkpoint of slot %llu does not add up: %s",
                               s->env.path, (unsigned long long)l->head.applied, err_text(err));
    return 0;
}

int state_store_load(struct state_store *s, const struct state_store_loader *loader,
                     bool *out_found, struct store_error *error)
{
    struct state_load l = {.env = &s->env, .loader = loader, .error = error};
    MDB_txn *txn;
    TRY(env_read_begin(&s->env, &txn, error));
    int err = load_all(s, txn, &l);
    env_read_end(txn);
    if (err == 0)
        *out_found = l.found;
    return err;
}

/* ---- Writing ---------------------------------------------------------------------------- */

struct state_write {
    struct env *env;
    MDB_txn *txn; /* NULL: none is open. */
    const struct state_store_pacing *pacing;
    struct store_error *error;
    bool undoable;       /* It has several parts. */
    bool stopped;        /* on_part said so. */
    uint64_t page_bytes; /* What a record costs in pages, beside its bytes. */
    uint64_t part_bytes;
    uint64_t part_records;
    struct buf value;
    struct buf before;
};

static int write_begin(struct state_write *w)
{
    if (w->txn != NULL)
        return 0;
    w->part_bytes = 0;
    w->part_records = 0;
    /* What is changed, and what it was: the last record of a part may be a large one. */
    return env_write_begin(w->env, (uint64_t)2 * PART_RECORDS_MAX,
                           2 * (w->pacing->part_bytes_max + VALUE_SIZE_MAX), &w->txn, w->error);
}

static int write_end(struct state_write *w, int err)
{
    MDB_txn *txn = w->txn;
    w->txn = NULL;
    return txn == NULL ? err : env_write_end(w->env, txn, err, w->error);
}

/* The part is full: make it durable, and let others have the disk. */
static int write_part(struct state_write *w)
{
    assert(w->undoable);
    TRY(write_end(w, 0));
    w->stopped = !w->pacing->on_part(w->pacing->context);
    return 0;
}

static int write_undo(struct state_write *w, enum record_table undo, struct bytes key)
{
    struct bytes before = {0};
    int err = env_get(w->env, w->txn, record_table_of_undo(undo), key, &before, w->error);
    if (err != 0 && err != ERR_NOT_FOUND)
        return err;
    err = record_encode_undo(undo, key, before, &w->before);
    if (err != 0)
        return store_error_set(w->error, err, "%s: out of memory to write a checkpoint",
                               w->env->path);
    w->part_bytes += key.size + w->before.size;
    return env_append(w->env, w->txn, undo, key, buf_bytes(&w->before), w->error);
}

/* w->value under key, or nothing. */
static int write_change(struct state_write *w, enum record_table undo, struct bytes key,
                        bool delete)
{
    enum record_table table = record_table_of_undo(undo);
    TRY(write_begin(w));
    if (w->undoable)
        TRY(write_undo(w, undo, key));
    if (delete)
        TRY(env_delete(w->env, w->txn, table, key, w->error));
    else
        TRY(env_put(w->env, w->txn, table, key, buf_bytes(&w->value), w->error));
    w->part_bytes += key.size + (delete ? 0 : w->value.size) + w->page_bytes;
    w->part_records++;
    if (!w->undoable ||
        (w->part_bytes < w->pacing->part_bytes_max && w->part_records < PART_RECORDS_MAX))
        return 0;
    return write_part(w);
}

static int write_no_memory(struct state_write *w, int err)
{
    return store_error_set(w->error, err, "%s: out of memory to write a checkpoint", w->env->path);
}

static int write_changes(struct state_write *w, const struct checkpoint *c)
{
    for (size_t i = 0; i < c->keys_count && !w->stopped; i++) {
        const struct checkpoint_key *k = &c->keys[i];
        int err = k->entry == NULL ? 0 : record_encode_checkpoint_key(k->entry, &w->value);
        if (err != 0)
            return write_no_memory(w, err);
        TRY(write_change(w, RECORD_TABLE_KEYS_UNDO, k->key, k->entry == NULL));
    }
    for (size_t i = 0; i < c->sessions_count && !w->stopped; i++) {
        const struct checkpoint_session *r = &c->sessions[i];
        bool delete = r->session.size == 0;
        int err =
            delete ? 0 : record_encode_checkpoint_session(r->client_id, r->session, &w->value);
        if (err != 0)
            return write_no_memory(w, err);
        TRY(write_change(w, RECORD_TABLE_SESSIONS_UNDO, r->client_id, delete));
    }
    return 0;
}

/* From here on it is the checkpoint, and there is nothing to undo. */
static int write_head(struct state_write *w, const struct checkpoint *c)
{
    struct buf key = {0};
    int err = record_encode_checkpoint_head(&c->head, &key, &w->value);
    if (err != 0)
        err = write_no_memory(w, err);
    if (err == 0)
        err = write_begin(w);
    if (err == 0)
        err = env_put(w->env, w->txn, RECORD_TABLE_STATE, buf_bytes(&key), buf_bytes(&w->value),
                      w->error);
    if (err == 0 && w->undoable)
        err = env_clear(w->env, w->txn, RECORD_TABLE_KEYS_UNDO, w->error);
    if (err == 0 && w->undoable)
        err = env_clear(w->env, w->txn, RECORD_TABLE_SESSIONS_UNDO, w->error);
    buf_fini(&key);
    return err;
}

static int compare_keys(const void *a, const void *b)
{
    const struct checkpoint_key *x = a;
    const struct checkpoint_key *y = b;
    return bytes_cmp(x->key, y->key);
}

static int compare_sessions(const void *a, const void *b)
{
    const struct checkpoint_session *x = a;
    const struct checkpoint_session *y = b;
    return bytes_cmp(x->client_id, y->client_id);
}

static uint64_t write_bytes(const struct checkpoint *c)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < c->keys_count; i++) {
        if (c->keys[i].entry != NULL)
            bytes += (uint64_t)c->keys[i].entry->key_size + c->keys[i].entry->value_size;
    }
    for (size_t i = 0; i < c->sessions_count; i++)
        bytes += c->sessions[i].client_id.size + c->sessions[i].session.size;
    return bytes;
}

/* In order, changes share the leaves of the tree: how many are there for each? And how much is it
   all together: more than a part? */
static int write_plan(struct state_write *w, const struct checkpoint *c)
{
    MDB_txn *txn;
    uint64_t leaves = 0;
    uint64_t sessions_leaves = 0;
    uint64_t records = c->keys_count + c->sessions_count;
    TRY(env_read_begin(w->env, &txn, w->error));
    int err = env_count_leaves(w->env, txn, RECORD_TABLE_KEYS, &leaves, w->error);
    if (err == 0)
        err = env_count_leaves(w->env, txn, RECORD_TABLE_SESSIONS, &sessions_leaves, w->error);
    env_read_end(txn);
    TRY(err);
    leaves += sessions_leaves;
    if (records > 0)
        w->page_bytes = w->env->page_size * (leaves < records ? leaves : records) / records;
    w->undoable = records > PART_RECORDS_MAX ||
                  write_bytes(c) + records * w->page_bytes > w->pacing->part_bytes_max;
    return 0;
}

int state_store_write(struct state_store *s, struct checkpoint *c,
                      const struct state_store_pacing *pacing, bool *out_written,
                      struct store_error *error)
{
    struct state_write w = {.env = &s->env, .pacing = pacing, .error = error};
    assert(!s->abandoned);
    if (c->keys_count > 1)
        qsort(c->keys, c->keys_count, sizeof(*c->keys), compare_keys);
    if (c->sessions_count > 1)
        qsort(c->sessions, c->sessions_count, sizeof(*c->sessions), compare_sessions);
    int err = write_plan(&w, c);
    if (err == 0)
        err = write_changes(&w, c);
    if (err == 0 && !w.stopped)
        err = write_head(&w, c);
    err = write_end(&w, err);
    buf_fini(&w.value);
    buf_fini(&w.before);
    s->abandoned = w.stopped;
    if (err == 0)
        *out_written = !w.stopped;
    return err;
}

void state_store_get_usage(struct state_store *s, struct store_usage *out_usage)
{
    env_get_usage(&s->env, out_usage);
}
