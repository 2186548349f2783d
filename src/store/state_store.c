/* state_store.c -- see state_store.h. */
#include "store/state_store.h"

#include <assert.h>

#include "base/mem.h"
#include "store/env.h"

static const enum record_table state_tables[] = {RECORD_TABLE_STATE, RECORD_TABLE_KEYS,
                                                 RECORD_TABLE_SESSIONS};
#define STATE_TABLES (sizeof(state_tables) / sizeof(state_tables[0]))

struct state_store {
    struct env env;
};

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
    return env_write_end(&s->env, txn, state_start(s, txn, identity, error), error);
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
    MDB_txn *txn;
    struct store_error *error;
};

static int write_on_change(void *context, const struct record_change *change)
{
    struct state_write *w = context;
    if (change->delete)
        return env_delete(w->env, w->txn, change->table, change->key, w->error);
    return env_put(w->env, w->txn, change->table, change->key, change->value, w->error);
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

int state_store_write(struct state_store *s, const struct checkpoint *c, struct store_error *error)
{
    struct state_write w = {.env = &s->env, .error = error};
    TRY(env_write_begin(&s->env, c->keys_count + c->sessions_count + 1, write_bytes(c), &w.txn,
                        error));
    int err = record_encode_checkpoint(c, write_on_change, &w);
    if (err == ERR_NO_MEMORY)
        (void)store_error_set(error, err, "%s: out of memory to write a checkpoint", s->env.path);
    return env_write_end(&s->env, w.txn, err, error);
}

void state_store_get_usage(struct state_store *s, struct store_usage *out_usage)
{
    env_get_usage(&s->env, out_usage);
}
