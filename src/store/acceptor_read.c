/* acceptor_read.c -- see acceptor_read.h. */
#include "store/acceptor_read.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

/* ---- Intervals -------------------------------------------------------------------------- */

struct range_walk {
    const struct env *env;
    uint64_t first;
    uint64_t last;
    struct read_range *out;
    bool done; /* An interval began behind `last`: so do all that follow. */
    struct store_error *error;
};

static void range_add(struct read_range *r, const struct durable *d)
{
    if (d->kind == DURABLE_LEARNT_NOOP)
        r->learnt = true;
    if (d->kind == DURABLE_VOTED_NOOP && ballot_cmp(d->accepted, r->voted) > 0)
        r->voted = d->accepted;
    if (d->kind == DURABLE_PROMISED_RANGE && ballot_cmp(d->promised, r->promised) > 0)
        r->promised = d->promised;
    /* To accept is to promise. */
    if (ballot_cmp(r->voted, r->promised) > 0)
        r->promised = r->voted;
}

/* ERR_NOT_FOUND ends the walk. */
static int range_on_record(void *context, struct bytes key, struct bytes value)
{
    struct range_walk *w = context;
    struct durable d;
    int err = record_decode_durable(RECORD_TABLE_RANGES, key, value, &d);
    if (err != 0)
        return env_record_error(w->env, RECORD_TABLE_RANGES, key, err, w->error);
    w->done = d.interval.first > w->last;
    if (w->done)
        return ERR_NOT_FOUND;
    struct interval i = interval_clip(d.interval, w->first, w->last);
    if (interval_is_none(i))
        return 0;
    for (uint64_t slot = i.first; slot <= i.last; slot += i.stride)
        range_add(&w->out[slot - w->first], &d);
    return 0;
}

int read_ranges(struct env *env, MDB_txn *txn, uint64_t first, uint64_t last,
                struct read_range *out, struct store_error *error)
{
    assert(first > 0 && first <= last && first / INTERVAL_BLOCK == last / INTERVAL_BLOCK);
    memset(out, 0, (last - first + 1) * sizeof(*out));
    if (env->tables[RECORD_TABLE_RANGES] == 0)
        return 0; /* Classic mode has none; 0 is a table of LMDB's own. */
    struct range_walk w = {.env = env, .first = first, .last = last, .out = out, .error = error};
    uint8_t raw[RECORD_SLOT_KEY_SIZE];
    record_key_block(first, raw);
    struct bytes key = {.data = raw, .size = sizeof(raw)};
    int err = env_each(env, txn, RECORD_TABLE_RANGES, key, range_on_record, &w, error);
    return w.done ? 0 : err;
}

/* ---- One slot --------------------------------------------------------------------------- */

/* The record of one slot in VOTES or LEARNT. ERR_NOT_FOUND: there is none. */
static int read_record(struct env *env, MDB_txn *txn, enum record_table table, uint64_t slot,
                       struct durable *out, struct store_error *error)
{
    uint8_t slot_key[RECORD_SLOT_KEY_SIZE];
    struct bytes key = {.data = slot_key, .size = sizeof(slot_key)};
    struct bytes value;
    record_key_slot(slot, slot_key);
    TRY(env_get(env, txn, table, key, &value, error));
    int err = record_decode_durable(table, key, value, out);
    assert(err != ERR_NOT_FOUND);
    return err == 0 ? 0 : env_record_error(env, table, key, err, error);
}

/* docs/protocol.md: of its own record and of the intervals over it, the highest ballot counts. */
static void slot_settle(struct acceptor_store_slot *s, const struct read_range *range)
{
    bool by_range = ballot_cmp(range->voted, s->vote.accepted) > 0;
    bool promised = ballot_cmp(range->promised, s->vote.promised) > 0;
    s->promised = promised ? range->promised : s->vote.promised;
    s->accepted = by_range ? range->voted : s->vote.accepted;
    s->voted = by_range ? value_noop() : s->vote.value;
    if (!s->is_chosen)
        s->chosen = NULL;
    else if (s->has_learnt)
        s->chosen = s->learnt.value;
    else
        s->chosen = range->learnt ? value_noop() : s->voted;
}

static int read_records(struct env *env, MDB_txn *txn, uint64_t slot,
                        const struct read_range *range, struct acceptor_store_slot *out,
                        struct store_error *error)
{
    int err = read_record(env, txn, RECORD_TABLE_VOTES, slot, &out->vote, error);
    if (err != 0 && err != ERR_NOT_FOUND)
        return err;
    out->has_vote = err == 0;
    err = read_record(env, txn, RECORD_TABLE_LEARNT, slot, &out->learnt, error);
    if (err != 0 && err != ERR_NOT_FOUND)
        return err;
    out->has_learnt = err == 0;
    slot_settle(out, range);
    return 0;
}

int read_slot(struct env *env, MDB_txn *txn, uint64_t slot, bool is_chosen,
              struct acceptor_store_slot *out, struct store_error *error)
{
    struct read_range range;
    TRY(read_ranges(env, txn, slot, slot, &range, error));
    out->is_chosen = is_chosen;
    return read_records(env, txn, slot, &range, out, error);
}

/* ---- What was chosen -------------------------------------------------------------------- */

struct chosen_walk {
    struct env *env;
    MDB_txn *txn;
    uint64_t slot;
    uint64_t last;
    uint64_t bytes;
    uint64_t bytes_max;
    bool full; /* It stopped short of `last`. */
    int (*on_value)(void *context, uint64_t slot, struct value *value);
    void *context;
    struct store_error *error;
};

static int chosen_missing(const struct chosen_walk *w)
{
    (void)store_error_set(w->error, ERR_CORRUPT,
                          "%s: slot %llu is chosen, but its value is missing", w->env->path,
                          (unsigned long long)w->slot);
    return ERR_CORRUPT;
}

/* One reference, the caller's. */
static int chosen_value(const struct chosen_walk *w, const struct read_range *range,
                        struct value **out_value)
{
    struct durable d = {0};
    int err = read_record(w->env, w->txn, RECORD_TABLE_LEARNT, w->slot, &d, w->error);
    if (err != ERR_NOT_FOUND) {
        *out_value = d.value;
        return err;
    }
    if (range->learnt) {
        *out_value = value_noop();
        return 0;
    }
    err = read_record(w->env, w->txn, RECORD_TABLE_VOTES, w->slot, &d, w->error);
    if (err != 0 && err != ERR_NOT_FOUND)
        return err;
    if (ballot_cmp(range->voted, d.accepted) > 0) {
        value_unref(d.value);
        d.value = value_noop();
    }
    if (d.value == NULL)
        return chosen_missing(w);
    *out_value = d.value;
    return 0;
}

static int chosen_take(struct chosen_walk *w, const struct read_range *range)
{
    struct value *v = NULL;
    TRY(chosen_value(w, range, &v));
    assert(v != NULL);
    bool is_first = w->bytes == 0;
    w->bytes += RECORD_HEADER_SIZE + v->size;
    w->full = !is_first && w->bytes > w->bytes_max;
    int err = w->full ? 0 : w->on_value(w->context, w->slot, v);
    if (err != 0)
        (void)store_error_set(w->error, err, "%s: slot %llu: %s", w->env->path,
                              (unsigned long long)w->slot, err_text(err));
    value_unref(v);
    return err;
}

/* As far as the block of w->slot goes. */
static int chosen_walk_block(struct chosen_walk *w, struct read_range *ranges)
{
    uint64_t first = w->slot;
    uint64_t end = (first / INTERVAL_BLOCK + 1) * INTERVAL_BLOCK - 1;
    end = end < w->last ? end : w->last;
    TRY(read_ranges(w->env, w->txn, first, end, ranges, w->error));
    for (; w->slot <= end && !w->full; w->slot++)
        TRY(chosen_take(w, &ranges[w->slot - first]));
    return 0;
}

int read_chosen(struct env *env, MDB_txn *txn, uint64_t from, uint64_t last, uint64_t bytes_max,
                int (*on_value)(void *context, uint64_t slot, struct value *value), void *context,
                struct store_error *error)
{
    if (from > last)
        return 0;
    struct chosen_walk w = {.env = env,
                            .txn = txn,
                            .slot = from,
                            .last = last,
                            .bytes_max = bytes_max,
                            .on_value = on_value,
                            .context = context,
                            .error = error};
    uint64_t count = last - from < INTERVAL_BLOCK ? last - from + 1 : INTERVAL_BLOCK;
    struct read_range *ranges = mem_alloc(count * sizeof(*ranges));
    if (ranges == NULL)
        return store_error_set(error, ERR_NO_MEMORY, "%s: out of memory", env->path);
    int err = 0;
    while (err == 0 && w.slot <= last && !w.full)
        err = chosen_walk_block(&w, ranges);
    mem_free(ranges);
    return err;
}
