/* bench.c -- see bench.h. */
#include "bench.h"

#include "../unit.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static void bench_connect(struct bench *b)
{
    for (uint32_t i = 0; i < b->count; i++) {
        for (uint32_t j = 0; j < b->count; j++) {
            if (i != j)
                bench_step(b, i, (struct event){.kind = EVENT_PEER_UP, .peer = j});
        }
    }
    bench_deliver(b);
}

static void bench_open_node(struct bench *b, uint32_t node)
{
    struct replica_options options = {
        .identity = {.cluster = "dkv", .mode = b->mode, .id = node + 1},
        .boot = ++b->boots[node],
        .life = ++b->lives[node],
        .admitted = b->admitted,
        .first_slot = 1,
        .seed = node,
        .limits = machine_limits_default,
        .tuning = b->tuning,
    };
    options.identity.members.count = b->count;
    for (uint32_t j = 0; j < b->count; j++)
        options.identity.members.ids[j] = j + 1;
    memset(options.identity.disk_id, (int)node + 1, DISK_ID_SIZE);
    options.identity.disk_id[0] = (uint8_t)(options.identity.disk_id[0] + 16 * b->wipes[node]);
    int err = replica_open(&options, &b->nodes[node]);
    assert(err == 0);
    (void)err;
}

static struct bench *bench_open_with(uint32_t count, bool admitted,
                                     const struct replica_tuning *tuning, enum mode mode)
{
    struct bench *b = mem_alloc(sizeof(*b));
    assert_non_null(b);
    memset(b, 0, sizeof(*b));
    b->mode = mode;
    b->count = count;
    b->now_ns = 1000 * MS;
    b->admitted = admitted;
    b->tuning = *tuning;
    b->memory = -1;
    for (uint32_t i = 0; i < count; i++) {
        bench_open_node(b, i);
        int err = replica_start(b->nodes[i], b->now_ns);
        assert(err == 0);
        (void)err;
    }
    bench_connect(b);
    return b;
}

struct bench *bench_open(uint32_t count, bool admitted)
{
    return bench_open_with(count, admitted, &replica_tuning_default, MODE_CLASSIC);
}

struct bench *bench_open_coordinated(uint32_t count)
{
    return bench_open_with(count, true, &replica_tuning_default, MODE_COORDINATED);
}

struct bench *bench_open_tuned(uint32_t count, const struct replica_tuning *tuning, enum mode mode)
{
    return bench_open_with(count, true, tuning, mode);
}

/* ---- Disks --------------------------------------------------------------------------------- */

static uint64_t disk_key(const struct durable *d)
{
    switch (d->kind) {
    case DURABLE_VOTE:
    case DURABLE_LEARNT:
        return d->slot;
    case DURABLE_PEER:
        return d->peer;
    case DURABLE_CHOSEN_TO:
    case DURABLE_ADMITTED:
    case DURABLE_RESERVED:
        break;
    case DURABLE_PROMISED_RANGE:
    case DURABLE_VOTED_NOOP:
    case DURABLE_LEARNT_NOOP:
        return d->interval.first;
    }
    return 0;
}

static void disk_write(struct bench_disk *disk, const struct durable *record)
{
    void *records = disk->records;
    int err = mem_reserve(&records, &disk->capacity, disk->count + 1, sizeof(*record));
    assert(err == 0);
    (void)err;
    disk->records = records;
    disk->records[disk->count] = *record;
    value_ref(record->value);
    disk->count++;
}

static void disk_truncate(struct bench_disk *disk, size_t count)
{
    for (; disk->count > count; disk->count--)
        value_unref(disk->records[disk->count - 1].value);
}

const struct durable *bench_on_disk(const struct bench *b, uint32_t node, enum durable_kind kind,
                                    uint64_t slot)
{
    const struct bench_disk *disk = &b->disks[node];
    for (size_t i = disk->synced; i > 0; i--) {
        const struct durable *d = &disk->records[i - 1];
        if (d->kind == kind && disk_key(d) == slot)
            return d;
    }
    return NULL;
}

void bench_restart(struct bench *b, uint32_t node)
{
    struct bench_disk *disk = &b->disks[node];
    disk_truncate(disk, disk->synced);
    b->to_sync[node] = 0;
    b->checkpoint_slot[node] = 0;
    replica_close(b->nodes[node]);
    bench_open_node(b, node);
    for (size_t i = 0; i < disk->count; i++) {
        const struct durable *d = &disk->records[i];
        if (interval_is_none(d->interval) && bench_on_disk(b, node, d->kind, disk_key(d)) != d)
            continue; /* Written over later. */
        int err = replica_restore(b->nodes[node], d);
        assert(err == 0);
        (void)err;
    }
    int err = replica_start(b->nodes[node], b->now_ns);
    assert(err == 0);
    (void)err;
    for (uint32_t j = 0; j < b->count; j++) {
        if (j != node)
            bench_step(b, node, (struct event){.kind = EVENT_PEER_UP, .peer = j});
    }
}

void bench_wipe(struct bench *b, uint32_t node)
{
    disk_truncate(&b->disks[node], 0);
    b->disks[node].synced = 0;
    b->wipes[node]++;
    b->boots[node] = 0;
    bench_restart(b, node);
}

void bench_rewind(struct bench *b, uint32_t node, size_t records)
{
    struct bench_disk *disk = &b->disks[node];
    assert(records <= disk->synced);
    disk->synced = records;
    b->boots[node]--;
    bench_restart(b, node);
}

/* ---- One step ------------------------------------------------------------------------------ */

static void bench_letter_fini(struct bench_letter *letter)
{
    message_fini(&letter->message);
}

void bench_close(struct bench *b)
{
    for (size_t i = 0; i < b->queue_count; i++)
        bench_letter_fini(&b->queue[i]);
    mem_free(b->queue);
    for (uint32_t i = 0; i < b->count; i++) {
        effects_fini(&b->effects[i]);
        replica_close(b->nodes[i]);
        disk_truncate(&b->disks[i], 0);
        mem_free(b->disks[i].records);
    }
    mem_free(b);
    assert_int_equal(mem_outstanding(), 0);
}

/* A link is a pipe: one byte after the other. */
static uint64_t bench_arrival(struct bench *b, uint32_t from, uint32_t to, const struct message *m)
{
    uint64_t bytes = m->value != NULL ? m->value->size : 0;
    for (uint32_t i = 0; m->reports != NULL && i < m->reports->count; i++)
        bytes += m->reports->items[i].value->size;
    uint64_t *free_ns = &b->link_free_ns[from][to];
    uint64_t begin_ns = *free_ns > b->now_ns ? *free_ns : b->now_ns;
    *free_ns = begin_ns + bytes * b->link_ns_per_byte;
    return *free_ns + b->link_ns;
}

static void bench_queue(struct bench *b, uint32_t from, uint32_t to, struct message m)
{
    void *queue = b->queue;
    int err = mem_reserve(&queue, &b->queue_capacity, b->queue_count + 1, sizeof(*b->queue));
    assert(err == 0);
    (void)err;
    b->queue = queue;
    struct bench_letter letter = {.from = from, .to = to, .message = m};
    if (b->lose != NULL && b->lose(b, &letter)) {
        bench_letter_fini(&letter);
        return;
    }
    letter.due_ns = bench_arrival(b, from, to, &m);
    b->queue[b->queue_count] = letter;
    b->queue_count++;
}

static void bench_note_answer(struct bench *b, const struct answer *answer)
{
    assert(answer->handle < BENCH_ANSWERS);
    struct bench_answer *a = &b->answers[answer->handle];
    assert(!a->given);
    *a = (struct bench_answer){
        .given = true,
        .status = answer->status,
        .code = answer->result.code,
        .applied = answer->result.applied,
        .duplicate = answer->result.duplicate,
        .found = answer->entry != NULL || answer->result.found,
        .slot = answer->result.slot,
        .revision = answer->result.revision,
    };
    const struct entry *shown = answer->entry != NULL ? answer->entry : answer->result.output;
    if (shown == NULL)
        return;
    struct bytes value = entry_value(shown);
    size_t size = value.size < sizeof(a->value) - 1 ? value.size : sizeof(a->value) - 1;
    memcpy(a->value, value.data, size);
}

/* False: it has no memory, and is dead. */
static bool bench_step_replica(struct bench *b, uint32_t node, const struct event *event)
{
    bool is_short = b->memory >= 0 && b->short_of_memory == node;
    unsigned long before = mem_allocations();
    if (is_short)
        mem_fail_after(b->memory);
    int err = replica_step(b->nodes[node], event, &b->effects[node]);
    if (is_short) {
        mem_fail_after(-1);
        b->memory -= (long)(mem_allocations() - before);
    }
    b->allocations += mem_allocations() - before;
    b->dead[node] = err != 0;
    /* A failure is neither swallowed nor made up. */
    bool has_failed = is_short && b->memory < 0;
    if (has_failed || err == 0 || b->ends_with[node] == 0)
        assert(err == (has_failed ? ERR_NO_MEMORY : 0));
    else
        assert(err == b->ends_with[node]);
    return err == 0;
}

void bench_step(struct bench *b, uint32_t node, struct event event)
{
    if (b->dead[node])
        return;
    struct effects *e = &b->effects[node];
    event.now_ns = b->now_ns;
    if (!bench_step_replica(b, node, &event)) {
        effects_clear(e);
        return;
    }
    if (e->writes_count > 0)
        b->to_sync[node] = e->write_sequence;
    for (size_t i = 0; i < e->writes_count && !b->no_disk; i++)
        disk_write(&b->disks[node], &e->writes[i]);
    for (size_t i = 0; i < e->sends_count; i++) {
        struct message *m = &e->sends[i].message;
        b->sent[m->kind]++;
        bench_queue(b, node, e->sends[i].peer, *m);
        *m = (struct message){0};
    }
    for (size_t i = 0; i < e->answers_count; i++)
        bench_note_answer(b, &e->answers[i]);
    b->notices += e->notices_count;
    if (e->notices_count > 0)
        b->notice = e->notices[e->notices_count - 1];
    if (e->checkpoint != NULL) {
        b->frozen_slot[node] = e->checkpoint->head.applied;
        b->checkpoint_slot[node] = b->checkpoints ? b->frozen_slot[node] : 0;
    }
    effects_clear(e);
    if (b->memory >= 0 && b->short_of_memory == node)
        effects_fini(e); /* Or only the longest turn of all would ever ask for room. */
}

void bench_tick(struct bench *b, uint32_t node)
{
    bench_step(b, node, (struct event){.kind = EVENT_TICK});
}

void bench_sync(struct bench *b, uint32_t node)
{
    if (b->checkpoint_slot[node] != 0) {
        struct event event = {.kind = EVENT_CHECKPOINTED, .slot = b->checkpoint_slot[node]};
        b->checkpoint_slot[node] = 0;
        bench_step(b, node, event);
    }
    if (b->to_sync[node] == 0)
        return;
    struct event event = {.kind = EVENT_DURABLE, .sequence = b->to_sync[node]};
    b->to_sync[node] = 0;
    b->disks[node].synced = b->disks[node].count;
    bench_step(b, node, event);
}

void bench_say(struct bench *b, uint32_t from, uint32_t to, struct message m)
{
    bench_step(b, to,
               (struct event){.kind = EVENT_MESSAGE, .peer = from, .link = 1, .message = &m});
}

bool bench_lose_all_of_node_2(const struct bench *b, const struct bench_letter *letter)
{
    (void)b;
    return letter->from == 2 || letter->to == 2;
}

/* The value of a slot below chosen_to. */
static struct value *disk_chosen(const struct bench *b, uint32_t node, uint64_t slot)
{
    const struct durable *d = bench_on_disk(b, node, DURABLE_LEARNT, slot);
    if (d != NULL)
        return d->value;
    const struct bench_disk *disk = &b->disks[node];
    struct ballot at = {0};
    struct value *value = NULL;
    for (size_t i = 0; i < disk->synced; i++) {
        d = &disk->records[i];
        bool is_vote = d->kind == DURABLE_VOTE && d->slot == slot;
        if (d->kind == DURABLE_LEARNT_NOOP && interval_has(d->interval, slot))
            return value_noop();
        if (d->kind == DURABLE_VOTED_NOOP && !interval_has(d->interval, slot))
            continue;
        if (d->kind != DURABLE_VOTED_NOOP && !is_vote)
            continue;
        if (ballot_cmp(d->accepted, at) > 0) {
            at = d->accepted;
            value = d->kind == DURABLE_VOTE ? d->value : value_noop();
        }
    }
    assert(value != NULL);
    return value;
}

/* A fetch is the driver's to answer, from the disk. */
static void bench_serve(struct bench *b, const struct bench_letter *letter)
{
    if (b->dead[letter->to])
        return;
    const struct durable *end = bench_on_disk(b, letter->to, DURABLE_CHOSEN_TO, 0);
    uint64_t slot = letter->message.slot;
    for (; end != NULL && slot <= letter->message.to && slot <= end->slot; slot++) {
        struct message m = {.kind = MESSAGE_CHOSEN, .slot = slot};
        m.value = value_ref(disk_chosen(b, letter->to, slot));
        if (m.value == value_noop() && b->mode == MODE_COORDINATED)
            m.interval = interval_one(slot);
        bench_queue(b, letter->to, letter->from, m);
    }
    bench_queue(b, letter->to, letter->from,
                (struct message){.kind = MESSAGE_CHOSEN, .slot = slot});
}

void bench_deliver(struct bench *b)
{
    size_t next = 0;
    while (next < b->queue_count) {
        struct bench_letter letter = b->queue[next];
        if (letter.due_ns > b->now_ns) {
            next++;
            continue;
        }
        b->queue_count--;
        memmove(b->queue + next, b->queue + next + 1, (b->queue_count - next) * sizeof(*b->queue));
        if (letter.message.kind == MESSAGE_FETCH)
            bench_serve(b, &letter);
        else
            bench_say(b, letter.from, letter.to, letter.message);
        bench_letter_fini(&letter);
    }
}

static void bench_tell_behind(struct bench *b, uint32_t node)
{
    for (uint32_t to = 0; to < b->count; to++) {
        struct event event = {.kind = EVENT_PEER_BEHIND, .peer = to};
        event.is_behind = b->link_free_ns[node][to] > b->now_ns && !b->links_hide;
        if (to != node)
            bench_step(b, node, event);
    }
}

void bench_run(struct bench *b, uint64_t ms)
{
    for (uint64_t i = 0; i < ms; i++) {
        b->now_ns += MS;
        for (uint32_t node = 0; node < b->count; node++) {
            bench_tell_behind(b, node);
            bench_tick(b, node);
        }
        for (int round = 0; round < 8; round++) {
            bench_deliver(b);
            for (uint32_t node = 0; node < b->count; node++) {
                if (!b->stalled[node])
                    bench_sync(b, node);
            }
        }
    }
}

/* ---- Operations ---------------------------------------------------------------------------- */

void bench_write(struct bench *b, uint32_t node, uint64_t handle, const struct command *c)
{
    struct buf encoded = {0};
    int err = command_encode(c, &encoded);
    assert(err == 0);
    (void)err;
    struct replica_op op = {
        .kind = OP_WRITE,
        .handle = handle,
        .deadline_ns = b->now_ns + 10000 * MS,
        .command = buf_bytes(&encoded),
    };
    bench_step(b, node, (struct event){.kind = EVENT_OP, .op = &op});
    buf_fini(&encoded);
}

void bench_put(struct bench *b, uint32_t node, uint64_t handle, const char *key, const char *value)
{
    struct command c = {.kind = COMMAND_PUT, .key = bytes_of(key), .value = bytes_of(value)};
    bench_write(b, node, handle, &c);
}

void bench_append(struct bench *b, uint32_t node, uint64_t handle, const char *key,
                  const char *value, const char *client_id, uint64_t op_id)
{
    struct command c = {
        .kind = COMMAND_APPEND,
        .key = bytes_of(key),
        .value = bytes_of(value),
        .client_id = bytes_of(client_id),
        .op_id = op_id,
        .floor = client_id[0] == '\0' ? 0 : 1,
    };
    bench_write(b, node, handle, &c);
}

void bench_get(struct bench *b, uint32_t node, uint64_t handle, const char *key)
{
    bench_get_as(b, node, handle, key, CONSISTENCY_BARRIER);
}

void bench_get_as(struct bench *b, uint32_t node, uint64_t handle, const char *key,
                  enum consistency consistency)
{
    struct replica_op op = {
        .kind = OP_READ,
        .handle = handle,
        .deadline_ns = b->now_ns + 10000 * MS,
        .key = bytes_of(key),
        .consistency = consistency,
    };
    bench_step(b, node, (struct event){.kind = EVENT_OP, .op = &op});
}

bool bench_is_converged(const struct bench *b)
{
    const struct machine *first = NULL;
    for (uint32_t i = 0; i < b->count; i++) {
        if (b->dead[i])
            continue;
        const struct machine *m = replica_machine(b->nodes[i]);
        if (first == NULL)
            first = m;
        if (machine_applied(m) != machine_applied(first) || machine_hash(m) != machine_hash(first))
            return false;
    }
    return true;
}
