/*
 * batch_answers.h -- the answers of a Batch stream on their way out: those that are made while one
 * message is on its way leave in the next. Of service/ only.
 *
 * The loop's, but for batch_answers_on_written. Bounds: where unread.h has no room for a value, a
 * read is answered RESOURCE_EXHAUSTED, and a write's answer leaves its values out; what remains is
 * some hundred bytes for each operation under way.
 */
#ifndef DKV_SERVICE_BATCH_ANSWERS_H
#define DKV_SERVICE_BATCH_ANSWERS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/list.h"
#include "service/kv_answer.h"
#include "wire/batch_wire.h"

struct batch_answers {
    struct node *node;
    struct rpc_stream *stream;
    struct wire_list last; /* Takes the next answer. */
    struct list full;      /* Of struct batch_list: to be sent before it. */
    size_t size;           /* Of all of them. */
    _Atomic int writing;   /* Whether a write is under way; shared with the poller. */
};

/* A write is under way already (true), whose end on_written will tell. */
void batch_answers_init(struct batch_answers *a, struct node *n, struct rpc_stream *stream,
                        bool is_writing);
void batch_answers_fini(struct batch_answers *a);

/* Add one. ERR_NO_MEMORY: the client will not get this answer. */
int batch_answers_add_failure(struct batch_answers *a, uint64_t number,
                              const struct kv_failure *f) MUST_CHECK;
int batch_answers_add_read(struct batch_answers *a, uint64_t number,
                           const struct wire_get_answer *read) MUST_CHECK;
int batch_answers_add_write(struct batch_answers *a, uint64_t number,
                            const struct wire_write_answer *write) MUST_CHECK;

/* Send what there is, unless a message is on its way. is_idle: keep little memory. */
void batch_answers_flush(struct batch_answers *a, bool is_idle);

/* On the poller: a message has left. True: the loop is to be told, by batch_answers_on_space. */
bool batch_answers_on_written(struct batch_answers *a);

/* The loop was told: batch_answers_flush may send again. */
void batch_answers_on_space(struct batch_answers *a);

#endif
