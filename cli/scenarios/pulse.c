/* pulse.c -- see pulse.h. */
#define _GNU_SOURCE
#include "cli/scenarios/pulse.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/scenarios/moment.h"

#define JOURNAL_CLIENT 100 /* Above all others of a stage. */
#define ENDPOINTS_SIZE_MAX (STAGE_NODES_MAX * 257)

/* A thread of its own, so that a failure is simply followed by the next operation. */
struct pulse {
    struct stage *stage;
    struct dkv_client *client;
    pthread_t thread;
    atomic_bool stopping;
    _Atomic uint64_t done;
    struct pulse_result result; /* The thread's, until it is joined. */
    char key[STAGE_KEY_SIZE_MAX];
};

static void pulse_count(struct pulse *p, const struct dkv_answer *answer, uint64_t *last_ns,
                        uint64_t now_ns)
{
    struct pulse_result *r = &p->result;
    if (answer->status != DKV_OK) {
        if (r->failed++ == 0)
            snprintf(r->error, sizeof(r->error), "%.60s: %.180s", dkv_status_text(answer->status),
                     answer->text);
        return;
    }
    if (r->done > 0 && now_ns - *last_ns > r->longest_gap_ns)
        r->longest_gap_ns = now_ns - *last_ns;
    *last_ns = now_ns;
    r->done++;
    atomic_store(&p->done, r->done);
}

static void *pulse_run(void *context)
{
    struct pulse *p = context;
    uint64_t last_ns = 0;
    for (uint64_t n = 0; !atomic_load(&p->stopping); n++) {
        char value[32];
        int size = snprintf(value, sizeof(value), "beat %llu", (unsigned long long)n);
        struct dkv_op op = {.kind = DKV_GET, .key = {p->key, strlen(p->key)}};
        if (n % 2 == 0) {
            op.kind = DKV_PUT;
            op.value = (struct dkv_bytes){value, (size_t)size};
        }
        struct dkv_answer answer;
        uint64_t call_ns = moment_now_ns();
        dkv_execute(p->client, &op, &answer);
        uint64_t now_ns = moment_now_ns();
        journal_add(&p->stage->journal, JOURNAL_CLIENT, dkv_client_id(p->client), &op, &answer,
                    call_ns, now_ns);
        pulse_count(p, &answer, &last_ns, now_ns);
        dkv_answer_fini(&answer);
    }
    return NULL;
}

static enum dkv_status pulse_open(struct pulse *p, uint32_t node)
{
    struct stage *s = p->stage;
    char endpoints[ENDPOINTS_SIZE_MAX];
    size_t size = 0;
    for (uint32_t i = 0; i < s->nodes_count; i++)
        size += (size_t)snprintf(endpoints + size, sizeof(endpoints) - size, "%s%s",
                                 i > 0 ? "," : "", s->nodes[(node + i) % s->nodes_count].address);
    const struct dkv_options options = {
        .endpoints = endpoints, .io = s->io, .timeout_ms = s->timeout_ms};
    return dkv_open(&options, &p->client);
}

bool pulse_start(struct stage *s, uint32_t node, struct pulse **out_pulse)
{
    struct pulse *p = mem_alloc_zero(sizeof(*p));
    if (p != NULL) {
        p->stage = s;
        stage_key(s, "pulse", p->key);
        if (pulse_open(p, node) == DKV_OK && pthread_create(&p->thread, NULL, pulse_run, p) == 0) {
            *out_pulse = p;
            return true;
        }
        dkv_close(p->client);
        mem_free(p);
    }
    report_break(&s->report, "a client can be made: out of memory");
    return false;
}

uint64_t pulse_done(struct pulse *p)
{
    return atomic_load(&p->done);
}

void pulse_stop(struct pulse *p, struct pulse_result *out_result)
{
    atomic_store(&p->stopping, true);
    pthread_join(p->thread, NULL);
    *out_result = p->result;
    dkv_close(p->client);
    mem_free(p);
}
