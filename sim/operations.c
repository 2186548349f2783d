/*
 * operations.c -- what clients ask for, and how it enters the history.
 *
 * Keys come in generations, so that no key has so many operations that checking them takes long.
 * Every second key is only ever appended to, with tokens that nothing else is: after the run its
 * value tells whether each append happened exactly once.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "clients.h"
#include "world.h"

#define MILLION 1000000

static bool operation_key_is_appended(uint32_t key_index)
{
    return key_index % 2 == 1;
}

/* The lowest op_id whose answer the client still lacks. */
static uint64_t client_floor(const struct client *c)
{
    uint64_t floor = c->op_id;
    for (uint32_t i = 0; i < c->open_count; i++) {
        if (c->open[i]->has_id && c->open[i]->op_id < floor)
            floor = c->open[i]->op_id;
    }
    return floor;
}

static void buf_add(struct buf *b, struct bytes more)
{
    int err = buf_append(b, more);
    assert(err == 0);
}

static struct sim_op *operation_alloc(struct world *w, uint32_t client)
{
    struct clients *cs = &w->clients;
    struct sim_op *op = mem_alloc_zero(sizeof(*op));
    assert(op != NULL);
    void *ops = cs->ops;
    int err = mem_reserve(&ops, &cs->ops_capacity, cs->ops_count + 1, sizeof(struct sim_op *));
    assert(err == 0);
    cs->ops = ops;
    cs->ops[cs->ops_count] = op;
    cs->ops_count++;
    op->number = cs->ops_count;
    op->client = client;
    op->is_open = true;
    op->timeout_ns = w->mix.clients.timeout_ns;
    return op;
}

/* The texts that `meant` borrows: key, value, expected, one behind the other. */
static void operation_fill(struct sim_op *op, struct bytes key, struct bytes value,
                           struct bytes expected)
{
    buf_add(&op->text, key);
    buf_add(&op->text, value);
    buf_add(&op->text, expected);
    struct bytes all = buf_bytes(&op->text);
    op->meant.key = bytes_slice(all, 0, key.size);
    op->meant.value = bytes_slice(all, key.size, value.size);
    op->meant.expected = bytes_slice(all, key.size + value.size, expected.size);
}

static enum command_kind operation_draw_kind(struct world *w, uint32_t key_index)
{
    const struct client_mix *m = &w->mix.clients;
    if (operation_key_is_appended(key_index))
        return COMMAND_APPEND;
    uint64_t at = prng_below(&w->prng, MILLION);
    if (at < m->cas_ppm)
        return COMMAND_CAS;
    if (at < m->cas_ppm + m->append_ppm)
        return COMMAND_APPEND;
    if (at < m->cas_ppm + m->append_ppm + m->delete_ppm)
        return COMMAND_DELETE;
    return COMMAND_PUT;
}

static void operation_take_id(struct world *w, struct sim_op *op)
{
    struct client *c = &w->clients.clients[op->client];
    if (c->slot == 0 && w->nodes[c->home].running)
        c->slot = w->nodes[c->home].applied; /* A new client asks for it. */
    if (!c->has_id || op->is_read)
        return;
    op->has_id = true;
    c->op_id++;
    op->op_id = c->op_id;
    op->born = c->slot;
    memcpy(op->client_id_bytes, c->id, sizeof(op->client_id_bytes));
    op->client_id =
        (struct bytes){.data = op->client_id_bytes, .size = sizeof(op->client_id_bytes)};
}

static void operation_begin(struct world *w, struct sim_op *op)
{
    static const enum history_kind kinds[] = {
        [COMMAND_PUT] = HISTORY_PUT,
        [COMMAND_APPEND] = HISTORY_APPEND,
        [COMMAND_DELETE] = HISTORY_DELETE,
        [COMMAND_CAS] = HISTORY_CAS,
    };
    if (op->is_read && op->consistency == CONSISTENCY_SEQUENTIAL)
        return;
    struct history_call call = {
        .client = op->client,
        .kind = op->is_read ? HISTORY_GET : kinds[op->meant.kind],
        .key = op->meant.key,
        .value = op->meant.value,
        .expect_found = op->meant.expect == EXPECT_VALUE,
        .expect = op->meant.expected,
        .call_ns = w->now_ns,
        .client_id = op->client_id,
        .op_id = op->op_id,
    };
    int err = history_begin(&w->clients.history, &call, &op->history_index);
    assert(err == 0);
    op->has_history = true;
}

static void operation_draw_write(struct world *w, struct sim_op *op, struct bytes key)
{
    struct clients *cs = &w->clients;
    op->meant.kind = operation_draw_kind(w, op->key_index);
    op->meant.want_previous = prng_chance(&w->prng, MILLION / 4);
    char text[256];
    int size = snprintf(text, sizeof(text), "<%lu>", op->number);
    struct bytes value = bytes_of(text);
    struct bytes expected = {0};
    if (op->meant.kind == COMMAND_DELETE)
        value.size = 0;
    if (op->meant.kind == COMMAND_CAS) {
        bool found = cs->guess_found[op->key_index];
        op->meant.expect = found ? EXPECT_VALUE : EXPECT_ABSENT;
        if (found)
            expected = buf_bytes(&cs->guesses[op->key_index]);
    }
    if (op->meant.kind == COMMAND_PUT) {
        size_t room = sizeof(text) - (size_t)size;
        size_t most = w->mix.clients.value_size_max;
        size_t more = (size_t)prng_below(&w->prng, (most < room ? most : room - 1) + 1);
        memset(text + size, '.', more);
        value.size += more;
    }
    operation_fill(op, key, value, expected);
}

struct sim_op *operation_new(struct world *w, uint32_t client)
{
    struct clients *cs = &w->clients;
    const struct client_mix *m = &w->mix.clients;
    struct sim_op *op = operation_alloc(w, client);
    cs->keys++;
    if (cs->keys > (uint64_t)m->keys * m->ops_per_key) {
        cs->keys = 0;
        cs->epoch++;
        memset(cs->guess_found, 0, sizeof(cs->guess_found));
    }
    op->key_index = (uint32_t)prng_below(&w->prng, m->keys);
    char key[32];
    snprintf(key, sizeof(key), "%c%lu.%u", operation_key_is_appended(op->key_index) ? 'a' : 'k',
             cs->epoch, op->key_index);
    op->is_read = prng_chance(&w->prng, m->read_ppm);
    if (op->is_read) {
        operation_fill(op, bytes_of(key), (struct bytes){0}, (struct bytes){0});
        if (prng_chance(&w->prng, m->sequential_ppm))
            op->consistency = CONSISTENCY_SEQUENTIAL;
        else if (prng_chance(&w->prng, m->quorum_ppm))
            op->consistency = CONSISTENCY_QUORUM;
    } else {
        operation_draw_write(w, op, bytes_of(key));
    }
    operation_take_id(w, op);
    if (op->consistency == CONSISTENCY_SEQUENTIAL)
        op->min_slot = cs->clients[client].slot;
    op->min_revision = cs->clients[client].revision;
    operation_begin(w, op);
    return op;
}

struct sim_op *operation_new_probe(struct world *w, bool is_read)
{
    struct sim_op *op = operation_alloc(w, CLIENTS_MAX);
    op->is_probe = true;
    op->is_read = is_read;
    char text[32];
    snprintf(text, sizeof(text), "<%lu>", op->number);
    struct bytes value = bytes_of(text);
    op->meant.kind = w->mix.state_fills ? COMMAND_DELETE : COMMAND_PUT;
    if (is_read || op->meant.kind == COMMAND_DELETE)
        value.size = 0;
    operation_fill(op, bytes_of("probe"), value, (struct bytes){0});
    operation_begin(w, op);
    return op;
}

void operation_encode(struct world *w, struct sim_op *op)
{
    if (op->is_read)
        return;
    struct command c = op->meant;
    if (op->has_id) {
        c.client_id = op->client_id;
        c.op_id = op->op_id;
        c.born = op->born;
        c.floor = op->op_id;
        uint64_t floor = client_floor(&w->clients.clients[op->client]);
        if (floor < c.floor)
            c.floor = floor;
    }
    buf_clear(&op->command);
    int err = command_encode(&c, &op->command);
    assert(err == 0);
}

/* What a key was seen to hold, for the next compare-and-set. */
static void operation_guess(struct world *w, const struct sim_op *op, bool found, struct bytes v)
{
    struct clients *cs = &w->clients;
    if (op->is_probe || (cs->epoch > 0 && cs->keys < 2))
        return;
    cs->guess_found[op->key_index] = found;
    buf_clear(&cs->guesses[op->key_index]);
    if (found)
        buf_add(&cs->guesses[op->key_index], v);
}

static void operation_tell_read(const struct answer *a, struct history_answer *h)
{
    h->has_found = true;
    h->found = a->entry != NULL;
    h->has_output = h->found;
    if (h->found)
        h->output = entry_value(a->entry);
    h->slot = a->slot;
}

static void operation_tell_write(const struct sim_op *op, const struct answer *a,
                                 struct history_answer *h)
{
    const struct result *r = &a->result;
    h->has_found = true;
    h->found = r->found;
    h->applied = op->meant.kind == COMMAND_CAS && r->applied;
    h->revision = r->revision;
    h->slot = r->slot;
    const struct entry *e = op->meant.kind == COMMAND_APPEND ? r->output : r->previous;
    h->has_output = e != NULL;
    if (e != NULL)
        h->output = entry_value(e);
}

void operation_record(struct world *w, struct sim_op *op, enum history_outcome outcome,
                      const struct reply *r)
{
    if (!op->has_history || outcome == HISTORY_UNKNOWN)
        return; /* It stays open, which is what it is. */
    struct history_answer h = {.outcome = outcome, .return_ns = w->now_ns};
    if (outcome == HISTORY_OK) {
        h.node = r->node + 1;
        if (op->is_read)
            operation_tell_read(&r->answer, &h);
        else
            operation_tell_write(op, &r->answer, &h);
        if (op->is_read)
            operation_guess(w, op, h.found, h.output);
        else if (op->meant.kind == COMMAND_PUT || (op->meant.kind == COMMAND_CAS && h.applied))
            operation_guess(w, op, true, op->meant.value);
        else if (op->meant.kind == COMMAND_DELETE)
            operation_guess(w, op, false, (struct bytes){0});
    }
    int err = history_end(&w->clients.history, op->history_index, &h);
    assert(err == 0);
}
