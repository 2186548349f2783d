#include "service/answer.h"

#include <assert.h>

#include "base/mem.h"

void answer_fail(struct rpc_call *call, enum rpc_status status, const char *text)
{
    rpc_call_fail(call, status, text, NULL, 0);
}

void answer_bad_request(struct rpc_call *call, int err, const struct wire_error *error)
{
    if (err == ERR_INVALID)
        answer_fail(call, RPC_INVALID_ARGUMENT, error->text);
    else
        answer_fail(call, RPC_RESOURCE_EXHAUSTED, "this node has no memory for the request");
}

void answer_no_memory(struct rpc_call *call)
{
    /* Not RESOURCE_EXHAUSTED, which says that nothing was done. */
    answer_fail(call, RPC_INTERNAL, "this node has no memory for the answer: it was done");
}

void answer_reply(struct rpc_call *call, int err, struct buf *reply)
{
    if (err == 0)
        rpc_call_answer(call, reply);
    else
        answer_no_memory(call);
    buf_fini(reply);
}

static void loop_call_run(struct mail *mail, void *owner)
{
    struct loop_call *c = LIST_ENTRY(mail, struct loop_call, mail);
    c->answer(owner, c);
}

void loop_call_start(struct node *n, struct rpc_call *call, size_t size,
                     void (*answer)(struct node *n, struct loop_call *c),
                     void (*fill)(struct loop_call *c, const void *with), const void *with)
{
    assert(size >= sizeof(struct loop_call));
    if (!node_is_serving(n)) {
        answer_fail(call, RPC_UNAVAILABLE,
                    "this node is starting or stopping: try again, or ask another");
        return;
    }
    struct loop_call *c = mem_alloc_zero(size);
    if (c == NULL) {
        answer_fail(call, RPC_RESOURCE_EXHAUSTED, "this node has no memory for the request");
        return;
    }
    c->mail.run = loop_call_run;
    c->call = call;
    c->answer = answer;
    if (fill != NULL)
        fill(c, with);
    node_post(n, &c->mail);
}
