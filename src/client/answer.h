/*
 * answer.h -- what a node's reply means to an operation (private to this room).
 */
#ifndef DKV_CLIENT_ANSWER_H
#define DKV_CLIENT_ANSWER_H

#include "base/bytes.h"
#include "base/err.h"
#include "dkv/dkv.h"
#include "rpc/client.h"
#include "wire/wire.h"

/*
 * Fill an answer from the body of a successful call. ERR_INVALID: *error says why;
 * ERR_NO_MEMORY: what was copied so far is the answer's all the same.
 */
int answer_read_get(struct dkv_answer *out, struct bytes body, struct wire_error *error) MUST_CHECK;
int answer_read_write(struct dkv_answer *out, struct bytes body,
                      struct wire_error *error) MUST_CHECK;

/* What an attempt that failed says about the operation. */
enum verdict {
    VERDICT_REFUSED, /* Every attempt, earlier ones too, is refused like this one. */
    VERDICT_OVER,    /* This attempt did nothing, and another one is of no use. */
    VERDICT_DENIED,  /* This attempt did nothing, and another node may do it. */
    VERDICT_BUSY,    /* The same, after retry_after_ms. */
    VERDICT_OPEN,    /* This attempt may have done it, or may do it yet. */
};

/* reply->status is not RPC_OK. *out_status is the operation's if it ends with this. */
enum verdict answer_judge(const struct rpc_reply *reply, enum dkv_status *out_status);

#endif
