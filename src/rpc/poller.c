/* poller.c -- see poller.h and poller_impl.h. */
#include "rpc/poller_impl.h"

#include <assert.h>
#include <signal.h>

#include "base/list.h"
#include "base/mem.h"

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

/*
 * Each look into the queue handles one socket, and many have no event to give: part of a message,
 * or the other side's word that it has received. After so many in a row nothing more is there, most
 * likely.
 */
#define QUIET_MAX 2

/* ---- Events -------------------------------------------------------------------------------- */

/* Is there one, or will there be one by then? */
static bool poller_next(struct rpc_poller *p, gpr_timespec deadline)
{
    p->event = grpc_completion_queue_next(p->queue, deadline, NULL);
    assert(p->event.type != GRPC_QUEUE_SHUTDOWN);
    return p->event.type == GRPC_OP_COMPLETE;
}

static void poller_handle(struct rpc_poller *p)
{
    struct rpc_op *op = p->event.tag;
    rpc_handover_receive(op);
    p->running = true;
    op->on_done(op, p->event.success != 0);
    p->running = false;
}

static gpr_timespec poller_deadline(uint64_t until_ns)
{
    if (until_ns >= (uint64_t)INT64_MAX)
        return gpr_inf_future(GPR_CLOCK_MONOTONIC);
    gpr_timespec t = {.clock_type = GPR_CLOCK_MONOTONIC};
    t.tv_sec = (int64_t)(until_ns / 1000000000);
    t.tv_nsec = (int32_t)(until_ns % 1000000000);
    return t;
}

void rpc_poller_wait(struct rpc_poller *p, uint64_t until_ns)
{
    assert(rpc_poller_is_adopted(p));
    if (!p->has_event)
        p->has_event = poller_next(p, poller_deadline(until_ns));
}

void rpc_poller_run(struct rpc_poller *p, unsigned max)
{
    assert(rpc_poller_is_adopted(p) && !p->running);
    unsigned quiet = 0;
    for (unsigned i = 0; i < max && quiet < QUIET_MAX;) {
        if (p->has_event || poller_next(p, gpr_inf_past(GPR_CLOCK_MONOTONIC))) {
            p->has_event = false;
            poller_handle(p);
            quiet = 0;
            i++;
        } else {
            quiet++;
        }
    }
}

void rpc_poller_turn(struct rpc_poller *p)
{
    rpc_poller_wait(p, UINT64_MAX);
    rpc_poller_run(p, 64);
}

void rpc_poller_wake(struct rpc_poller *p)
{
    if (atomic_exchange(&p->waking, true))
        return;
    pthread_mutex_lock(&p->wake_lock);
    rpc_batch_start(p->wake_call, NULL, 0, &p->wake_op);
    pthread_mutex_unlock(&p->wake_lock);
}

static void poller_on_wake(struct rpc_op *op, bool success)
{
    (void)success;
    /* From here on it may be woken again; whatever was done before the last wake-up is seen. */
    atomic_store(&LIST_ENTRY(op, struct rpc_poller, wake_op)->waking, false);
}

/* ---- Threads ------------------------------------------------------------------------------- */

static void *poller_main(void *arg)
{
    struct rpc_poller *p = arg;
    while (!atomic_load(&p->leaving)) {
        if (poller_next(p, gpr_inf_future(GPR_CLOCK_MONOTONIC)))
            poller_handle(p);
    }
    return NULL;
}

/* Nothing is ever sent on it. */
static grpc_call *poller_make_call(grpc_completion_queue *queue)
{
    grpc_channel *channel = grpc_lame_client_channel_create("", GRPC_STATUS_UNAVAILABLE, "");
    grpc_call *call = grpc_channel_create_call(channel, NULL, GRPC_PROPAGATE_DEFAULTS, queue,
                                               grpc_slice_from_static_string("/"), NULL,
                                               gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    grpc_channel_destroy(channel); /* The call keeps it. */
    return call;
}

int rpc_poller_open(struct rpc_poller **out_poller)
{
    struct rpc_poller *p = mem_alloc_zero(sizeof(*p));
    if (p == NULL)
        return ERR_NO_MEMORY;
    if (pthread_mutex_init(&p->wake_lock, NULL) != 0) {
        mem_free(p);
        return ERR_NO_MEMORY;
    }
    p->queue = grpc_completion_queue_create_for_next(NULL);
    p->wake_call = poller_make_call(p->queue);
    p->wake_op.on_done = poller_on_wake;
    p->owner = pthread_self();
    *out_poller = p;
    return 0;
}

int rpc_poller_start(struct rpc_poller *p)
{
    assert(!p->started && !p->has_event);
    sigset_t all;
    sigset_t old;
    sigfillset(&all);
    atomic_store(&p->leaving, false);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int err = pthread_create(&p->owner, NULL, poller_main, p);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (err != 0) {
        p->owner = pthread_self();
        return ERR_NO_MEMORY;
    }
    p->started = true;
    return 0;
}

bool rpc_poller_is_current(const struct rpc_poller *p)
{
    return pthread_equal(pthread_self(), p->owner) && (p->started || p->running);
}

bool rpc_poller_is_adopted(const struct rpc_poller *p)
{
    return !p->started && pthread_equal(pthread_self(), p->owner);
}

void rpc_poller_adopt(struct rpc_poller *p)
{
    assert(!rpc_poller_is_current(p));
    if (p->started) {
        atomic_store(&p->leaving, true);
        rpc_poller_wake(p);
        pthread_join(p->owner, NULL);
        p->started = false;
    }
    p->owner = pthread_self();
}

void rpc_poller_close(struct rpc_poller *p)
{
    if (p == NULL)
        return;
    rpc_poller_adopt(p);
    if (p->has_event)
        poller_handle(p);
    grpc_call_unref(p->wake_call);
    grpc_completion_queue_shutdown(p->queue);
    for (;;) {
        p->event = grpc_completion_queue_next(p->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
        if (p->event.type == GRPC_QUEUE_SHUTDOWN)
            break;
        poller_handle(p); /* A wake-up: nothing else is left. */
    }
    grpc_completion_queue_destroy(p->queue);
    pthread_mutex_destroy(&p->wake_lock);
    mem_free(p);
}

void rpc_batch_start(grpc_call *call, const grpc_op *ops, size_t count, struct rpc_op *op)
{
    assert(op->on_done != NULL);
    rpc_handover_send(op);
    grpc_call_error err = grpc_call_start_batch(call, ops, count, op, NULL);
    assert(err == GRPC_CALL_OK);
    (void)err;
}
