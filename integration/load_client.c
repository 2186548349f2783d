/* load_client.c -- see load_client.h. */
#define _GNU_SOURCE
#include "load_client.h"

#include <stdio.h>
#include <time.h>

#define VALUE_SIZE 32

void load_client_do(struct load_client *c, const struct dkv_op *op, struct dkv_answer *answer)
{
    uint64_t call_ns = load_now_ns();
    dkv_execute(c->dkv, op, answer);
    load_note(c->load, c->id, dkv_client_id(c->dkv), op, answer, call_ns, load_now_ns());
}

/* A value that nobody else writes; none is the beginning of another one. */
static void client_token(struct load_client *c, char out[VALUE_SIZE])
{
    snprintf(out, VALUE_SIZE, "%u.%llu;", (unsigned)c->id, (unsigned long long)++c->tokens);
}

/* Both kinds of linearizable reads, half and half: one history judges them. */
static enum dkv_consistency client_consistency(struct load_client *c)
{
    return prng_chance(&c->prng, 500000) ? DKV_QUORUM : DKV_LINEARIZABLE;
}

static void client_simple(struct load_client *c, enum dkv_kind kind, const char *key)
{
    char value[VALUE_SIZE];
    struct dkv_answer answer;
    struct dkv_op op = {.kind = kind, .key = load_text(key)};
    if (kind == DKV_GET)
        op.consistency = client_consistency(c);
    if (kind == DKV_PUT || kind == DKV_APPEND) {
        client_token(c, value);
        op.value = load_text(value);
    }
    op.want_previous = kind != DKV_GET && prng_chance(&c->prng, 500000);
    load_client_do(c, &op, &answer);
    dkv_answer_fini(&answer);
}

/* Read, and replace what was read: half of the time somebody else comes in between. */
static void client_replace(struct load_client *c, const char *key)
{
    char value[VALUE_SIZE];
    struct dkv_answer seen;
    struct dkv_answer answer;
    const struct dkv_op get = {
        .kind = DKV_GET, .key = load_text(key), .consistency = client_consistency(c)};
    load_client_do(c, &get, &seen);
    if (seen.status == DKV_OK) {
        client_token(c, value);
        struct dkv_op cas = {.kind = DKV_CAS, .key = load_text(key), .value = load_text(value)};
        cas.expect = seen.found ? DKV_EXPECT_VALUE : DKV_EXPECT_ABSENT;
        if (seen.found)
            cas.expected = seen.value;
        load_client_do(c, &cas, &answer);
        dkv_answer_fini(&answer);
    }
    dkv_answer_fini(&seen);
}

static void client_step(struct load_client *c)
{
    struct load *load = c->load;
    char key[LOAD_KEY_SIZE];
    bool appends_only = prng_chance(&c->prng, 300000);
    load_key(load, load_period(load), appends_only, prng_below(&c->prng, load->options.keys), key);
    uint64_t dice = prng_below(&c->prng, 100);
    if (dice < 35)
        client_simple(c, DKV_GET, key);
    else if (appends_only || dice < 45)
        client_simple(c, DKV_APPEND, key);
    else if (dice < 70)
        client_simple(c, DKV_PUT, key);
    else if (dice < 80)
        client_simple(c, DKV_DELETE, key);
    else
        client_replace(c, key);
}

/* With a new session, the endpoint of number `first` before the others. */
static void client_open(struct load_client *c, uint64_t first)
{
    struct load *load = c->load;
    char endpoints[1024] = "";
    uint32_t count = load->options.pin ? 1 : load->endpoints_count;
    for (uint32_t i = 0; i < count; i++) {
        size_t used = strlen(endpoints);
        snprintf(endpoints + used, sizeof(endpoints) - used, "%s%s", i > 0 ? "," : "",
                 load->endpoints[(first + i) % load->endpoints_count]);
    }
    const struct dkv_options options = {
        .endpoints = endpoints,
        .io = load->io,
        .timeout_ms = load->options.timeout_ms,
    };
    if (dkv_open(&options, &c->dkv) != DKV_OK)
        load_die("a client cannot be opened: check --endpoints");
}

void *load_client_run(void *context)
{
    struct load_client *c = context;
    struct load *load = c->load;
    uint64_t period = 0;
    while (load_now_ns() < load->end_ns) {
        if (!load->options.pin && load_period(load) != period) {
            period = load_period(load);
            dkv_close(c->dkv);
            client_open(c, c->id + period);
        }
        client_step(c);
        uint64_t pause_ns = prng_below(&c->prng, 2 * load->options.pause_us + 1) * 1000;
        struct timespec t = {.tv_sec = 0, .tv_nsec = (long)(pause_ns % (1000 * MS_NS))};
        nanosleep(&t, NULL);
    }
    return NULL;
}

void load_client_init(struct load_client *c, struct load *load, uint32_t id)
{
    *c = (struct load_client){.load = load, .id = id};
    prng_init(&c->prng, load->options.seed * LOAD_CLIENTS_MAX + id);
    client_open(c, id);
}
