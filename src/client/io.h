/*
 * io.h -- what a dkv_io is made of: the rpc client with its thread, and a thread for timers
 * (private to this room).
 */
#ifndef DKV_CLIENT_IO_H
#define DKV_CLIENT_IO_H

#include <stdint.h>

#include "base/heap.h"
#include "dkv/dkv.h"
#include "rpc/client.h"

/* Runs once each time it is started, on the timers' thread, which holds no lock meanwhile. */
struct io_timer {
    struct heap_node node;
    void (*run)(void *context);
    void *context;
};

struct rpc_client *io_rpc(struct dkv_io *io);

/* CLOCK_MONOTONIC */
uint64_t io_now_ns(void);

void io_timer_init(struct io_timer *timer, void (*run)(void *context), void *context);

/* timer, which is not running, is not to be freed until it has run. ERR_NO_MEMORY. */
int io_timer_start(struct dkv_io *io, struct io_timer *timer, uint64_t at_ns) MUST_CHECK;

/* Run it at that time, whether it was started before or not. ERR_NO_MEMORY: it is not started. */
int io_timer_set(struct dkv_io *io, struct io_timer *timer, uint64_t at_ns) MUST_CHECK;

/* It does not run any more when this returns. Not from a timer. */
void io_timer_cancel(struct dkv_io *io, struct io_timer *timer);

/* Run it now, if it was started and has not run yet. */
void io_timer_hurry(struct dkv_io *io, struct io_timer *timer);

#endif
