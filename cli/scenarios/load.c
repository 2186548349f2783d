/* load.c -- see load.h. */
#define _GNU_SOURCE
#include "cli/scenarios/load.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/prng.h"
#include "cli/scenarios/moment.h"

#define SEEN_SIZE_MAX 64 /* A longer value is not compared with. */

struct load_client {
    struct load *load;
    struct dkv_client *client;
    uint32_t number;
    struct prng prng;
    uint64_t asked; /* Operations. */
    uint64_t began_ns;
    struct dkv_op op; /* Under way; points into key, value and seen. */
    char key[LOAD_KEY_SIZE];
    char value[LOAD_VALUE_SIZE];
    /* LOAD_ALL: what its last get gave, to be compared with by what follows it. */
    bool has_seen;
    bool seen_found;
    uint32_t seen_size;
    uint8_t seen[SEEN_SIZE_MAX];
};

struct load {
    struct load_options options;
    uint64_t begin_ns;
    uint64_t end_ns;
    struct histogram latencies;
    _Atomic uint64_t done;
    _Atomic uint64_t failed;
    _Atomic uint64_t measured;
    _Atomic uint64_t slowest_ns;
    _Atomic uint64_t filled; /* LOAD_FILL: keys taken. */
    atomic_bool stopping;
    pthread_mutex_t lock; /* Of what follows. */
    pthread_cond_t idle;
    uint32_t active; /* Clients that ask. */
    char error[256];
    struct load_client clients[];
};

static void client_on_answer(void *context, struct dkv_answer *answer);

/* ---- What to ask --------------------------------------------------------------------------- */

static void client_set_key(struct load_client *c, uint32_t number)
{
    const char *prefix = c->load->options.prefix;
    size_t begin = strlen(prefix);
    memcpy(c->key, prefix, begin);
    for (size_t i = LOAD_KEY_SIZE; i > begin; i--, number /= 10)
        c->key[i - 1] = (char)('0' + number % 10);
    c->op.key = (struct dkv_bytes){.data = c->key, .size = LOAD_KEY_SIZE};
}

static void client_set_write(struct load_client *c, enum dkv_kind kind, size_t size)
{
    c->op.kind = kind;
    c->op.value = (struct dkv_bytes){.data = c->value, .size = size};
}

/* A value that nobody else writes. */
static size_t client_new_value(struct load_client *c)
{
    return (size_t)snprintf(c->value, sizeof(c->value), "[%x.%llx]", (unsigned)c->number,
                            (unsigned long long)c->asked);
}

/* The key is that of the get before. */
static void client_compare(struct load_client *c)
{
    client_set_write(c, DKV_CAS, client_new_value(c));
    c->op.expect = c->seen_found ? DKV_EXPECT_VALUE : DKV_EXPECT_ABSENT;
    if (c->seen_found)
        c->op.expected = (struct dkv_bytes){.data = c->seen, .size = c->seen_size};
    c->has_seen = false;
}

static void client_choose_any(struct load_client *c)
{
    if (c->has_seen && prng_chance(&c->prng, 300000)) {
        client_compare(c);
        return;
    }
    c->has_seen = false;
    client_set_key(c, (uint32_t)prng_below(&c->prng, c->load->options.keys));
    uint64_t dice = prng_below(&c->prng, 100);
    if (dice < 50)
        c->op.kind = DKV_GET;
    else if (dice < 80)
        client_set_write(c, DKV_PUT, client_new_value(c));
    else if (dice < 92)
        client_set_write(c, DKV_APPEND, client_new_value(c));
    else
        c->op.kind = DKV_DELETE;
}

/* False: there is nothing left to ask. */
static bool client_choose(struct load_client *c)
{
    struct load *l = c->load;
    struct dkv_bytes key = c->op.key;
    c->op = (struct dkv_op){.key = key};
    if (l->options.mix == LOAD_ALL) {
        client_choose_any(c);
        return true;
    }
    if (l->options.mix == LOAD_FILL) {
        uint64_t next = atomic_fetch_add(&l->filled, 1);
        if (next >= l->options.keys)
            return false;
        client_set_key(c, (uint32_t)next);
    } else {
        client_set_key(c, (uint32_t)prng_below(&c->prng, l->options.keys));
    }
    bool reads = l->options.mix == LOAD_GETS ||
                 (l->options.mix == LOAD_MIXED && prng_chance(&c->prng, 500000));
    if (reads)
        c->op.kind = DKV_GET;
    else
        client_set_write(c, DKV_PUT, LOAD_VALUE_SIZE);
    return true;
}

/* ---- Asking -------------------------------------------------------------------------------- */

static void client_end(struct load_client *c)
{
    struct load *l = c->load;
    pthread_mutex_lock(&l->lock);
    if (--l->active == 0)
        pthread_cond_signal(&l->idle);
    pthread_mutex_unlock(&l->lock);
}

static void load_note_error(struct load *l, enum dkv_status status, const char *text)
{
    atomic_fetch_add_explicit(&l->failed, 1, memory_order_relaxed);
    pthread_mutex_lock(&l->lock);
    if (l->error[0] == '\0')
        snprintf(l->error, sizeof(l->error), "%s%s%.200s", dkv_status_text(status),
                 *text != '\0' ? ": " : "", text);
    pthread_mutex_unlock(&l->lock);
}

static void client_ask(struct load_client *c)
{
    struct load *l = c->load;
    c->began_ns = moment_now_ns();
    if (c->began_ns >= l->end_ns || atomic_load_explicit(&l->stopping, memory_order_relaxed) ||
        !client_choose(c)) {
        client_end(c);
        return;
    }
    c->asked++;
    const char *text = "";
    enum dkv_status status = dkv_submit(c->client, &c->op, client_on_answer, c, &text);
    if (status != DKV_OK) {
        load_note_error(l, status, text);
        client_end(c);
    }
}

static void raise_to(_Atomic uint64_t *value, uint64_t to)
{
    uint64_t old = atomic_load_explicit(value, memory_order_relaxed);
    while (old < to && !atomic_compare_exchange_weak_explicit(value, &old, to, memory_order_relaxed,
                                                              memory_order_relaxed))
        continue;
}

static void client_remember(struct load_client *c, const struct dkv_answer *answer)
{
    c->has_seen = c->op.kind == DKV_GET && answer->value.size <= SEEN_SIZE_MAX;
    if (!c->has_seen)
        return;
    c->seen_found = answer->found;
    c->seen_size = (uint32_t)answer->value.size;
    if (c->seen_size > 0)
        memcpy(c->seen, answer->value.data, c->seen_size);
}

static void client_on_answer(void *context, struct dkv_answer *answer)
{
    struct load_client *c = context;
    struct load *l = c->load;
    uint64_t now_ns = moment_now_ns();
    if (l->options.journal != NULL)
        journal_add(l->options.journal, l->options.journal_client + c->number,
                    dkv_client_id(c->client), &c->op, answer, c->began_ns, now_ns);
    raise_to(&l->slowest_ns, now_ns - c->began_ns);
    if (answer->status != DKV_OK) {
        load_note_error(l, answer->status, answer->text);
        client_end(c);
        return;
    }
    atomic_fetch_add_explicit(&l->done, 1, memory_order_relaxed);
    if (now_ns >= l->begin_ns && now_ns < l->end_ns) {
        atomic_fetch_add_explicit(&l->measured, 1, memory_order_relaxed);
        histogram_record(&l->latencies, now_ns - c->began_ns);
    }
    if (l->options.mix == LOAD_ALL)
        client_remember(c, answer);
    client_ask(c);
}

/* ---- Beginning and end --------------------------------------------------------------------- */

static enum dkv_status client_open(struct load *l, uint32_t number)
{
    struct load_client *c = &l->clients[number];
    c->load = l;
    c->number = number;
    prng_init(&c->prng, l->options.seed + number);
    for (size_t i = 0; i < sizeof(c->value); i++)
        c->value[i] = (char)prng_between(&c->prng, ' ', '~');
    const struct dkv_options options = {
        .endpoints = l->options.endpoints[number % l->options.endpoints_count],
        .io = l->options.io,
        .timeout_ms = l->options.timeout_ms,
    };
    return dkv_open(&options, &c->client);
}

enum dkv_status load_start(const struct load_options *options, struct load **out_load)
{
    assert(options->clients >= 1 && options->clients <= LOAD_CLIENTS_MAX);
    assert(options->keys >= 1 && strlen(options->prefix) <= 8);
    struct load *l = mem_alloc_zero(sizeof(*l) + options->clients * sizeof(struct load_client));
    if (l == NULL)
        return DKV_NO_MEMORY;
    l->options = *options;
    pthread_mutex_init(&l->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&l->idle, &monotonic);
    pthread_condattr_destroy(&monotonic);
    for (uint32_t i = 0; i < options->clients; i++) {
        enum dkv_status status = client_open(l, i);
        if (status != DKV_OK) {
            load_stop(l);
            return status;
        }
    }
    l->begin_ns = moment_now_ns() + options->warm_up_ns;
    l->end_ns = l->begin_ns + options->duration_ns;
    l->active = options->clients;
    *out_load = l;
    for (uint32_t i = 0; i < options->clients; i++)
        client_ask(&l->clients[i]);
    return DKV_OK;
}

uint64_t load_begin_ns(const struct load *l)
{
    return l->begin_ns;
}

uint64_t load_end_ns(const struct load *l)
{
    return l->end_ns;
}

void load_get(struct load *l, struct load_result *out_result)
{
    *out_result = (struct load_result){
        .done = atomic_load_explicit(&l->done, memory_order_relaxed),
        .failed = atomic_load_explicit(&l->failed, memory_order_relaxed),
        .measured = atomic_load_explicit(&l->measured, memory_order_relaxed),
        .slowest_ns = atomic_load_explicit(&l->slowest_ns, memory_order_relaxed),
    };
    pthread_mutex_lock(&l->lock);
    memcpy(out_result->error, l->error, sizeof(l->error));
    pthread_mutex_unlock(&l->lock);
}

const struct histogram *load_latencies(const struct load *l)
{
    return &l->latencies;
}

bool load_wait(struct load *l, uint32_t timeout_ms)
{
    uint64_t until_ns = moment_now_ns() + timeout_ms * MOMENT_MS;
    const struct timespec until = {.tv_sec = (time_t)(until_ns / MOMENT_S),
                                   .tv_nsec = (long)(until_ns % MOMENT_S)};
    pthread_mutex_lock(&l->lock);
    int err = 0;
    while (l->active > 0 && err == 0)
        err = pthread_cond_timedwait(&l->idle, &l->lock, &until);
    bool idle = l->active == 0;
    pthread_mutex_unlock(&l->lock);
    return idle;
}

void load_stop(struct load *l)
{
    if (l == NULL)
        return;
    atomic_store(&l->stopping, true);
    for (uint32_t i = 0; i < l->options.clients; i++)
        dkv_close(l->clients[i].client);
    pthread_cond_destroy(&l->idle);
    pthread_mutex_destroy(&l->lock);
    mem_free(l);
}
