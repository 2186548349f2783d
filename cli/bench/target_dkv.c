/*
 * target_dkv.c -- dkv, through libdkv: a struct dkv_client for each client, all on one dkv_io.
 *
 * libdkv gives each client channels of its own, moves on between endpoints, and keeps client_id and
 * op_id over all attempts of a write.
 */
#include <stdio.h>

#include "base/mem.h"
#include "cli/bench/target.h"
#include "dkv/dkv.h"

struct target {
    struct target_options options;
    struct dkv_io *io;
};

struct target_client {
    struct target *target;
    struct dkv_client *client;
};

static enum dkv_consistency dkv_consistency_of(enum target_consistency consistency)
{
    switch (consistency) {
    case TARGET_LINEARIZABLE:
        break;
    case TARGET_QUORUM:
        return DKV_QUORUM;
    case TARGET_SEQUENTIAL:
        return DKV_SEQUENTIAL;
    }
    return DKV_LINEARIZABLE;
}

static int dkv_target_open(const struct target_options *options, struct target **out_target)
{
    struct target *t = mem_alloc_zero(sizeof(*t));
    if (t == NULL)
        return ERR_NO_MEMORY;
    t->options = *options;
    if (dkv_io_open(&t->io) != DKV_OK) {
        mem_free(t);
        return ERR_NO_MEMORY;
    }
    *out_target = t;
    return 0;
}

static void dkv_target_close(struct target *t)
{
    if (t == NULL)
        return;
    dkv_io_close(t->io);
    mem_free(t);
}

/* All endpoints, as a client writes them that prefers number `home`. */
static int endpoints_from(const struct endpoints *e, uint32_t home, struct buf *out)
{
    for (uint32_t i = 0; i < e->count; i++) {
        if (i > 0)
            TRY(buf_append_u8(out, ','));
        TRY(buf_append(out, bytes_of(e->addresses[(home + i) % e->count])));
    }
    return buf_append_u8(out, 0);
}

static int dkv_client_open(struct target *t, uint32_t home, struct target_client **out_client)
{
    struct buf endpoints = {0};
    struct target_client *c = mem_alloc_zero(sizeof(*c));
    int err = c == NULL ? ERR_NO_MEMORY : endpoints_from(t->options.endpoints, home, &endpoints);
    if (err == 0) {
        const struct dkv_options options = {
            .endpoints = (const char *)endpoints.data,
            .io = t->io,
            .calls_only = t->options.calls_only,
            .timeout_ms = t->options.timeout_ms,
            .attempt_timeout_ms = t->options.attempt_timeout_ms,
        };
        c->target = t;
        err = dkv_open(&options, &c->client) == DKV_OK ? 0 : ERR_NO_MEMORY;
    }
    buf_fini(&endpoints);
    if (err != 0) {
        mem_free(c);
        return err;
    }
    *out_client = c;
    return 0;
}

static void dkv_client_close(struct target_client *c)
{
    if (c == NULL)
        return;
    dkv_close(c->client);
    mem_free(c);
}

static void on_answer(void *context, struct dkv_answer *answer)
{
    struct target_op *op = context;
    char text[TARGET_TEXT_SIZE_MAX] = "";
    if (answer->status != DKV_OK)
        snprintf(text, sizeof(text), "%s: %.200s", dkv_status_text(answer->status), answer->text);
    const struct target_result result = {
        .ok = answer->status == DKV_OK,
        .found = answer->found,
        .text = text,
    };
    op->on_done(op, &result);
}

static int dkv_client_submit(struct target_client *c, struct target_op *op)
{
    const struct dkv_op o = {
        .kind = op->is_put ? DKV_PUT : DKV_GET,
        .key = {.data = op->key.data, .size = op->key.size},
        .value = {.data = op->value.data, .size = op->value.size},
        .consistency = dkv_consistency_of(c->target->options.consistency),
    };
    const char *text = "";
    enum dkv_status status = dkv_submit(c->client, &o, on_answer, op, &text);
    if (status == DKV_BUSY)
        return ERR_BUSY;
    if (status != DKV_OK)
        op->on_done(op, &(struct target_result){.text = text});
    return 0;
}

/* libdkv has timers of its own. */
static void dkv_tick(struct target *t)
{
    (void)t;
}

const struct target_kind target_dkv = {
    .name = "dkv",
    .has_quorum_reads = true,
    .open = dkv_target_open,
    .close = dkv_target_close,
    .client_open = dkv_client_open,
    .client_close = dkv_client_close,
    .submit = dkv_client_submit,
    .tick = dkv_tick,
};
