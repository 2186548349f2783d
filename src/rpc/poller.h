/*
 * poller.h -- who does the I/O of servers and clients, and runs their callbacks: a thread.
 *
 * A server or client that is given none makes one of its own. One that is shared lets a program
 * with a loop do its I/O in that loop: no message changes threads on its way, nobody has to be
 * woken for it, and what has arrived together is handled together. That is half of what a small
 * message costs where processors are few.
 *
 * Life: open; open servers on it; start, which gives it a thread; open clients; adopt, which ends
 * the thread and makes the caller its thread; close servers and clients; close.
 */
#ifndef DKV_RPC_POLLER_H
#define DKV_RPC_POLLER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct rpc_poller;

/* Without a thread yet: nothing happens on it. ERR_NO_MEMORY. */
int rpc_poller_open(struct rpc_poller **out_poller) MUST_CHECK;

/* Give it a thread, all signals blocked. ERR_NO_MEMORY if the system has none left. */
int rpc_poller_start(struct rpc_poller *p) MUST_CHECK;

/*
 * From here on the calling thread is the poller: if it had one of its own that has ended, if there
 * was another caller it must have stopped. Not from a callback. Only the calling thread may then
 * wait, run, and close what belongs to it, and none may call rpc_channel_call_wait.
 */
void rpc_poller_adopt(struct rpc_poller *p);

/*
 * Wait until there is something to run, until until_ns (CLOCK_MONOTONIC, rounded up to whole
 * milliseconds; RPC_FOREVER_NS), or until somebody wakes it. Runs nothing. By who adopted it.
 */
void rpc_poller_wait(struct rpc_poller *p, uint64_t until_ns);

/* Run what there is without waiting, about `max` callbacks at most. By who adopted it. */
void rpc_poller_run(struct rpc_poller *p, unsigned max);

/* End the wait, or the next one. What was done before is seen by who wakes. Any thread. */
void rpc_poller_wake(struct rpc_poller *p);

/* All that belongs to it is closed. Not from a callback. NULL is fine. */
void rpc_poller_close(struct rpc_poller *p);

#endif
