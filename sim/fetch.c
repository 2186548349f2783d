/*
 * fetch.c -- a node answers FETCH from its disk, as the call FetchChosen does.
 *
 * docs/protocol.md, section 7: slots that hold NOOP are handed on as intervals.
 */
#include <assert.h>
#include <string.h>

#include "node.h"
#include "world.h"

/* What one call hands over, as the node bounds it. */
#define FETCH_BYTES_MAX ((size_t)3 << 20)
#define FETCH_VALUES_MAX 512
#define FETCH_SLOTS_MAX 4096

/* One answer under way. */
struct fetch_answer {
    struct world *w;
    const struct letter *question;
    uint64_t at_ns; /* All of it arrives then, in order. */
    uint64_t first; /* Slots of the answer. */
    uint64_t last;
    struct ballot noop_at[FETCH_SLOTS_MAX]; /* What the disk's intervals say of each: the highest */
    bool noop_learnt[FETCH_SLOTS_MAX];      /* VOTED_NOOP, and whether NOOP is learnt there. */
    bool is_noop[FETCH_SLOTS_MAX];
};

static void fetch_clear(struct fetch_answer *a)
{
    if (a->last < a->first)
        return;
    size_t count = (size_t)(a->last - a->first + 1);
    memset(a->noop_at, 0, count * sizeof(a->noop_at[0]));
    memset(a->noop_learnt, 0, count * sizeof(a->noop_learnt[0]));
    memset(a->is_noop, 0, count * sizeof(a->is_noop[0]));
}

static void fetch_send(const struct fetch_answer *a, struct message m)
{
    struct world *w = a->w;
    const struct letter *l = a->question;
    struct letter *letter = net_letter(w, EVENT_MESSAGE, l->from);
    letter->from = l->to;
    letter->link = w->net.streams[l->to][l->from].link;
    letter->message = m;
    letter->message.kind = MESSAGE_CHOSEN;
    truth_on_send(w, l->to, &letter->message);
    schedule_add(&w->schedule, (struct task){
                                   .at_ns = a->at_ns,
                                   .kind = TASK_DELIVER,
                                   .node = l->from,
                                   .item = letter,
                               });
}

/* What the disk's intervals say of the slots of the answer. */
static void fetch_read_ranges(struct fetch_answer *a, const struct disk *d)
{
    const struct disk_table *t = &d->tables[RECORD_TABLE_RANGES];
    uint8_t raw[RECORD_SLOT_KEY_SIZE];
    record_key_block(a->first, raw);
    struct bytes from = {.data = raw, .size = sizeof(raw)};
    for (size_t i = disk_seek(d, RECORD_TABLE_RANGES, from); i < t->count; i++) {
        struct durable r = {0};
        int err = record_decode_durable(RECORD_TABLE_RANGES, disk_row_key(t->rows[i]),
                                        disk_row_value(t->rows[i]), &r);
        assert(err == 0);
        if (r.interval.first > a->last)
            return;
        struct interval part = interval_clip(r.interval, a->first, a->last);
        for (uint64_t s = part.first; s <= part.last && !interval_is_none(part); s += part.stride) {
            if (r.kind == DURABLE_LEARNT_NOOP)
                a->noop_learnt[s - a->first] = true;
            if (r.kind == DURABLE_VOTED_NOOP &&
                ballot_cmp(r.accepted, a->noop_at[s - a->first]) > 0)
                a->noop_at[s - a->first] = r.accepted;
        }
    }
}

/* A slot's record in VOTES or LEARNT, whose reference is the caller's. False: there is none. */
static bool fetch_read(const struct disk *d, enum record_table table, uint64_t slot,
                       struct durable *out_record)
{
    uint8_t raw[RECORD_SLOT_KEY_SIZE];
    record_key_slot(slot, raw);
    struct bytes key = {.data = raw, .size = sizeof(raw)};
    struct bytes value = {0};
    if (!disk_get(d, table, key, &value))
        return false;
    int err = record_decode_durable(table, key, value, out_record);
    assert(err == 0);
    return true;
}

/* The value chosen in a slot at or below chosen_to, with a reference; NULL: it is not there. */
static struct value *fetch_value(const struct fetch_answer *a, const struct disk *d, uint64_t slot)
{
    struct durable learnt = {0};
    struct durable vote = {0};
    if (fetch_read(d, RECORD_TABLE_LEARNT, slot, &learnt))
        return learnt.value;
    if (a->noop_learnt[slot - a->first])
        return value_noop();
    struct ballot noop_at = a->noop_at[slot - a->first];
    if (fetch_read(d, RECORD_TABLE_VOTES, slot, &vote) && ballot_cmp(vote.accepted, noop_at) >= 0)
        return vote.value;
    value_unref(vote.value);
    return ballot_is_none(noop_at) ? NULL : value_noop();
}

/* Each node's slots apart, runs of them that hold NOOP as intervals. */
static void fetch_send_noops(const struct fetch_answer *a, uint64_t end)
{
    uint32_t stride = a->w->mix.nodes;
    for (uint64_t begin = a->first; begin < a->first + stride; begin++) {
        struct interval run = {0};
        for (uint64_t slot = begin; slot < end; slot += stride) {
            if (!a->is_noop[slot - a->first])
                continue;
            if (!interval_is_none(run) && run.last + stride == slot) {
                run.last = slot;
                continue;
            }
            if (!interval_is_none(run))
                fetch_send(a, (struct message){.interval = run, .value = value_noop()});
            run = (struct interval){.first = slot, .last = slot, .stride = stride};
        }
        if (!interval_is_none(run))
            fetch_send(a, (struct message){.interval = run, .value = value_noop()});
    }
}

static void fetch_answer(struct fetch_answer *a)
{
    struct world *w = a->w;
    const struct node *n = &w->nodes[a->question->to];
    fetch_read_ranges(a, &n->disk);
    uint64_t slot = a->first;
    size_t bytes = 0;
    uint32_t values = 0;
    for (; slot <= a->last && values < FETCH_VALUES_MAX && bytes < FETCH_BYTES_MAX; slot++) {
        struct value *v = fetch_value(a, &n->disk, slot);
        if (v == NULL) {
            world_fail(w, "node %u: slot %lu, at or below its chosen_to %lu, is not on disk", n->id,
                       slot, n->disk.chosen_to);
            return;
        }
        if (v->kind == VALUE_NOOP && w->mix.mode == MODE_COORDINATED) {
            a->is_noop[slot - a->first] = true;
            continue;
        }
        bytes += v->size;
        values++;
        fetch_send(a, (struct message){.slot = slot, .value = v});
    }
    bounds_on_fetched(w, a->question->from, bytes);
    fetch_send_noops(a, slot);
    fetch_send(a, (struct message){.slot = slot});
}

void node_on_fetch(struct world *w, struct letter *l)
{
    const struct node *n = &w->nodes[l->to];
    const struct stream *back = &w->net.streams[l->to][l->from];
    if (n->running && !n->paused && back->up && back->blocked == 0 &&
        !prng_chance(&w->prng, w->mix.loss_ppm)) {
        static struct fetch_answer a;
        a.w = w;
        a.question = l;
        a.first = l->message.slot;
        a.at_ns =
            w->now_ns + 2 * w->mix.delay_min_ns + prng_below(&w->prng, w->mix.delay_spread_ns + 1);
        a.last = l->message.to < n->disk.chosen_to ? l->message.to : n->disk.chosen_to;
        if (a.last >= a.first + FETCH_SLOTS_MAX)
            a.last = a.first + FETCH_SLOTS_MAX - 1;
        fetch_clear(&a);
        fetch_answer(&a);
    }
    net_letter_free(w, l);
}
