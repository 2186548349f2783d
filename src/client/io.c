/* io.c -- see io.h. */
#define _GNU_SOURCE
#include "client/io.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <time.h>

#include "base/list.h"
#include "base/mem.h"

struct dkv_io {
    struct rpc_client *rpc;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_cond_t ran; /* `running` has ended. */
    struct heap timers;
    const struct io_timer *running;
    bool stopping;
};

struct rpc_client *io_rpc(struct dkv_io *io)
{
    return io->rpc;
}

uint64_t io_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static void io_wait_until(struct dkv_io *io, uint64_t at_ns)
{
    struct timespec at = {
        .tv_sec = (time_t)(at_ns / UINT64_C(1000000000)),
        .tv_nsec = (long)(at_ns % UINT64_C(1000000000)),
    };
    pthread_cond_timedwait(&io->changed, &io->lock, &at);
}

static void *io_run(void *context)
{
    struct dkv_io *io = context;
    pthread_mutex_lock(&io->lock);
    while (!io->stopping) {
        struct heap_node *node = heap_min(&io->timers);
        if (node == NULL) {
            pthread_cond_wait(&io->changed, &io->lock);
        } else if (node->key > io_now_ns()) {
            io_wait_until(io, node->key);
        } else {
            heap_remove(&io->timers, node);
            struct io_timer *timer = LIST_ENTRY(node, struct io_timer, node);
            io->running = timer;
            pthread_mutex_unlock(&io->lock);
            timer->run(timer->context); /* It may be gone afterwards. */
            pthread_mutex_lock(&io->lock);
            io->running = NULL;
            pthread_cond_broadcast(&io->ran);
        }
    }
    pthread_mutex_unlock(&io->lock);
    return NULL;
}

/* Signals are for the program's own threads. */
static int io_start_thread(struct dkv_io *io)
{
    sigset_t all;
    sigset_t old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int err = pthread_create(&io->thread, NULL, io_run, io);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return err == 0 ? 0 : ERR_NO_MEMORY;
}

enum dkv_status dkv_io_open(struct dkv_io **out_io)
{
    struct dkv_io *io = mem_alloc_zero(sizeof(*io));
    if (io == NULL)
        return DKV_NO_MEMORY;
    rpc_init();
    if (rpc_client_open(NULL, &io->rpc) != 0)
        goto fail_rpc;
    pthread_mutex_init(&io->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&io->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_cond_init(&io->ran, NULL);
    if (io_start_thread(io) != 0)
        goto fail_thread;
    *out_io = io;
    return DKV_OK;

fail_thread:
    pthread_cond_destroy(&io->ran);
    pthread_cond_destroy(&io->changed);
    pthread_mutex_destroy(&io->lock);
    rpc_client_close(io->rpc);
fail_rpc:
    rpc_fini();
    mem_free(io);
    return DKV_NO_MEMORY;
}

void dkv_io_close(struct dkv_io *io)
{
    if (io == NULL)
        return;
    pthread_mutex_lock(&io->lock);
    io->stopping = true;
    pthread_cond_signal(&io->changed);
    pthread_mutex_unlock(&io->lock);
    pthread_join(io->thread, NULL);
    assert(heap_min(&io->timers) == NULL);
    heap_fini(&io->timers);
    rpc_client_close(io->rpc);
    rpc_fini();
    pthread_cond_destroy(&io->ran);
    pthread_cond_destroy(&io->changed);
    pthread_mutex_destroy(&io->lock);
    mem_free(io);
}

void io_timer_init(struct io_timer *timer, void (*run)(void *context), void *context)
{
    *timer = (struct io_timer){.run = run, .context = context};
    heap_node_init(&timer->node);
}

int io_timer_start(struct dkv_io *io, struct io_timer *timer, uint64_t at_ns)
{
    pthread_mutex_lock(&io->lock);
    int err = heap_push(&io->timers, &timer->node, at_ns);
    pthread_cond_signal(&io->changed);
    pthread_mutex_unlock(&io->lock);
    return err;
}

int io_timer_set(struct dkv_io *io, struct io_timer *timer, uint64_t at_ns)
{
    pthread_mutex_lock(&io->lock);
    if (timer->node.index != HEAP_NOWHERE)
        heap_remove(&io->timers, &timer->node);
    int err = heap_push(&io->timers, &timer->node, at_ns);
    pthread_cond_signal(&io->changed);
    pthread_mutex_unlock(&io->lock);
    return err;
}

void io_timer_cancel(struct dkv_io *io, struct io_timer *timer)
{
    pthread_mutex_lock(&io->lock);
    if (timer->node.index != HEAP_NOWHERE)
        heap_remove(&io->timers, &timer->node);
    while (io->running == timer)
        pthread_cond_wait(&io->ran, &io->lock);
    pthread_mutex_unlock(&io->lock);
}

void io_timer_hurry(struct dkv_io *io, struct io_timer *timer)
{
    pthread_mutex_lock(&io->lock);
    if (timer->node.index != HEAP_NOWHERE) {
        heap_remove(&io->timers, &timer->node);
        int err = heap_push(&io->timers, &timer->node, 0);
        assert(err == 0 && "the heap has the room that it had");
        (void)err;
        pthread_cond_signal(&io->changed);
    }
    pthread_mutex_unlock(&io->lock);
}
