/* paxos_service.c -- dkv.v1.Paxos: what peers ask; the node itself takes their streams. */
#include "service/answer.h"
#include "service/service.h"

static void on_fetch_chosen(void *context, struct rpc_call *call, struct bytes request,
                            uint64_t deadline_ns)
{
    struct wire_arena arena;
    struct wire_error error;
    struct wire_fetch fetch;
    (void)deadline_ns;
    wire_arena_init(&arena);
    int err = wire_decode_fetch(request, &arena, &fetch, &error);
    if (err == 0)
        node_serve_chosen(context, &fetch, call);
    else
        answer_bad_request(call, err, &error);
    wire_arena_fini(&arena);
}

size_t paxos_service_methods(struct node *n, struct rpc_method out[SERVICE_METHODS_MAX])
{
    out[0] =
        (struct rpc_method){.name = WIRE_PAXOS_STREAM, .stream = &node_link_events, .context = n};
    out[1] = (struct rpc_method){
        .name = WIRE_PAXOS_FETCH_CHOSEN, .unary = on_fetch_chosen, .context = n};
    return 2;
}
