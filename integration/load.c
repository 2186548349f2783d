/* load.c -- see load.h. */
#define _GNU_SOURCE
#include "load.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

uint64_t load_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 * MS_NS + (uint64_t)t.tv_nsec;
}

_Noreturn void load_die(const char *what)
{
    fprintf(stderr, "history-load: %s\n", what);
    exit(EXIT_ERROR);
}

uint64_t load_period(const struct load *load)
{
    return (load_now_ns() - load->begin_ns) / (LOAD_PERIOD_MS * MS_NS);
}

void load_key(const struct load *load, uint64_t period, bool appends_only, uint64_t number,
              char out[LOAD_KEY_SIZE])
{
    snprintf(out, LOAD_KEY_SIZE, "%llx/%llu/%c%llu", (unsigned long long)load->run,
             (unsigned long long)period, appends_only ? 'a' : 'r', (unsigned long long)number);
}

/* ---- Writing down -------------------------------------------------------------------------- */

static void watch_answer(struct load_watch *w, uint64_t at_ns)
{
    if (at_ns > w->last_ns && at_ns - w->last_ns > w->gap_ns)
        w->gap_ns = at_ns - w->last_ns;
    if (at_ns > w->last_ns)
        w->last_ns = at_ns;
    w->answers++;
}

/* The end of the load is the end of the last gap. */
static void watch_stop(struct load_watch *w, uint64_t end)
{
    if (end > w->last_ns && end - w->last_ns > w->gap_ns)
        w->gap_ns = end - w->last_ns;
}

void load_watch_begin(struct load *load)
{
    load->begin_ns = load_now_ns();
    for (uint32_t i = 0; i < LOAD_NODES_MAX; i++)
        load->watches[i].last_ns = load->begin_ns;
}

void load_watch_end(struct load *load)
{
    for (uint32_t i = 0; i < LOAD_NODES_MAX; i++)
        watch_stop(&load->watches[i], load->end_ns);
}

static enum history_outcome outcome_of(struct load *load, const struct dkv_answer *a)
{
    switch (a->status) {
    case DKV_OK:
        return HISTORY_OK;
    case DKV_UNAVAILABLE:
    case DKV_BUSY:
        return HISTORY_FAIL;
    case DKV_UNKNOWN:
        return HISTORY_UNKNOWN;
    case DKV_INVALID:
    case DKV_STALE:
    case DKV_EXPIRED:
    case DKV_MISMATCH:
    case DKV_TOO_LARGE:
    case DKV_DENIED:
    case DKV_UNSUPPORTED:
    case DKV_FAILED:
    case DKV_NO_MEMORY:
        break;
    }
    fprintf(stderr, "history-load: unexpected answer: %s: %s\n", dkv_status_text(a->status),
            a->text);
    load->surprises++;
    return HISTORY_UNKNOWN;
}

/* What the answer tells, in the words of history.h. Times are set by the caller. */
static struct history_answer answer_of(struct load *load, enum history_kind kind,
                                       const struct dkv_answer *a)
{
    struct history_answer h = {.outcome = outcome_of(load, a), .node = a->node};
    if (h.outcome != HISTORY_OK)
        return h;
    h.slot = a->slot;
    h.revision = a->revision;
    h.applied = kind == HISTORY_CAS && a->applied;
    if (kind != HISTORY_GET && a->omitted)
        return h; /* A repeat, whose values were too long to keep. */
    h.has_found = true;
    h.found = a->found;
    if (kind == HISTORY_GET || kind == HISTORY_APPEND) {
        h.has_output = a->has_value;
        h.output = load_bytes(a->value);
    } else {
        h.has_output = a->has_previous && a->found;
        h.output = h.has_output ? load_bytes(a->previous) : (struct bytes){0};
    }
    return h;
}

static enum history_kind history_kind_of(enum dkv_kind kind)
{
    switch (kind) {
    case DKV_GET:
        return HISTORY_GET;
    case DKV_PUT:
        return HISTORY_PUT;
    case DKV_APPEND:
        return HISTORY_APPEND;
    case DKV_DELETE:
        return HISTORY_DELETE;
    case DKV_CAS:
        break;
    }
    return HISTORY_CAS;
}

void load_note(struct load *load, uint32_t client, struct dkv_bytes client_id,
               const struct dkv_op *op, const struct dkv_answer *answer, uint64_t call_ns,
               uint64_t return_ns)
{
    enum history_kind kind = history_kind_of(op->kind);
    struct history_call call = {
        .client = client,
        .kind = kind,
        .key = load_bytes(op->key),
        .value = load_bytes(op->value),
        .expect_found = op->expect == DKV_EXPECT_VALUE,
        .expect = load_bytes(op->expected),
        .client_id = load_bytes(client_id),
        .call_ns = call_ns,
    };
    pthread_mutex_lock(&load->lock);
    struct history_op done = {.call = call, .answer = answer_of(load, kind, answer)};
    done.call.op_id = answer->op_id;
    if (done.call.op_id == 0)
        done.call.client_id = (struct bytes){0};
    done.answer.return_ns = done.answer.outcome == HISTORY_UNKNOWN ? HISTORY_NEVER : return_ns;
    if (!history_op_is_valid(&done) || history_add(&load->history, &done) != 0)
        load_die("an operation cannot be written down");
    load->outcomes[done.answer.outcome]++;
    if (kind == HISTORY_GET && done.answer.outcome == HISTORY_OK) {
        if (op->consistency == DKV_QUORUM)
            load->quorum_gets++;
        else
            load->barrier_gets++;
    }
    if (done.answer.outcome == HISTORY_OK && return_ns <= load->end_ns) {
        assert(answer->node < LOAD_NODES_MAX);
        watch_answer(&load->watches[0], return_ns);
        watch_answer(&load->watches[answer->node], return_ns);
    }
    pthread_mutex_unlock(&load->lock);
}
