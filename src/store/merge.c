/* merge.c -- see merge.h. */
#include "store/merge.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

void merge_fini(struct merge *m)
{
    mem_free(m->records);
    mem_free(m->sorted);
    buf_fini(&m->key);
    buf_fini(&m->value);
    *m = (struct merge){0};
}

static int merge_corrupt(const struct journal *j, uint64_t position, struct store_error *error)
{
    return store_error_set(error, ERR_CORRUPT,
                           "%s: what was committed at %llu is corrupt: its bytes are not those "
                           "that were written",
                           j->path, (unsigned long long)position);
}

static int merge_gather_frame(struct merge *m, struct bytes records)
{
    for (;;) {
        struct merge_record r;
        int err = journal_take(&records, &r.table, &r.key, &r.value);
        if (err == ERR_NOT_FOUND)
            return 0;
        TRY(err);
        void *array = m->records;
        TRY(mem_reserve(&array, &m->capacity, m->count + 1, sizeof(*m->records)));
        m->records = array;
        m->records[m->count++] = r;
    }
}

/* Frames from what is merged on, up to bytes_max; *out_end is behind the last of them. */
static int merge_gather(struct merge *m, const struct journal *j, uint64_t bytes_max,
                        uint64_t *out_end, struct store_error *error)
{
    uint64_t begin = atomic_load_explicit(&j->merged, memory_order_relaxed);
    uint64_t synced = atomic_load_explicit(&j->synced, memory_order_acquire);
    uint64_t end = begin;
    m->count = 0;
    while (end < synced && (end == begin || end - begin < bytes_max)) {
        struct journal_frame frame;
        if (!journal_read(j, end, &frame))
            return merge_corrupt(j, end, error);
        int err = merge_gather_frame(m, frame.records);
        if (err == ERR_CORRUPT)
            return merge_corrupt(j, end, error);
        if (err != 0)
            return store_error_set(error, err, "%s: out of memory", j->path);
        end = frame.end;
    }
    *out_end = end;
    return 0;
}

/* By table and key; of equal ones the earlier first, as their addresses are. */
static int merge_compare(const void *a, const void *b)
{
    const struct merge_record *x = *(struct merge_record *const *)a;
    const struct merge_record *y = *(struct merge_record *const *)b;
    if (x->table != y->table)
        return x->table < y->table ? -1 : 1;
    int order = bytes_cmp(x->key, y->key);
    return order != 0 ? order : x < y ? -1 : x > y;
}

static int merge_sort(struct merge *m)
{
    void *array = m->sorted;
    TRY(mem_reserve(&array, &m->sorted_capacity, m->count, sizeof(struct merge_record *)));
    m->sorted = array;
    for (size_t i = 0; i < m->count; i++)
        m->sorted[i] = &m->records[i];
    if (m->count > 1)
        qsort(m->sorted, m->count, sizeof(struct merge_record *), merge_compare);
    return 0;
}

static bool merge_is_same(const struct merge_record *a, const struct merge_record *b)
{
    return a->table == b->table && bytes_equal(a->key, b->key);
}

/* What the table holds in the end under each key. */
static int merge_write(struct merge *m, struct env *env, MDB_txn *txn, struct store_error *error)
{
    for (size_t i = 0; i < m->count; i++) {
        const struct merge_record *r = m->sorted[i];
        if (i + 1 < m->count && merge_is_same(r, m->sorted[i + 1]))
            continue;
        TRY(env_append(env, txn, r->table, r->key, r->value, error));
    }
    return env_put(env, txn, RECORD_TABLE_META, buf_bytes(&m->key), buf_bytes(&m->value), error);
}

/* The slot of the last DURABLE_CHOSEN_TO. */
static int merge_find_chosen_to(const struct merge *m, const struct env *env, uint64_t *out,
                                struct store_error *error)
{
    for (size_t i = m->count; i > 0; i--) {
        const struct merge_record *r = &m->records[i - 1];
        enum record_kind kind;
        struct durable d;
        if (r->table != RECORD_TABLE_META || record_kind_of(r->table, r->key, &kind) != 0 ||
            kind != RECORD_CHOSEN_TO)
            continue;
        int err = record_decode_durable(r->table, r->key, r->value, &d);
        if (err != 0)
            return env_record_error(env, r->table, r->key, err, error);
        *out = d.slot;
        return 0;
    }
    return 0;
}

int merge_part(struct merge *m, struct env *env, struct journal *j, uint64_t bytes_max,
               uint64_t *out_chosen_to, struct store_error *error)
{
    uint64_t begin = atomic_load_explicit(&j->merged, memory_order_relaxed);
    uint64_t end = begin;
    uint64_t chosen_to = *out_chosen_to;
    TRY(merge_gather(m, j, bytes_max, &end, error));
    if (end == begin)
        return 0;
    TRY(merge_find_chosen_to(m, env, &chosen_to, error));
    int err = merge_sort(m);
    if (err == 0)
        err = record_encode_journal(end, &m->key, &m->value);
    if (err != 0)
        return store_error_set(error, err, "%s: out of memory", j->path);
    MDB_txn *txn;
    TRY(env_write_begin(env, m->count + 1, end - begin, &txn, error));
    TRY(env_write_end(env, txn, merge_write(m, env, txn, error), error));
    journal_set_merged(j, end);
    *out_chosen_to = chosen_to;
    return 0;
}
