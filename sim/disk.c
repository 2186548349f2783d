/* disk.c -- see disk.h. */
#include "disk.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/planted.h"
#include "world.h"

#define SLOWER 100                 /* Times, of a disk that is slow for a while. */
#define SLOW_NODE 10               /* Times, of one that always is. */
#define CHECKPOINT_COMMITS 4       /* As long as so many commits. */
#define TORN_CHECKPOINT_PPM 500000 /* One that was under way at a crash is there after all. */
#define TORN_WITHIN_PPM 300000

/* ---- Tables -------------------------------------------------------------------------------- */

struct bytes disk_row_key(const struct disk_row *row)
{
    return (struct bytes){.data = row->data, .size = row->key_size};
}

struct bytes disk_row_value(const struct disk_row *row)
{
    return (struct bytes){.data = row->data + row->key_size, .size = row->value_size};
}

size_t disk_seek(const struct disk *d, enum record_table table, struct bytes key)
{
    const struct disk_table *t = &d->tables[table];
    /* Slots mostly grow: look at the end first. */
    if (t->count > 0 && bytes_cmp(disk_row_key(t->rows[t->count - 1]), key) < 0)
        return t->count;
    size_t low = 0;
    size_t high = t->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bytes_cmp(disk_row_key(t->rows[middle]), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool disk_is_at(const struct disk_table *t, size_t i, struct bytes key)
{
    return i < t->count && bytes_equal(disk_row_key(t->rows[i]), key);
}

bool disk_get(const struct disk *d, enum record_table table, struct bytes key,
              struct bytes *out_value)
{
    const struct disk_table *t = &d->tables[table];
    size_t i = disk_seek(d, table, key);
    if (!disk_is_at(t, i, key))
        return false;
    *out_value = disk_row_value(t->rows[i]);
    return true;
}

static struct disk_row *disk_row_new(struct bytes key, struct bytes value)
{
    struct disk_row *row = mem_alloc(sizeof(*row) + key.size + value.size);
    assert(row != NULL);
    row->key_size = key.size;
    row->value_size = value.size;
    memcpy(row->data, key.data, key.size);
    if (value.size > 0)
        memcpy(row->data + key.size, value.data, value.size);
    return row;
}

void disk_put(struct disk *d, enum record_table table, struct bytes key, struct bytes value)
{
    struct disk_table *t = &d->tables[table];
    size_t i = disk_seek(d, table, key);
    if (disk_is_at(t, i, key)) {
        struct disk_row *old = t->rows[i];
        if (old->value_size == value.size) {
            memcpy(old->data + old->key_size, value.data, value.size);
            return;
        }
        t->rows[i] = disk_row_new(key, value);
        mem_free(old);
        return;
    }
    void *rows = t->rows;
    int err = mem_reserve(&rows, &t->capacity, t->count + 1, sizeof(struct disk_row *));
    assert(err == 0);
    t->rows = rows;
    memmove(t->rows + i + 1, t->rows + i, (t->count - i) * sizeof(struct disk_row *));
    t->rows[i] = disk_row_new(key, value);
    t->count++;
}

static void disk_remove(struct disk *d, enum record_table table, struct bytes key)
{
    struct disk_table *t = &d->tables[table];
    size_t i = disk_seek(d, table, key);
    if (!disk_is_at(t, i, key))
        return;
    mem_free(t->rows[i]);
    t->count--;
    memmove(t->rows + i, t->rows + i + 1, (t->count - i) * sizeof(struct disk_row *));
}

/* ---- Commits ------------------------------------------------------------------------------- */

/* One write reaches the disk. */
static void disk_apply(struct world *w, uint32_t node, const struct durable *record)
{
    struct disk *d = &w->nodes[node].disk;
    enum record_table table = RECORD_TABLE_META;
    int err = record_encode_durable(record, &table, &d->key, &d->value);
    assert(err == 0);
    disk_put(d, table, buf_bytes(&d->key), buf_bytes(&d->value));
    if (record->kind == DURABLE_CHOSEN_TO)
        d->chosen_to = record->slot;
    if (record->kind == DURABLE_ADMITTED)
        d->admitted = true;
    truth_on_durable(w, node, record);
}

/* The first `count` pending writes leave the queue. */
static void disk_drop(struct disk *d, size_t count)
{
    for (size_t i = 0; i < count; i++)
        value_unref(d->pending[i].record.value);
    d->pending_count -= count;
    if (d->pending_count > 0)
        memmove(d->pending, d->pending + count, d->pending_count * sizeof(*d->pending));
}

/* Apply and drop the first `count` pending writes, which end with a turn. */
static void disk_sync(struct world *w, uint32_t node, size_t count)
{
    struct disk *d = &w->nodes[node].disk;
    for (size_t i = 0; i < count && !w->failed; i++)
        disk_apply(w, node, &d->pending[i].record);
    disk_drop(d, count);
    truth_on_synced(w, node);
}

static uint64_t disk_delay(struct world *w, uint32_t node)
{
    const struct disk *d = &w->nodes[node].disk;
    uint64_t delay = w->mix.commit_min_ns + prng_below(&w->prng, w->mix.commit_spread_ns + 1);
    if (w->mix.slow_node == node)
        delay *= SLOW_NODE;
    if (w->now_ns < d->slow_to_ns)
        delay *= SLOWER;
    if (w->now_ns < d->stalled_to_ns)
        delay += d->stalled_to_ns - w->now_ns;
    return delay;
}

void disk_stall(struct world *w, uint32_t node, uint64_t length_ns)
{
    w->nodes[node].disk.stalled_to_ns = w->now_ns + length_ns;
}

static void disk_begin(struct world *w, uint32_t node)
{
    struct disk *d = &w->nodes[node].disk;
    if (d->committing > 0 || d->pending_count == 0)
        return;
    d->committing = d->pending_count;
    d->commit_end_ns = w->now_ns + disk_delay(w, node);
    d->commit_fails = d->fail_next;
    d->fail_next = false;
    schedule_add(&w->schedule, (struct task){
                                   .at_ns = d->commit_end_ns,
                                   .kind = TASK_COMMIT,
                                   .node = node,
                                   .number = d->epoch,
                               });
}

void disk_write(struct world *w, uint32_t node, struct effects *effects)
{
    struct disk *d = &w->nodes[node].disk;
    size_t count = effects->writes_count;
    if (count == 0)
        return;
    void *pending = d->pending;
    int err =
        mem_reserve(&pending, &d->pending_capacity, d->pending_count + count, sizeof(*d->pending));
    assert(err == 0);
    d->pending = pending;
    for (size_t i = 0; i < count; i++) {
        d->pending[d->pending_count + i] = (struct disk_write){
            .record = effects->writes[i],
            .sequence = effects->write_sequence,
        };
        effects->writes[i].value = NULL;
    }
    d->pending_count += count;
    effects->writes_count = 0;
    disk_begin(w, node);
}

static void disk_tell(struct world *w, uint32_t node, enum event_kind kind, uint64_t number)
{
    struct letter *l = net_letter(w, kind, node);
    l->number = number;
    node_give(w, l);
}

/*
 * A commit failed. The process has to end: what the disk holds now is anybody's guess. The planted
 * bug tries again, which succeeds, and says so; what the first try should have written is gone.
 */
static void disk_on_failed(struct world *w, uint32_t node)
{
    struct disk *d = &w->nodes[node].disk;
    if (!PLANTED(PLANTED_SYNC_RETRIED)) {
        node_crash(w, node, "a commit failed");
        return;
    }
    uint64_t sequence = d->pending[d->committing - 1].sequence;
    disk_drop(d, d->committing);
    d->committing = 0;
    disk_tell(w, node, EVENT_DURABLE, sequence);
    disk_begin(w, node);
}

void disk_on_commit(struct world *w, const struct task *t)
{
    struct disk *d = &w->nodes[t->node].disk;
    if (t->number != d->epoch)
        return;
    assert(d->committing > 0);
    if (d->commit_fails) {
        disk_on_failed(w, t->node);
        return;
    }
    uint64_t sequence = d->pending[d->committing - 1].sequence;
    WORLD_TRACE(w, "n%u disk: %zu writes synced, up to #%lu", w->nodes[t->node].id, d->committing,
                sequence);
    disk_sync(w, t->node, d->committing);
    d->committing = 0;
    if (d->ends_node) {
        node_crash(w, t->node, "just after a commit, before it knew");
        return;
    }
    disk_tell(w, t->node, EVENT_DURABLE, sequence);
    disk_begin(w, t->node);
}

/* ---- Checkpoints --------------------------------------------------------------------------- */

static int disk_on_change(void *context, const struct record_change *change)
{
    struct disk *d = context;
    if (change->delete)
        disk_remove(d, change->table, change->key);
    else
        disk_put(d, change->table, change->key, change->value);
    return 0;
}

static void disk_apply_checkpoint(struct world *w, uint32_t node)
{
    struct disk *d = &w->nodes[node].disk;
    int err = record_encode_checkpoint(d->checkpoint, disk_on_change, d);
    assert(err == 0);
    truth_on_checkpoint(w, node, &d->checkpoint->head);
    checkpoint_free(d->checkpoint);
    d->checkpoint = NULL;
}

static void disk_end_checkpoint(struct world *w, uint32_t node, uint64_t at_ns)
{
    struct disk *d = &w->nodes[node].disk;
    d->checkpoint_end_ns = at_ns;
    d->checkpoint_number++;
    schedule_add(&w->schedule, (struct task){
                                   .at_ns = at_ns,
                                   .kind = TASK_CHECKPOINT,
                                   .node = node,
                                   .number = d->checkpoint_number,
                               });
}

void disk_write_checkpoint(struct world *w, uint32_t node, struct checkpoint *c)
{
    struct disk *d = &w->nodes[node].disk;
    assert(d->checkpoint == NULL);
    truth_on_freeze(w, node, &c->head);
    d->checkpoint = c;
    disk_end_checkpoint(w, node, w->now_ns + CHECKPOINT_COMMITS * disk_delay(w, node));
}

void disk_recover(struct world *w, uint32_t node)
{
    struct disk *d = &w->nodes[node].disk;
    d->slow_to_ns = 0;
    d->stalled_to_ns = 0;
    d->fail_next = false;
    d->commit_fails = false;
    d->ends_node = false;
    uint64_t longest_ns = w->mix.commit_min_ns + w->mix.commit_spread_ns;
    if (w->mix.slow_node == node)
        longest_ns *= SLOW_NODE;
    uint64_t end_ns = w->now_ns + CHECKPOINT_COMMITS * longest_ns;
    if (d->checkpoint != NULL && d->checkpoint_end_ns > end_ns)
        disk_end_checkpoint(w, node, end_ns);
}

void disk_on_checkpoint(struct world *w, const struct task *t)
{
    struct disk *d = &w->nodes[t->node].disk;
    if (t->number != d->checkpoint_number || d->checkpoint == NULL)
        return;
    uint64_t slot = d->checkpoint->head.applied;
    WORLD_TRACE(w, "n%u disk: checkpoint of slot %lu synced", w->nodes[t->node].id, slot);
    disk_apply_checkpoint(w, t->node);
    disk_tell(w, t->node, EVENT_CHECKPOINTED, slot);
}

/* ---- Bad days ------------------------------------------------------------------------------ */

/*
 * How many of the pending writes are on the disk after all, from the first on. A large commit may
 * be torn within a turn, others are whole (docs/disk-format.md, the journal).
 */
static size_t disk_torn(struct world *w, const struct disk *d)
{
    if (d->pending_count == 0 || !prng_chance(&w->prng, w->mix.torn_ppm))
        return 0;
    size_t count = (size_t)prng_below(&w->prng, d->pending_count + 1);
    bool is_large = prng_chance(&w->prng, TORN_WITHIN_PPM);
    while (!is_large && count > 0 && count < d->pending_count &&
           d->pending[count - 1].sequence == d->pending[count].sequence)
        count--;
    return count;
}

void disk_on_crash(struct world *w, uint32_t node)
{
    struct disk *d = &w->nodes[node].disk;
    size_t kept = disk_torn(w, d);
    WORLD_TRACE(w, "n%u disk: of %zu writes under way %zu are kept", w->nodes[node].id,
                d->pending_count, kept);
    disk_sync(w, node, kept);
    disk_drop(d, d->pending_count);
    d->committing = 0;
    d->fail_next = false;
    d->ends_node = false;
    d->epoch++;
    if (d->checkpoint == NULL)
        return;
    if (prng_chance(&w->prng, TORN_CHECKPOINT_PPM))
        disk_apply_checkpoint(w, node);
    checkpoint_free(d->checkpoint);
    d->checkpoint = NULL;
}

static void disk_clear(struct disk *d)
{
    for (size_t t = 0; t <= RECORD_TABLES; t++) {
        for (size_t i = 0; i < d->tables[t].count; i++)
            mem_free(d->tables[t].rows[i]);
        d->tables[t].count = 0;
    }
}

void disk_wipe(struct disk *d)
{
    assert(d->pending_count == 0 && d->checkpoint == NULL);
    disk_clear(d);
    d->chosen_to = 0;
    d->admitted = false;
}

void disk_fini(struct disk *d)
{
    disk_clear(d);
    disk_drop(d, d->pending_count);
    for (size_t t = 0; t <= RECORD_TABLES; t++)
        mem_free(d->tables[t].rows);
    mem_free(d->pending);
    checkpoint_free(d->checkpoint);
    buf_fini(&d->key);
    buf_fini(&d->value);
    *d = (struct disk){0};
}
