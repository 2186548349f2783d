/*
 * operation.h -- one operation's way through attempts to its answer (private to this room).
 */
#ifndef DKV_CLIENT_OPERATION_H
#define DKV_CLIENT_OPERATION_H

#include "base/list.h"
#include "client/client.h"
#include "client/lane.h"

struct operation {
    struct list link; /* In the client's reads or writes. */
    struct dkv_client *client;
    struct io_timer timer;
    struct lane_op lane_op; /* While it is with its lane. */
    enum dkv_kind kind;
    struct command command; /* Of a write; points into bytes. */
    struct wire_get get;    /* Of a read; the same. */
    uint64_t deadline_ns;
    uint64_t pause_ns; /* Before the next round. */
    uint32_t endpoint;
    uint32_t failed_in_row;
    uint32_t renewals;
    bool asks_hello;    /* The attempt is for a born. */
    bool needs_born;    /* born is not settled yet. */
    bool wants_hello;   /* born is to come from a Hello, whatever was seen before. */
    bool may_renew;     /* Nobody but this operation ever sent its op_id. */
    bool maybe_applied; /* An attempt ended without saying what became of it. */
    struct dkv_answer answer;
    void (*on_answer)(void *context, struct dkv_answer *answer);
    void *context;
    size_t bytes_size;
    uint8_t bytes[]; /* Key, value, expected. */
};

static inline bool operation_is_write(const struct operation *op)
{
    return op->kind != DKV_GET;
}

/* It is in no list, and its answer is empty. NULL is fine. */
void operation_free(struct operation *op);

/* Begin its first attempt, or (as the timer does) the next one. context is the operation. */
void operation_attempt(void *context);

/* Those that pause between attempts make the next one now. Under the client's lock. */
void operation_hurry_all(struct list *operations);

#endif
