/* acceptor_store.c -- see acceptor_store.h. */
#define _GNU_SOURCE
#include "store/acceptor_store.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/acceptor_read.h"
#include "store/env.h"

/* The last one exists in coordinated mode only. */
static const enum record_table acceptor_tables[] = {RECORD_TABLE_META, RECORD_TABLE_VOTES,
                                                    RECORD_TABLE_LEARNT, RECORD_TABLE_RANGES};
#define TABLES_CLASSIC 3
#define TABLES_COORDINATED 4

struct acceptor_store {
    struct env env;
    int lock_fd;
    struct identity identity;
    bool keep_mode; /* While it is opened. */
    uint64_t boot;
    bool admitted;
    _Atomic uint64_t chosen_to;
    /* The committing thread's. */
    struct buf key;
    struct buf value;
};

/* ---- Opening ---------------------------------------------------------------------------- */

/* What META held when it was read. */
struct meta {
    const struct env *env;
    struct store_error *error;
    bool has_identity;
    struct identity identity;
    uint64_t boot;
    bool admitted;
    uint64_t chosen_to;
};

static int meta_decode(struct meta *m, struct bytes key, struct bytes value)
{
    enum record_kind kind;
    struct durable d;
    TRY(record_kind_of(RECORD_TABLE_META, key, &kind));
    if (kind == RECORD_IDENTITY) {
        m->has_identity = true;
        return record_decode_identity(RECORD_TABLE_META, key, value, &m->identity);
    }
    if (kind == RECORD_BOOT)
        return record_decode_boot(key, value, &m->boot);
    TRY(record_decode_durable(RECORD_TABLE_META, key, value, &d));
    if (d.kind == DURABLE_CHOSEN_TO)
        m->chosen_to = d.slot;
    if (d.kind == DURABLE_ADMITTED)
        m->admitted = true;
    return 0;
}

static int meta_on_record(void *context, struct bytes key, struct bytes value)
{
    struct meta *m = context;
    int err = meta_decode(m, key, value);
    return err == 0 ? 0 : env_record_error(m->env, RECORD_TABLE_META, key, err, m->error);
}

static int acceptor_draw_disk_id(uint8_t out[DISK_ID_SIZE], struct store_error *error)
{
    if (getrandom(out, DISK_ID_SIZE, 0) != DISK_ID_SIZE)
        return store_error_set(error, ERR_IO, "cannot draw a disk_id: %s", strerror(errno));
    return 0;
}

static int acceptor_put_identity(struct acceptor_store *s, MDB_txn *txn, struct store_error *error)
{
    TRY(acceptor_draw_disk_id(s->identity.disk_id, error));
    int err = record_encode_identity(RECORD_TABLE_META, &s->identity, &s->key, &s->value);
    if (err != 0)
        return store_error_set(error, err, "%s: %s", s->env.path, err_text(err));
    return env_put(&s->env, txn, RECORD_TABLE_META, buf_bytes(&s->key), buf_bytes(&s->value),
                   error);
}

/* "boot is durable before the node sends anything": docs/protocol.md, section 1. */
static int acceptor_put_boot(struct acceptor_store *s, MDB_txn *txn, struct store_error *error)
{
    int err = record_encode_boot(s->boot, &s->key, &s->value);
    if (err != 0)
        return store_error_set(error, err, "%s: %s", s->env.path, err_text(err));
    return env_put(&s->env, txn, RECORD_TABLE_META, buf_bytes(&s->key), buf_bytes(&s->value),
                   error);
}

static size_t acceptor_tables_count(const struct acceptor_store *s)
{
    return s->identity.mode == MODE_COORDINATED ? TABLES_COORDINATED : TABLES_CLASSIC;
}

/* In the one transaction that makes a start, or a new directory, what it is. */
static int acceptor_start(struct acceptor_store *s, MDB_txn *txn, struct store_error *error)
{
    struct meta meta = {.env = &s->env, .error = error};
    TRY(env_tables(&s->env, txn, acceptor_tables, TABLES_CLASSIC, error));
    TRY(env_each(&s->env, txn, RECORD_TABLE_META, (struct bytes){0}, meta_on_record, &meta, error));
    if (s->env.is_new) {
        TRY(acceptor_put_identity(s, txn, error));
    } else {
        if (!meta.has_identity || meta.boot == 0)
            return store_error_set(error, ERR_CORRUPT, "%s: the record meta/%s is missing",
                                   s->env.path, meta.has_identity ? "boot" : "identity");
        if (s->keep_mode)
            s->identity.mode = meta.identity.mode;
        TRY(env_identity_check(&s->env, &meta.identity, &s->identity, false, error));
        s->identity = meta.identity;
    }
    TRY(env_tables(&s->env, txn, acceptor_tables, acceptor_tables_count(s), error));
    s->boot = meta.boot + 1;
    s->admitted = meta.admitted;
    atomic_init(&s->chosen_to, meta.chosen_to);
    return acceptor_put_boot(s, txn, error);
}

static int acceptor_open_env(struct acceptor_store *s, const struct acceptor_store_options *o,
                             struct store_error *error)
{
    char path[STORE_PATH_MAX];
    MDB_txn *txn;
    TRY(directory_join(o->dir, "", path, error));
    TRY(directory_create(o->dir, error));
    TRY(directory_lock(o->dir, true, &s->lock_fd, error));
    /* The acceptor is made, with its first commit, before the state is. */
    if (directory_has_data(o->dir, "state") && !directory_has_data(o->dir, "acceptor"))
        return store_error_set(error, ERR_MISMATCH,
                               "%s: the state is there, but the acceptor's promises and votes are "
                               "lost: put dir/acceptor back; without it this disk may not vote",
                               o->dir);
    TRY(env_open(&s->env, o->dir, "acceptor", o->map_size_bytes, false, error));
    TRY(env_write_begin(&s->env, 2, 1024, &txn, error));
    return env_write_end(&s->env, txn, acceptor_start(s, txn, error), error);
}

int acceptor_store_open(const struct acceptor_store_options *options,
                        struct acceptor_store **out_store, struct store_error *error)
{
    assert(options->map_size_bytes > 0);
    struct acceptor_store *s = mem_alloc_zero(sizeof(*s));
    if (s == NULL)
        return store_error_set(error, ERR_NO_MEMORY, "%s: out of memory", options->dir);
    s->lock_fd = -1;
    s->identity = options->identity;
    s->keep_mode = options->keep_mode;
    int err = acceptor_open_env(s, options, error);
    if (err != 0) {
        acceptor_store_close(s);
        return err;
    }
    *out_store = s;
    return 0;
}

void acceptor_store_close(struct acceptor_store *s)
{
    if (s == NULL)
        return;
    env_close(&s->env);
    if (s->lock_fd >= 0)
        (void)close(s->lock_fd);
    buf_fini(&s->key);
    buf_fini(&s->value);
    mem_free(s);
}

const struct identity *acceptor_store_identity(const struct acceptor_store *s)
{
    return &s->identity;
}

uint64_t acceptor_store_boot(const struct acceptor_store *s)
{
    return s->boot;
}

bool acceptor_store_admitted(const struct acceptor_store *s)
{
    return s->admitted;
}

uint64_t acceptor_store_chosen_to(const struct acceptor_store *s)
{
    return atomic_load_explicit(&s->chosen_to, memory_order_acquire);
}

/* ---- Loading ---------------------------------------------------------------------------- */

struct load {
    const struct env *env;
    enum record_table table;
    uint64_t above;
    int (*on_record)(void *context, const struct durable *record);
    void *context;
    struct store_error *error;
};

static int load_on_record(void *context, struct bytes key, struct bytes value)
{
    struct load *l = context;
    struct durable d;
    int err = record_decode_durable(l->table, key, value, &d);
    if (err == ERR_NOT_FOUND)
        return 0; /* Identity and boot: read when opened. */
    if (err != 0)
        return env_record_error(l->env, l->table, key, err, l->error);
    if (l->table == RECORD_TABLE_RANGES && d.interval.last <= l->above)
        return 0; /* In the same block, but below. */
    err = l->on_record(l->context, &d);
    value_unref(d.value);
    return err == 0 ? 0 : env_record_refused(l->env, l->table, key, err, l->error);
}

static int load_tables(struct acceptor_store *s, MDB_txn *txn, uint64_t above, struct load *l)
{
    uint8_t slot_key[RECORD_SLOT_KEY_SIZE];
    for (size_t i = 0; i < acceptor_tables_count(s); i++) {
        struct bytes from = {.data = slot_key, .size = sizeof(slot_key)};
        l->table = acceptor_tables[i];
        if (l->table == RECORD_TABLE_META)
            from = (struct bytes){0};
        else if (l->table == RECORD_TABLE_RANGES)
            record_key_block(above + 1, slot_key);
        else
            record_key_slot(above + 1, slot_key);
        TRY(env_each(&s->env, txn, l->table, from, load_on_record, l, l->error));
    }
    return 0;
}

int acceptor_store_load(struct acceptor_store *s, uint64_t above,
                        int (*on_record)(void *context, const struct durable *record),
                        void *context, struct store_error *error)
{
    assert(above < UINT64_MAX);
    struct load l = {
        .env = &s->env, .above = above, .on_record = on_record, .context = context, .error = error};
    MDB_txn *txn;
    TRY(env_read_begin(&s->env, &txn, error));
    int err = load_tables(s, txn, above, &l);
    env_read_end(txn);
    return err;
}

/* ---- Committing ------------------------------------------------------------------------- */

static int commit_put(struct acceptor_store *s, MDB_txn *txn, const struct durable *d,
                      struct store_error *error)
{
    enum record_table table;
    int err = record_encode_durable(d, &table, &s->key, &s->value);
    if (err != 0)
        return store_error_set(error, err, "%s: cannot write: %s", s->env.path, err_text(err));
    return env_put(&s->env, txn, table, buf_bytes(&s->key), buf_bytes(&s->value), error);
}

int acceptor_store_commit(struct acceptor_store *s, const struct durable *records, size_t count,
                          struct store_error *error)
{
    uint64_t chosen_to = acceptor_store_chosen_to(s);
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += records[i].value == NULL ? 0 : records[i].value->size;
        if (records[i].kind != DURABLE_CHOSEN_TO)
            continue;
        assert(records[i].slot >= chosen_to);
        chosen_to = records[i].slot;
    }

    MDB_txn *txn;
    TRY(env_write_begin(&s->env, count, bytes, &txn, error));
    int err = 0;
    for (size_t i = 0; i < count && err == 0; i++)
        err = commit_put(s, txn, &records[i], error);
    TRY(env_write_end(&s->env, txn, err, error));
    atomic_store_explicit(&s->chosen_to, chosen_to, memory_order_release);
    return 0;
}

/* ---- Reading ---------------------------------------------------------------------------- */

int acceptor_store_read_chosen(struct acceptor_store *s, uint64_t from, uint64_t to,
                               uint64_t bytes_max,
                               int (*on_value)(void *context, uint64_t slot, struct value *value),
                               void *context, struct store_error *error)
{
    assert(from >= 1);
    uint64_t chosen_to = acceptor_store_chosen_to(s);
    uint64_t last = to < chosen_to ? to : chosen_to;
    MDB_txn *txn;
    TRY(env_read_begin(&s->env, &txn, error));
    int err = read_chosen(&s->env, txn, from, last, bytes_max, on_value, context, error);
    env_read_end(txn);
    return err;
}

int acceptor_store_read_slot(struct acceptor_store *s, uint64_t slot,
                             struct acceptor_store_slot *out_slot, struct store_error *error)
{
    assert(slot >= 1);
    struct acceptor_store_slot found = {0};
    bool is_chosen = slot <= acceptor_store_chosen_to(s);
    MDB_txn *txn;
    TRY(env_read_begin(&s->env, &txn, error));
    int err = read_slot(&s->env, txn, slot, is_chosen, &found, error);
    env_read_end(txn);
    if (err != 0)
        acceptor_store_slot_fini(&found);
    else
        *out_slot = found;
    return err;
}

void acceptor_store_slot_fini(struct acceptor_store_slot *slot)
{
    value_unref(slot->vote.value);
    value_unref(slot->learnt.value);
    *slot = (struct acceptor_store_slot){0};
}

void acceptor_store_get_usage(struct acceptor_store *s, struct store_usage *out_usage)
{
    env_get_usage(&s->env, out_usage);
}
