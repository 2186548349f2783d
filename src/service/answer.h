/*
 * answer.h -- ending a call, the same way in every service. Of service/ only.
 */
#ifndef DKV_SERVICE_ANSWER_H
#define DKV_SERVICE_ANSWER_H

#include "node/node.h"
#include "wire/wire.h"

/* Without reason and retry hint. */
void answer_fail(struct rpc_call *call, enum rpc_status status, const char *text);

/* A request did not decode: err is ERR_INVALID or ERR_NO_MEMORY. */
void answer_bad_request(struct rpc_call *call, int err, const struct wire_error *error);

/* The reply, whose memory moves; or what kept it from being encoded. */
void answer_reply(struct rpc_call *call, int err, struct buf *reply);

/* What was asked for was done, and there is no memory to say so. */
void answer_no_memory(struct rpc_call *call);

/* A call whose answer the loop makes. */
struct loop_call {
    struct mail mail;
    struct rpc_call *call;
    void (*answer)(struct node *n, struct loop_call *c); /* On the loop. */
};

/*
 * Have answer(n, c) run on the loop, where c is the first member of `size` zeroed bytes; it answers
 * c->call and frees c with mem_free. `fill` may put more into them first. Answers by itself while
 * the node does not serve, or without memory.
 */
void loop_call_start(struct node *n, struct rpc_call *call, size_t size,
                     void (*answer)(struct node *n, struct loop_call *c),
                     void (*fill)(struct loop_call *c, const void *with), const void *with);

#endif
