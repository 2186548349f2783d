/*
 * restore.c -- a node's start: a new boot, then the disk's records into a fresh replica.
 *
 * As dkv-node does it: the state first, then what votes and learnt hold above its applied slot,
 * found by walking the tables in the order of their keys.
 */
#include <assert.h>

#include "base/planted.h"
#include "node.h"
#include "world.h"

static int restore_boot(struct node *n)
{
    struct disk *d = &n->disk;
    struct bytes value = {0};
    n->boot = 0;
    TRY(record_encode_boot(1, &d->key, &d->value)); /* For the key. */
    if (disk_get(d, RECORD_TABLE_META, buf_bytes(&d->key), &value))
        TRY(record_decode_boot(buf_bytes(&d->key), value, &n->boot));
    if (n->boot == 0 || !PLANTED(PLANTED_BALLOT_REUSED))
        n->boot++;
    TRY(record_encode_boot(n->boot, &d->key, &d->value));
    disk_put(d, RECORD_TABLE_META, buf_bytes(&d->key), buf_bytes(&d->value));
    return 0;
}

static int restore_keys(const struct disk *d, struct machine *m)
{
    const struct disk_table *keys = &d->tables[RECORD_TABLE_KEYS];
    for (size_t i = 0; i < keys->count; i++) {
        struct bytes key = disk_row_key(keys->rows[i]);
        struct record_entry entry = {0};
        TRY(record_decode_checkpoint_key(key, disk_row_value(keys->rows[i]), &entry));
        TRY(machine_restore_key(m, key, entry.value, entry.create_revision, entry.mod_revision,
                                entry.version));
    }
    return 0;
}

/* Everything of the last checkpoint, its head last. Without one: nothing. */
static int restore_state(struct disk *d, struct machine *m)
{
    struct bytes value = {0};
    struct checkpoint_head head = {0};
    TRY(record_encode_checkpoint_head(&head, &d->key, &d->value)); /* For the key. */
    if (!disk_get(d, RECORD_TABLE_STATE, buf_bytes(&d->key), &value))
        return 0;
    TRY(record_decode_checkpoint_head(buf_bytes(&d->key), value, &head));
    if (PLANTED(PLANTED_APPLY_TWICE_ON_REPLAY))
        head.applied--;
    TRY(restore_keys(d, m));
    const struct disk_table *sessions = &d->tables[RECORD_TABLE_SESSIONS];
    for (size_t i = 0; i < sessions->count; i++) {
        struct bytes client_id = disk_row_key(sessions->rows[i]);
        struct bytes session = {0};
        TRY(record_decode_checkpoint_session(client_id, disk_row_value(sessions->rows[i]),
                                             &session));
        TRY(machine_restore_session(m, client_id, session));
    }
    return machine_restore_head(m, &head);
}

/* Every record of a table from `from` on. */
static int restore_table(const struct disk *d, struct replica *r, enum record_table table,
                         size_t from)
{
    const struct disk_table *t = &d->tables[table];
    for (size_t i = from; i < t->count; i++) {
        struct bytes key = disk_row_key(t->rows[i]);
        enum record_kind kind = RECORD_VOTE;
        TRY(record_kind_of(table, key, &kind));
        if (kind == RECORD_IDENTITY || kind == RECORD_BOOT || kind == RECORD_ADMITTED)
            continue;
        struct durable record = {0};
        TRY(record_decode_durable(table, key, disk_row_value(t->rows[i]), &record));
        int err = replica_restore(r, &record);
        value_unref(record.value);
        TRY(err);
    }
    return 0;
}

/* *out_stage is what it was at, when it fails. */
static int restore_all(struct world *w, uint32_t node, const char **out_stage)
{
    *out_stage = "boot";
    struct node *n = &w->nodes[node];
    struct disk *d = &n->disk;
    TRY(restore_boot(n));
    struct replica_options options = {
        .identity = n->identity,
        .boot = n->boot,
        .admitted = d->admitted,
        .first_slot = w->mix.first_slot,
        .seed = prng_next(&w->prng),
        .life = n->life + 1,
        .limits = w->mix.limits,
        .tuning = w->mix.tuning,
    };
    TRY(replica_open(&options, &n->replica));
    struct machine *m = replica_machine(n->replica);
    *out_stage = "the state";
    TRY(restore_state(d, m));
    *out_stage = "the log";
    uint8_t raw[RECORD_SLOT_KEY_SIZE];
    record_key_slot(machine_applied(m) + 1, raw);
    struct bytes first = {.data = raw, .size = sizeof(raw)};
    static const enum record_table logs[] = {RECORD_TABLE_VOTES, RECORD_TABLE_LEARNT};
    for (size_t i = 0; i < 2; i++)
        TRY(restore_table(d, n->replica, logs[i], disk_seek(d, logs[i], first)));
    *out_stage = "intervals of the log";
    record_key_block(machine_applied(m) + 1, raw);
    TRY(restore_table(d, n->replica, RECORD_TABLE_RANGES,
                      disk_seek(d, RECORD_TABLE_RANGES, first)));
    *out_stage = "meta";
    TRY(restore_table(d, n->replica, RECORD_TABLE_META, 0));
    *out_stage = "applying the log again";
    return replica_start(n->replica, node_clock(w, node));
}

bool node_restore(struct world *w, uint32_t node)
{
    const char *stage = "";
    int err = restore_all(w, node, &stage);
    if (err == 0)
        return true;
    world_fail(w, "node %u cannot start from its disk: %s: %s", w->nodes[node].id, stage,
               err_text(err));
    return false;
}
