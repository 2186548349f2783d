/* admin_service.c -- dkv.v1.Admin: looking in, and breaking things on purpose. */
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "service/answer.h"
#include "service/service.h"

/* Is the request one without fields? If not, the call was answered. */
static bool is_empty(struct rpc_call *call, struct bytes request)
{
    struct wire_error error;
    int err = wire_decode_nothing(request, &error);
    if (err != 0)
        answer_bad_request(call, err, &error);
    return err == 0;
}

static bool may_break(struct node *n, struct rpc_call *call)
{
    if (node_config(n)->faults_enabled)
        return true;
    answer_fail(call, RPC_PERMISSION_DENIED,
                "this node was not started with --enable-fault-injection");
    return false;
}

static void reply_and_free(struct loop_call *c, int err, struct buf *reply)
{
    answer_reply(c->call, err, reply);
    mem_free(c);
}

/* ---- Looking in ---------------------------------------------------------------------------- */

static void answer_health(struct node *n, struct loop_call *c)
{
    struct wire_health health = {.node = node_config(n)->id};
    health.ready = node_is_ready(n, &health.detail);
    struct buf reply = {0};
    int err = wire_encode_health(&health, &reply);
    reply_and_free(c, err, &reply);
}

static void on_health(void *context, struct rpc_call *call, struct bytes request,
                      uint64_t deadline_ns)
{
    (void)deadline_ns;
    if (is_empty(call, request))
        loop_call_start(context, call, sizeof(struct loop_call), answer_health, NULL, NULL);
}

static void answer_status(struct node *n, struct loop_call *c)
{
    struct wire_status status;
    node_get_status(n, &status);
    struct buf reply = {0};
    int err = wire_encode_status(&status, &reply);
    reply_and_free(c, err, &reply);
}

static void on_status(void *context, struct rpc_call *call, struct bytes request,
                      uint64_t deadline_ns)
{
    (void)deadline_ns;
    if (is_empty(call, request))
        loop_call_start(context, call, sizeof(struct loop_call), answer_status, NULL, NULL);
}

static void answer_metrics(struct node *n, struct loop_call *c)
{
    struct buf reply = {0};
    int err = node_encode_metrics(n, &reply);
    reply_and_free(c, err, &reply);
}

static void on_metrics(void *context, struct rpc_call *call, struct bytes request,
                       uint64_t deadline_ns)
{
    (void)deadline_ns;
    if (is_empty(call, request))
        loop_call_start(context, call, sizeof(struct loop_call), answer_metrics, NULL, NULL);
}

static void on_fetch_log(void *context, struct rpc_call *call, struct bytes request,
                         uint64_t deadline_ns)
{
    struct wire_arena arena;
    struct wire_error error;
    struct wire_log_request log;
    (void)deadline_ns;
    wire_arena_init(&arena);
    int err = wire_decode_log_request(request, &arena, &log, &error);
    if (err == 0)
        node_serve_log(context, &log, call);
    else
        answer_bad_request(call, err, &error);
    wire_arena_fini(&arena);
}

/* ---- Faults -------------------------------------------------------------------------------- */

struct set_faults_call {
    struct loop_call base;
    struct wire_set_faults faults;
};

static void fill_set_faults(struct loop_call *c, const void *with)
{
    LIST_ENTRY(c, struct set_faults_call, base)->faults = *(const struct wire_set_faults *)with;
}

static void answer_set_faults(struct node *n, struct loop_call *base)
{
    struct set_faults_call *c = LIST_ENTRY(base, struct set_faults_call, base);
    struct fault_rule rules[WIRE_FAULT_RULES_MAX];
    for (uint32_t i = 0; i < c->faults.rules_count; i++) {
        const struct wire_fault_rule *r = &c->faults.rules[i];
        /* The directions have the same numbers on purpose. */
        rules[i] = (struct fault_rule){
            .peer = r->peer,
            .direction = (enum fault_direction)r->direction,
            .drop_ppm = r->drop_ppm,
            .delay_ms = r->delay_ms,
            .jitter_ms = r->jitter_ms,
            .duplicate_ppm = r->duplicate_ppm,
        };
    }
    uint32_t peer = 0;
    int err = faults_set(node_faults(n), &node_config(n)->members, node_config(n)->id, rules,
                         c->faults.rules_count, c->faults.replace, &peer);
    if (err == 0) {
        log_line(LOG_INFO, LOG_FIELDS(log_u64("rules", c->faults.rules_count)),
                 "fault rules were set");
        struct buf reply = {0};
        reply_and_free(base, 0, &reply);
        return;
    }
    char text[128];
    if (err == ERR_NOT_FOUND)
        snprintf(text, sizeof(text), "node %u is no peer of this node: no rule was set",
                 (unsigned)peer);
    else
        snprintf(text, sizeof(text), "the rule for node %u is out of bounds: no rule was set",
                 (unsigned)peer);
    answer_fail(base->call, RPC_INVALID_ARGUMENT, text);
    mem_free(base);
}

static void on_set_faults(void *context, struct rpc_call *call, struct bytes request,
                          uint64_t deadline_ns)
{
    struct wire_arena arena;
    struct wire_error error;
    struct wire_set_faults faults;
    (void)deadline_ns;
    if (!may_break(context, call))
        return;
    wire_arena_init(&arena);
    int err = wire_decode_set_faults(request, &arena, &faults, &error);
    if (err == 0)
        loop_call_start(context, call, sizeof(struct set_faults_call), answer_set_faults,
                        fill_set_faults, &faults);
    else
        answer_bad_request(call, err, &error);
    wire_arena_fini(&arena);
}

static void answer_get_faults(struct node *n, struct loop_call *c)
{
    const struct faults *f = node_faults(n);
    struct wire_faults wire = {
        .enabled = node_config(n)->faults_enabled,
        .dropped = faults_dropped(f),
        .delayed = f->delayed,
        .duplicated = f->duplicated,
    };
    struct fault_rule rules[FAULTS_RULES_MAX];
    wire.rules_count = (uint32_t)faults_get(f, &node_config(n)->members, rules);
    for (uint32_t i = 0; i < wire.rules_count; i++) {
        wire.rules[i] = (struct wire_fault_rule){
            .peer = rules[i].peer,
            .direction = (enum wire_direction)rules[i].direction,
            .drop_ppm = rules[i].drop_ppm,
            .delay_ms = rules[i].delay_ms,
            .jitter_ms = rules[i].jitter_ms,
            .duplicate_ppm = rules[i].duplicate_ppm,
        };
    }
    struct buf reply = {0};
    int err = wire_encode_faults(&wire, &reply);
    reply_and_free(c, err, &reply);
}

static void on_get_faults(void *context, struct rpc_call *call, struct bytes request,
                          uint64_t deadline_ns)
{
    (void)deadline_ns;
    if (is_empty(call, request))
        loop_call_start(context, call, sizeof(struct loop_call), answer_get_faults, NULL, NULL);
}

static void answer_clear_faults(struct node *n, struct loop_call *c)
{
    faults_clear(node_faults(n));
    log_info("fault rules were cleared");
    struct buf reply = {0};
    reply_and_free(c, 0, &reply);
}

static void on_clear_faults(void *context, struct rpc_call *call, struct bytes request,
                            uint64_t deadline_ns)
{
    (void)deadline_ns;
    if (may_break(context, call) && is_empty(call, request))
        loop_call_start(context, call, sizeof(struct loop_call), answer_clear_faults, NULL, NULL);
}

static void answer_die(struct node *n, struct loop_call *c)
{
    log_warn("told to die");
    struct buf reply = {0};
    reply_and_free(c, 0, &reply);
    node_die_soon(n);
}

static void on_die(void *context, struct rpc_call *call, struct bytes request, uint64_t deadline_ns)
{
    (void)deadline_ns;
    if (may_break(context, call) && is_empty(call, request))
        loop_call_start(context, call, sizeof(struct loop_call), answer_die, NULL, NULL);
}

size_t admin_service_methods(struct node *n, struct rpc_method out[SERVICE_METHODS_MAX])
{
    static const struct rpc_method methods[] = {
        {.name = WIRE_ADMIN_HEALTH, .unary = on_health},
        {.name = WIRE_ADMIN_STATUS, .unary = on_status},
        {.name = WIRE_ADMIN_METRICS, .unary = on_metrics},
        {.name = WIRE_ADMIN_FETCH_LOG, .unary = on_fetch_log},
        {.name = WIRE_ADMIN_SET_FAULTS, .unary = on_set_faults},
        {.name = WIRE_ADMIN_GET_FAULTS, .unary = on_get_faults},
        {.name = WIRE_ADMIN_CLEAR_FAULTS, .unary = on_clear_faults},
        {.name = WIRE_ADMIN_DIE, .unary = on_die},
    };
    size_t count = sizeof(methods) / sizeof(methods[0]);
    for (size_t i = 0; i < count; i++) {
        out[i] = methods[i];
        out[i].context = n;
    }
    return count;
}
