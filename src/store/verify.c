/* verify.c -- see verify.h. */
#define _GNU_SOURCE
#include "store/verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/acceptor_read.h"
#include "store/env.h"
#include "store/journal.h"

struct verify {
    void (*on_bad)(void *context, const char *line);
    void *context;
    struct store_verify_report report;
    struct store_error *error;
    struct env env;          /* Which is being read. */
    enum record_table table; /* Of it. */
    struct buf line;
    /* What records say that others must agree with. */
    bool has_identity;
    struct identity identity; /* The acceptor's. */
    uint64_t chosen_to;
    bool has_journal;
    uint64_t journal;
    bool has_head;
    struct checkpoint_head head;
};

static void verify_bad(struct verify *v, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void verify_bad(struct verify *v, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    v->report.bad++;
    v->on_bad(v->context, line);
}

/* ---- Each record ------------------------------------------------------------------------ */

static void verify_identity(struct verify *v, const struct identity *identity)
{
    struct store_error text;
    if (v->table == RECORD_TABLE_META) {
        v->identity = *identity;
        v->has_identity = true;
    } else if (v->has_identity &&
               env_identity_check(&v->env, identity, &v->identity, true, &text) != 0) {
        verify_bad(v, "%s", text.text);
    }
}

/* A good record of META or STATE: what does it say? */
static void verify_note(struct verify *v, struct bytes key, struct bytes value)
{
    enum record_kind kind;
    struct durable d;
    struct identity identity;
    if (record_kind_of(v->table, key, &kind) != 0)
        return;
    if (kind == RECORD_HEAD)
        v->has_head = record_decode_checkpoint_head(key, value, &v->head) == 0;
    else if (kind == RECORD_CHOSEN_TO && record_decode_durable(v->table, key, value, &d) == 0)
        v->chosen_to = d.slot;
    else if (kind == RECORD_JOURNAL)
        v->has_journal = record_decode_journal(key, value, &v->journal) == 0;
    else if (kind == RECORD_IDENTITY &&
             record_decode_identity(v->table, key, value, &identity) == 0)
        verify_identity(v, &identity);
}

/* *out_good: it is. */
static int verify_record(struct verify *v, const char *path, struct bytes key, struct bytes value,
                         bool *out_good)
{
    int err = record_verify(v->table, key, value);
    *out_good = err == 0;
    if (err == 0)
        return 0;
    buf_clear(&v->line);
    if (err == ERR_NO_MEMORY || record_print(v->table, key, value, &v->line) != 0)
        return store_error_set(v->error, ERR_NO_MEMORY, "%s: out of memory", path);
    verify_bad(v, "%s: %.*s", path, (int)v->line.size, (const char *)v->line.data);
    return 0;
}

static int verify_on_record(void *context, struct bytes key, struct bytes value)
{
    struct verify *v = context;
    bool good;
    v->report.records[v->table]++;
    TRY(verify_record(v, v->env.path, key, value, &good));
    if (good)
        verify_note(v, key, value);
    return 0;
}

/* An error that is the disk's fault is a finding; any other ends the verification. */
static int verify_finding(struct verify *v, int err)
{
    if (err != ERR_CORRUPT && err != ERR_MISMATCH)
        return err;
    verify_bad(v, "%s", v->error->text);
    return 0;
}

static int verify_table(struct verify *v, MDB_txn *txn, enum record_table table)
{
    uint64_t count = 0;
    v->table = table;
    int err = env_each(&v->env, txn, table, (struct bytes){0}, verify_on_record, v, v->error);
    if (err == 0)
        err = env_count(&v->env, txn, table, &count, v->error);
    if (err != 0)
        return verify_finding(v, err);
    if (count != v->report.records[table])
        verify_bad(v, "%s: the table `%s` should have %llu records and has %llu", v->env.path,
                   record_table_name(table), (unsigned long long)count,
                   (unsigned long long)v->report.records[table]);
    return 0;
}

/* ---- Records together ------------------------------------------------------------------- */

/* Does a record of this slot hold a value? One that is corrupt was reported already. */
static int verify_has_value(struct verify *v, MDB_txn *txn, enum record_table table, uint64_t slot,
                            bool *out_has)
{
    uint8_t slot_key[RECORD_SLOT_KEY_SIZE];
    struct bytes key = {.data = slot_key, .size = sizeof(slot_key)};
    struct bytes value;
    struct durable d;
    record_key_slot(slot, slot_key);
    int err = env_get(&v->env, txn, table, key, &value, v->error);
    *out_has = false;
    if (err != 0)
        return err == ERR_NOT_FOUND ? 0 : err;
    err = record_decode_durable(table, key, value, &d);
    if (err == ERR_NO_MEMORY)
        return store_error_set(v->error, err, "%s: out of memory", v->env.path);
    *out_has = err != 0 || d.value != NULL;
    if (err == 0)
        value_unref(d.value);
    return 0;
}

/* Slots from..to, which are in one block. */
static int verify_chosen_block(struct verify *v, MDB_txn *txn, uint64_t from, uint64_t to,
                               struct read_range *ranges)
{
    int err = read_ranges(&v->env, txn, from, to, ranges, v->error);
    if (err == ERR_CORRUPT || err == ERR_MISMATCH)
        return 0; /* That was reported; what the others cover is not known. */
    TRY(err);
    for (uint64_t slot = from; slot <= to; slot++) {
        const struct read_range *range = &ranges[slot - from];
        bool has_value = range->learnt || !ballot_is_none(range->voted);
        if (!has_value)
            TRY(verify_has_value(v, txn, RECORD_TABLE_LEARNT, slot, &has_value));
        if (!has_value)
            TRY(verify_has_value(v, txn, RECORD_TABLE_VOTES, slot, &has_value));
        if (!has_value)
            verify_bad(v, "%s: slot %llu is chosen, but its value is missing", v->env.path,
                       (unsigned long long)slot);
    }
    return 0;
}

/* The log is not truncated yet: it begins at slot 1. */
static int verify_chosen(struct verify *v, MDB_txn *txn)
{
    struct read_range *ranges = mem_alloc(INTERVAL_BLOCK * sizeof(*ranges));
    if (ranges == NULL)
        return store_error_set(v->error, ERR_NO_MEMORY, "%s: out of memory", v->env.path);
    int err = 0;
    for (uint64_t from = 1; err == 0 && from <= v->chosen_to;) {
        uint64_t to = (from / INTERVAL_BLOCK + 1) * INTERVAL_BLOCK - 1;
        to = to < v->chosen_to ? to : v->chosen_to;
        err = verify_chosen_block(v, txn, from, to, ranges);
        from = to + 1;
    }
    mem_free(ranges);
    return err;
}

/* ---- The journal ------------------------------------------------------------------------ */

static int verify_frame(struct verify *v, const struct journal *j, struct bytes records)
{
    for (;;) {
        struct bytes key;
        struct bytes value;
        bool good;
        int err = journal_take(&records, &v->table, &key, &value);
        if (err == ERR_NOT_FOUND)
            return 0;
        if (err != 0) {
            verify_bad(v, "%s: a commit is corrupt", j->path);
            return 0;
        }
        v->report.journal_records++;
        TRY(verify_record(v, j->path, key, value, &good));
    }
}

static int verify_journal(struct verify *v)
{
    struct journal j;
    struct journal_frame frame;
    char path[STORE_PATH_MAX];
    if (!v->has_identity || !v->has_journal)
        return 0; /* That was reported. */
    TRY(directory_join(v->env.path, "journal", path, v->error));
    int err = journal_open(&j, path, v->identity.disk_id, true, v->error);
    if (err != 0)
        return verify_finding(v, err);
    err = verify_finding(v, journal_recover(&j, v->journal, v->error));
    uint64_t at = v->journal;
    while (err == 0 && at - v->journal < j.size_bytes && journal_read(&j, at, &frame)) {
        err = verify_frame(v, &j, frame.records);
        at = frame.end;
    }
    journal_close(&j);
    return err;
}

static int verify_acceptor(struct verify *v, MDB_txn *txn)
{
    static const enum record_table tables[] = {RECORD_TABLE_META, RECORD_TABLE_VOTES,
                                               RECORD_TABLE_LEARNT, RECORD_TABLE_RANGES};
    TRY(env_tables(&v->env, txn, tables, 3, v->error));
    for (size_t i = 0; i < 3; i++)
        TRY(verify_table(v, txn, tables[i]));
    if (!v->has_identity)
        verify_bad(v, "%s: there is no good identity", v->env.path);
    /* The last one exists in coordinated mode only. */
    if (v->has_identity && v->identity.mode == MODE_COORDINATED) {
        TRY(env_tables(&v->env, txn, &tables[3], 1, v->error));
        TRY(verify_table(v, txn, tables[3]));
    }
    if (!v->has_journal)
        verify_bad(v, "%s: there is no good record of the journal", v->env.path);
    TRY(verify_chosen(v, txn));
    return verify_journal(v);
}

/* How many records the table of an undo table has more once that is undone. */
struct undoing {
    struct verify *v;
    MDB_txn *txn;
    uint64_t added;
    uint64_t removed;
};

static int undoing_on_record(void *context, struct bytes key, struct bytes value)
{
    struct undoing *u = context;
    struct bytes before;
    struct bytes now;
    if (record_decode_undo(u->v->table, key, value, &before) != 0)
        return 0; /* That was reported. */
    int err =
        env_get(&u->v->env, u->txn, record_table_of_undo(u->v->table), key, &now, u->v->error);
    if (err != 0 && err != ERR_NOT_FOUND)
        return err;
    u->added += before.size > 0 && err == ERR_NOT_FOUND;
    u->removed += before.size == 0 && err == 0;
    return 0;
}

/* How many records the table will have at the next start. */
static int verify_undone(struct verify *v, MDB_txn *txn, enum record_table undo, uint64_t *out)
{
    struct undoing u = {.v = v, .txn = txn};
    v->table = undo;
    TRY(env_each(&v->env, txn, undo, (struct bytes){0}, undoing_on_record, &u, v->error));
    *out = v->report.records[record_table_of_undo(undo)] + u.added - u.removed;
    return 0;
}

static int verify_state(struct verify *v, MDB_txn *txn)
{
    static const enum record_table tables[] = {RECORD_TABLE_STATE, RECORD_TABLE_KEYS,
                                               RECORD_TABLE_SESSIONS, RECORD_TABLE_KEYS_UNDO,
                                               RECORD_TABLE_SESSIONS_UNDO};
    uint64_t keys;
    uint64_t clients;
    TRY(env_tables(&v->env, txn, tables, 5, v->error));
    for (size_t i = 0; i < 5; i++)
        TRY(verify_table(v, txn, tables[i]));
    TRY(verify_undone(v, txn, RECORD_TABLE_KEYS_UNDO, &keys));
    TRY(verify_undone(v, txn, RECORD_TABLE_SESSIONS_UNDO, &clients));
    if ((v->has_head ? v->head.keys : 0) != keys || (v->has_head ? v->head.clients : 0) != clients)
        verify_bad(v, "%s: there are %llu keys and %llu sessions, which is not what the head says",
                   v->env.path, (unsigned long long)keys, (unsigned long long)clients);
    return 0;
}

static int verify_env(struct verify *v, const char *dir, const char *name,
                      int (*verify_it)(struct verify *v, MDB_txn *txn))
{
    MDB_txn *txn;
    int err = env_open(&v->env, dir, name, STORE_MAP_SIZE_DEFAULT, true, v->error);
    if (err != 0)
        return verify_finding(v, err);
    err = env_read_begin(&v->env, &txn, v->error);
    if (err == 0) {
        err = verify_finding(v, verify_it(v, txn));
        env_read_end(txn);
    }
    env_close(&v->env);
    return err;
}

int store_verify(const char *dir, void (*on_bad)(void *context, const char *line), void *context,
                 struct store_verify_report *out_report, struct store_error *error)
{
    int lock_fd;
    struct verify v = {.on_bad = on_bad, .context = context, .error = error};
    TRY(directory_lock(dir, false, &lock_fd, error));
    int err = verify_env(&v, dir, "acceptor", verify_acceptor);
    /* A node that was killed in its first second has no state yet. */
    if (err == 0 && directory_has_data(dir, "state"))
        err = verify_env(&v, dir, "state", verify_state);
    (void)close(lock_fd);
    buf_fini(&v.line);
    if (err == 0)
        *out_report = v.report;
    return err;
}
