/* acceptor_store.c -- see acceptor_store.h. */
#define _GNU_SOURCE
#include "store/acceptor_store.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/acceptor_read.h"
#include "store/env.h"
#include "store/journal.h"
#include "store/merge.h"

/* A part that is merged at a start, where nobody waits for another sync. */
#define RECOVER_PART_MAX ((uint64_t)4 << 20)

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
    struct journal journal;
    _Atomic uint64_t chosen_to; /* Of what is merged. */
    /* The committing thread's. */
    uint64_t committed_to; /* chosen_to of what is committed. */
    bool failed;
    struct buf key;
    struct buf value;
    /*
     * Whoever merges holds it. Mostly nobody waits: the one thread that merges is another than the
     * one that commits, unless the journal is full; then that one helps.
     */
    pthread_mutex_t merging;
    struct merge merge;
};

/* ---- Opening ---------------------------------------------------------------------------- */

/* What META held when it was read. */
struct meta {
    const struct env *env;
    struct store_error *error;
    bool has_identity;
    struct identity identity;
    uint64_t boot;
    bool has_journal;
    uint64_t journal;
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
    if (kind == RECORD_JOURNAL) {
        m->has_journal = true;
        return record_decode_journal(key, value, &m->journal);
    }
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
    int err = record_encode_identity(RECORD_TABLE_META, &s->identity, &s->key, &s->value);
    if (err != 0)
        return store_error_set(error, err, "%s: %s", s->env.path, err_text(err));
    return env_put(&s->env, txn, RECORD_TABLE_META, buf_bytes(&s->key), buf_bytes(&s->value),
                   error);
}

/* "boot is durable before the node sends anything": docs/protocol.md, section 1. */
static int acceptor_put_start(struct acceptor_store *s, MDB_txn *txn, struct store_error *error)
{
    int err = record_encode_boot(s->boot, &s->key, &s->value);
    if (err == 0)
        err = env_put(&s->env, txn, RECORD_TABLE_META, buf_bytes(&s->key), buf_bytes(&s->value),
                      error);
    else
        (void)store_error_set(error, err, "%s: %s", s->env.path, err_text(err));
    TRY(err);
    err = record_encode_journal(s->journal.end, &s->key, &s->value);
    if (err != 0)
        return store_error_set(error, err, "%s: %s", s->env.path, err_text(err));
    return env_put(&s->env, txn, RECORD_TABLE_META, buf_bytes(&s->key), buf_bytes(&s->value),
                   error);
}

static size_t acceptor_tables_count(const struct acceptor_store *s)
{
    return s->identity.mode == MODE_COORDINATED ? TABLES_COORDINATED : TABLES_CLASSIC;
}

/* META of a directory that is not new: whose is it, and where does its journal begin? */
static int acceptor_read_meta(struct acceptor_store *s, MDB_txn *txn, struct meta *meta,
                              struct store_error *error)
{
    *meta = (struct meta){.env = &s->env, .error = error};
    TRY(env_each(&s->env, txn, RECORD_TABLE_META, (struct bytes){0}, meta_on_record, meta, error));
    const char *missing = !meta->has_identity  ? "identity"
                          : meta->boot == 0    ? "boot"
                          : !meta->has_journal ? "journal"
                                               : NULL;
    if (missing != NULL)
        return store_error_set(error, ERR_CORRUPT, "%s: the record meta/%s is missing", s->env.path,
                               missing);
    if (s->keep_mode)
        s->identity.mode = meta->identity.mode;
    return env_identity_check(&s->env, &meta->identity, &s->identity, false, error);
}

/* Nothing is written here but the tables of a new directory, and those only with the start. */
static int acceptor_look(struct acceptor_store *s, struct meta *meta, struct store_error *error)
{
    MDB_txn *txn;
    TRY(env_write_begin(&s->env, 0, 0, &txn, error));
    int err = env_tables(&s->env, txn, acceptor_tables, TABLES_CLASSIC, error);
    if (err == 0 && s->env.is_new) {
        env_write_drop(&s->env, txn);
        return 0;
    }
    if (err == 0)
        err = acceptor_read_meta(s, txn, meta, error);
    if (err == 0) {
        s->identity = meta->identity;
        err = env_tables(&s->env, txn, acceptor_tables, acceptor_tables_count(s), error);
    }
    return env_write_end(&s->env, txn, err, error);
}

/* In the one transaction that makes a start, or a new directory, what it is. */
static int acceptor_start(struct acceptor_store *s, MDB_txn *txn, struct store_error *error)
{
    struct meta meta = {0};
    TRY(env_tables(&s->env, txn, acceptor_tables, acceptor_tables_count(s), error));
    if (s->env.is_new)
        TRY(acceptor_put_identity(s, txn, error));
    else
        TRY(acceptor_read_meta(s, txn, &meta, error));
    s->boot = meta.boot + 1;
    s->admitted = meta.admitted;
    s->committed_to = meta.chosen_to;
    atomic_init(&s->chosen_to, meta.chosen_to);
    return acceptor_put_start(s, txn, error);
}

/* A new journal, or the one that is there with all that is in it merged. */
static int acceptor_open_journal(struct acceptor_store *s, const struct acceptor_store_options *o,
                                 const struct meta *meta, struct store_error *error)
{
    char path[STORE_PATH_MAX];
    TRY(directory_join(s->env.path, "journal", path, error));
    if (s->env.is_new) {
        uint64_t size = o->journal_size_bytes;
        TRY(acceptor_draw_disk_id(s->identity.disk_id, error));
        TRY(journal_create(path, size > 0 ? size : STORE_JOURNAL_SIZE_DEFAULT, error));
        TRY(directory_sync(s->env.path, error));
        TRY(journal_open(&s->journal, path, s->identity.disk_id, false, error));
        journal_begin(&s->journal, 0);
        return 0;
    }
    uint64_t chosen_to = 0;
    TRY(journal_open(&s->journal, path, s->identity.disk_id, false, error));
    TRY(journal_recover(&s->journal, meta->journal, error));
    while (acceptor_store_unmerged(s) > 0)
        TRY(merge_part(&s->merge, &s->env, &s->journal, RECOVER_PART_MAX, &chosen_to, error));
    journal_begin(&s->journal, journal_next_start(&s->journal));
    return 0;
}

static int acceptor_open_env(struct acceptor_store *s, const struct acceptor_store_options *o,
                             struct store_error *error)
{
    char path[STORE_PATH_MAX];
    struct meta meta = {0};
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
    TRY(acceptor_look(s, &meta, error));
    TRY(acceptor_open_journal(s, o, &meta, error));
    TRY(env_write_begin(&s->env, 3, 1024, &txn, error));
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
    (void)pthread_mutex_init(&s->merging, NULL); /* Never fails: no attributes. */
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
    journal_close(&s->journal);
    env_close(&s->env);
    if (s->lock_fd >= 0)
        (void)close(s->lock_fd);
    merge_fini(&s->merge);
    (void)pthread_mutex_destroy(&s->merging);
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
        return 0; /* Identity, boot, journal: read when opened. */
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

/* The gathered frame goes to the file. The journal is full: what is in it is merged first. */
static int commit_flush(struct acceptor_store *s, struct store_error *error)
{
    while (!journal_has_room(&s->journal)) {
        TRY(journal_sync(&s->journal, error));
        TRY(acceptor_store_merge(s, STORE_PART_MAX, error));
    }
    return journal_flush(&s->journal, error);
}

static int commit_add(struct acceptor_store *s, const struct durable *d, struct store_error *error)
{
    enum record_table table;
    int err = record_encode_durable(d, &table, &s->key, &s->value);
    if (err != 0)
        return store_error_set(error, err, "%s: cannot write: %s", s->env.path, err_text(err));
    if (journal_add(&s->journal, table, buf_bytes(&s->key), buf_bytes(&s->value)))
        return 0;
    TRY(commit_flush(s, error));
    bool added = journal_add(&s->journal, table, buf_bytes(&s->key), buf_bytes(&s->value));
    assert(added);
    (void)added;
    return 0;
}

static int commit_check(const struct acceptor_store *s, struct store_error *error)
{
    if (!s->failed)
        return 0;
    return store_error_set(error, ERR_IO,
                           "%s: an earlier write failed: what is on the disk is not known before a "
                           "new start",
                           s->journal.path);
}

int acceptor_store_add(struct acceptor_store *s, const struct durable *records, size_t count,
                       struct store_error *error)
{
    TRY(commit_check(s, error));
    for (size_t i = 0; i < count; i++) {
        if (records[i].kind == DURABLE_CHOSEN_TO) {
            assert(records[i].slot >= s->committed_to);
            s->committed_to = records[i].slot;
        }
        int err = commit_add(s, &records[i], error);
        s->failed = err != 0;
        TRY(err);
    }
    return 0;
}

int acceptor_store_sync(struct acceptor_store *s, struct store_error *error)
{
    TRY(commit_check(s, error));
    int err = commit_flush(s, error);
    if (err == 0)
        err = journal_sync(&s->journal, error);
    s->failed = err != 0;
    return err;
}

int acceptor_store_commit(struct acceptor_store *s, const struct durable *records, size_t count,
                          struct store_error *error)
{
    TRY(acceptor_store_add(s, records, count, error));
    return acceptor_store_sync(s, error);
}

uint64_t acceptor_store_unmerged(const struct acceptor_store *s)
{
    uint64_t merged = atomic_load_explicit(&s->journal.merged, memory_order_acquire);
    return atomic_load_explicit(&s->journal.synced, memory_order_acquire) - merged;
}

int acceptor_store_merge(struct acceptor_store *s, uint64_t bytes_max, struct store_error *error)
{
    (void)pthread_mutex_lock(&s->merging);
    uint64_t chosen_to = acceptor_store_chosen_to(s);
    int err = merge_part(&s->merge, &s->env, &s->journal, bytes_max, &chosen_to, error);
    if (err == 0)
        atomic_store_explicit(&s->chosen_to, chosen_to, memory_order_release);
    (void)pthread_mutex_unlock(&s->merging);
    return err;
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
