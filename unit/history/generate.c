/* generate.c -- see generate.h. */
#include "generate.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

struct world_key {
    bool found;
    struct buf value;
};

enum actor_phase {
    ACTOR_IDLE,
    ACTOR_CALLED,
    ACTOR_APPLIED,
};

struct actor {
    enum actor_phase phase;
    size_t op;
    struct history_answer answer;
    struct buf output; /* Behind answer.output. */
};

struct world {
    const struct generate *g;
    struct prng *prng;
    struct history *h;
    struct world_key *keys;
    struct actor *actors;
    size_t *limbo; /* Calls without an answer that may yet take effect. */
    size_t limbo_count;
    uint64_t now_ns;
    uint64_t revision;
    uint64_t slot;
};

static void *world_array(size_t count, size_t size)
{
    void *array = mem_alloc_zero((count + 1) * size);
    assert(array != NULL);
    return array;
}

static void world_put(struct buf *b, struct bytes value)
{
    int err = buf_append(b, value);
    assert(err == 0);
    (void)err;
}

/* "k7" and the like, into room. */
static struct bytes world_name(char letter, uint64_t number, uint8_t room[24])
{
    size_t at = 24;
    room[--at] = ';';
    do {
        room[--at] = (uint8_t)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    room[--at] = (uint8_t)letter;
    return (struct bytes){.data = room + at, .size = 24 - at};
}

static uint64_t world_tick(struct world *w)
{
    w->now_ns += w->g->coarse_clock ? prng_below(w->prng, 2) : 1;
    return w->now_ns;
}

static struct world_key *world_key_of(struct world *w, struct bytes key)
{
    uint64_t number = 0;
    for (size_t i = 1; i + 1 < key.size; i++)
        number = number * 10 + (uint64_t)(key.data[i] - '0');
    return &w->keys[number];
}

/* Let the call take effect on the data. *out gets what an answer would say. */
static void world_apply(struct world *w, const struct history_call *c, struct actor *out)
{
    struct world_key *k = world_key_of(w, c->key);
    bool matches =
        c->expect_found ? k->found && bytes_equal(buf_bytes(&k->value), c->expect) : !k->found;
    bool changes = c->kind == HISTORY_PUT || c->kind == HISTORY_APPEND ||
                   (c->kind == HISTORY_DELETE && k->found) || (c->kind == HISTORY_CAS && matches);
    struct history_answer *a = &out->answer;
    *a = (struct history_answer){.outcome = HISTORY_OK, .has_found = true, .found = k->found};
    a->has_output = c->kind == HISTORY_APPEND || k->found;
    a->applied = c->kind == HISTORY_CAS && matches;
    buf_clear(&out->output);
    if (k->found)
        world_put(&out->output, buf_bytes(&k->value));
    if (changes && c->kind != HISTORY_APPEND)
        buf_clear(&k->value);
    if (c->kind == HISTORY_APPEND && !k->found)
        buf_clear(&k->value);
    if (changes)
        world_put(&k->value, c->value);
    if (changes)
        k->found = c->kind != HISTORY_DELETE;
    if (c->kind == HISTORY_APPEND)
        world_put(&out->output, c->value);
    w->revision += changes;
    w->slot++;
    if (w->g->revisions && c->kind != HISTORY_GET)
        a->revision = w->revision;
    if (w->g->revisions)
        a->slot = w->slot;
    /* Who tells revisions tells with a delete whether there was anything. */
    bool always = c->kind == HISTORY_GET || (c->kind == HISTORY_DELETE && w->g->revisions);
    bool told = prng_chance(w->prng, w->g->told_per_million) || always;
    a->has_found = told;
    a->found = told && a->found;
    a->has_output = told && a->has_output;
    a->output = a->has_output ? buf_bytes(&out->output) : (struct bytes){0};
}

static void world_begin(struct world *w, struct actor *a, uint32_t client)
{
    static const enum history_kind others[] = {HISTORY_PUT, HISTORY_PUT, HISTORY_DELETE,
                                               HISTORY_CAS};
    uint8_t key[24];
    uint8_t value[24];
    uint8_t expect[24];
    struct history_call c = {.client = client, .kind = others[prng_below(w->prng, 4)]};
    c.key = world_name('k', prng_below(w->prng, w->g->keys), key);
    if (prng_chance(w->prng, w->g->append_per_million))
        c.kind = HISTORY_APPEND;
    if (prng_chance(w->prng, w->g->get_per_million))
        c.kind = HISTORY_GET;
    uint64_t number = w->g->unique ? w->h->count : prng_below(w->prng, 3);
    if (c.kind != HISTORY_GET && c.kind != HISTORY_DELETE)
        c.value = world_name('v', number, value);
    if (c.kind == HISTORY_CAS) {
        const struct world_key *k = world_key_of(w, c.key);
        c.expect_found = prng_below(w->prng, 3) != 0;
        if (c.expect_found && k->found && prng_below(w->prng, 2) == 0)
            c.expect = buf_bytes(&k->value);
        else if (c.expect_found)
            c.expect = world_name('v', prng_below(w->prng, 3), expect);
    }
    c.call_ns = world_tick(w);
    int err = history_begin(w->h, &c, &a->op);
    assert(err == 0);
    (void)err;
    a->phase = ACTOR_CALLED;
}

/* The call goes unanswered, or is refused, and its client goes on. */
static void world_lose(struct world *w, struct actor *a, enum history_outcome outcome)
{
    struct history_answer answer = {.outcome = outcome, .return_ns = HISTORY_NEVER};
    if (outcome == HISTORY_FAIL || prng_below(w->prng, 2) == 0)
        answer.return_ns = world_tick(w);
    if (outcome == HISTORY_UNKNOWN && prng_below(w->prng, 2) == 0)
        w->limbo[w->limbo_count++] = a->op;
    if (answer.return_ns != HISTORY_NEVER) {
        int err = history_end(w->h, a->op, &answer);
        assert(err == 0);
        (void)err;
    }
    a->phase = ACTOR_IDLE;
}

static void world_end(struct world *w, struct actor *a)
{
    a->answer.return_ns = world_tick(w);
    int err = history_end(w->h, a->op, &a->answer);
    assert(err == 0);
    (void)err;
    a->phase = ACTOR_IDLE;
}

static void world_act(struct world *w, uint32_t client)
{
    struct actor *a = &w->actors[client];
    switch (a->phase) {
    case ACTOR_IDLE:
        if (w->h->count < w->g->ops)
            world_begin(w, a, client);
        break;
    case ACTOR_CALLED:
        if (prng_chance(w->prng, w->g->unknown_per_million)) {
            world_lose(w, a, HISTORY_UNKNOWN);
        } else if (prng_chance(w->prng, w->g->fail_per_million)) {
            world_lose(w, a, HISTORY_FAIL);
        } else {
            world_apply(w, &w->h->ops[a->op].call, a);
            a->phase = ACTOR_APPLIED;
        }
        break;
    case ACTOR_APPLIED:
        world_end(w, a);
        break;
    }
}

/* Now and then one of those in limbo takes effect. */
static void world_release(struct world *w)
{
    struct actor nobody = {0};
    if (w->limbo_count == 0 || prng_below(w->prng, 8) != 0)
        return;
    size_t i = prng_below(w->prng, w->limbo_count);
    world_apply(w, &w->h->ops[w->limbo[i]].call, &nobody);
    w->limbo[i] = w->limbo[--w->limbo_count];
    buf_fini(&nobody.output);
}

void generate_history(struct history *h, const struct generate *g, struct prng *prng)
{
    struct world w = {.g = g, .prng = prng, .h = h};
    w.keys = world_array(g->keys, sizeof(*w.keys));
    w.actors = world_array(g->clients, sizeof(*w.actors));
    w.limbo = world_array(g->ops, sizeof(*w.limbo));
    bool busy = true;
    while (busy || h->count < g->ops) {
        world_act(&w, (uint32_t)prng_below(prng, g->clients));
        world_release(&w);
        busy = false;
        for (uint32_t i = 0; i < g->clients && h->count == g->ops; i++)
            busy = busy || w.actors[i].phase != ACTOR_IDLE;
    }
    for (uint32_t i = 0; i < g->keys; i++)
        buf_fini(&w.keys[i].value);
    for (uint32_t i = 0; i < g->clients; i++)
        buf_fini(&w.actors[i].output);
    mem_free(w.keys);
    mem_free(w.actors);
    mem_free(w.limbo);
}

struct history_op generate_op(enum history_kind kind, const char *key, const char *value,
                              uint64_t call_ns, uint64_t return_ns)
{
    struct history_op op = {
        .call = {.kind = kind, .key = bytes_of(key), .call_ns = call_ns},
        .answer = {.outcome = HISTORY_OK, .return_ns = return_ns},
    };
    if (kind != HISTORY_GET) {
        op.call.value = value == NULL ? (struct bytes){0} : bytes_of(value);
        return op;
    }
    op.answer.has_found = true;
    op.answer.found = value != NULL;
    op.answer.has_output = value != NULL;
    op.answer.output = value == NULL ? (struct bytes){0} : bytes_of(value);
    return op;
}
