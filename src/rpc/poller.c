/* poller.c -- see poller.h. */
#include "rpc/poller.h"

#include <assert.h>
#include <signal.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RPC_TSAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define RPC_TSAN 1
#endif
#ifdef RPC_TSAN
#include <sanitizer/tsan_interface.h>
#endif

void rpc_handover_send(void *object)
{
#ifdef RPC_TSAN
    __tsan_release(object);
#else
    (void)object;
#endif
}

void rpc_handover_receive(void *object)
{
#ifdef RPC_TSAN
    __tsan_acquire(object);
#else
    (void)object;
#endif
}

void rpc_poller_init(struct rpc_poller *p)
{
    *p = (struct rpc_poller){.queue = grpc_completion_queue_create_for_next(NULL)};
}

static void rpc_poller_run(struct rpc_poller *p)
{
    for (;;) {
        grpc_event event =
            grpc_completion_queue_next(p->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        if (event.type == GRPC_QUEUE_SHUTDOWN)
            return;
        assert(event.type == GRPC_OP_COMPLETE);
        struct rpc_op *op = event.tag;
        rpc_handover_receive(op);
        op->on_done(op, event.success != 0);
    }
}

static void *rpc_poller_main(void *arg)
{
    rpc_poller_run(arg);
    return NULL;
}

int rpc_poller_start(struct rpc_poller *p)
{
    assert(!p->started);
    sigset_t all;
    sigset_t old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int err = pthread_create(&p->thread, NULL, rpc_poller_main, p);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (err != 0)
        return ERR_NO_MEMORY;
    p->started = true;
    return 0;
}

bool rpc_poller_is_current(const struct rpc_poller *p)
{
    return p->started && pthread_equal(pthread_self(), p->thread);
}

void rpc_poller_join(struct rpc_poller *p)
{
    assert(!rpc_poller_is_current(p));
    if (p->started)
        pthread_join(p->thread, NULL);
    else
        rpc_poller_run(p);
    p->started = false;
}

void rpc_poller_fini(struct rpc_poller *p)
{
    assert(!p->started);
    grpc_completion_queue_destroy(p->queue);
}

void rpc_batch_start(grpc_call *call, const grpc_op *ops, size_t count, struct rpc_op *op)
{
    assert(op->on_done != NULL);
    rpc_handover_send(op);
    grpc_call_error err = grpc_call_start_batch(call, ops, count, op, NULL);
    assert(err == GRPC_CALL_OK);
    (void)err;
}
