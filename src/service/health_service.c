/*
 * health_service.c -- grpc.health.v1.Health: Check. (Watch is UNIMPLEMENTED, which its clients take
 * for a server that has no health service.)
 *
 * A service of this node is healthy when a linearizable read would be served now.
 */
#include <string.h>

#include "base/mem.h"
#include "service/answer.h"
#include "service/service.h"
#include "wire/health_wire.h"

static void reply(struct rpc_call *call, bool serving)
{
    struct buf out = {0};
    int err = wire_encode_health_answer(serving ? WIRE_SERVING : WIRE_NOT_SERVING, &out);
    answer_reply(call, err, &out);
}

static void answer_check(struct node *n, struct loop_call *c)
{
    const char *why;
    reply(c->call, node_is_ready(n, &why));
    mem_free(c);
}

static bool is_known(const char *service)
{
    static const char *const known[] = {"", "dkv.v1.KV", "dkv.v1.Paxos", "dkv.v1.Admin",
                                        "grpc.health.v1.Health"};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(service, known[i]) == 0)
            return true;
    return false;
}

static void on_check(void *context, struct rpc_call *call, struct bytes request,
                     uint64_t deadline_ns)
{
    struct node *n = context;
    struct wire_arena arena;
    struct wire_error error;
    const char *service;
    (void)deadline_ns;
    wire_arena_init(&arena);
    int err = wire_decode_health_request(request, &arena, &service, &error);
    if (err != 0)
        answer_bad_request(call, err, &error);
    else if (!is_known(service))
        answer_fail(call, RPC_NOT_FOUND, "this node has no service of that name");
    else if (!node_is_serving(n))
        reply(call, false);
    else
        loop_call_start(n, call, sizeof(struct loop_call), answer_check, NULL, NULL);
    wire_arena_fini(&arena);
}

size_t health_service_methods(struct node *n, struct rpc_method out[SERVICE_METHODS_MAX])
{
    out[0] = (struct rpc_method){.name = WIRE_HEALTH_CHECK, .unary = on_check, .context = n};
    return 1;
}
