/*
 * allocations_test.c -- once warm, nobody on an operation's way asks malloc for anything.
 *
 * Three nodes and a client in one process; what is counted are the loops, the committers, and the
 * threads of libdkv, until a lot of operations passes without a single allocation of any of them.
 * What one operation in fifty would need shows in every lot; what does not show in all of them
 * is a queue that was never so long before, or a false suspicion on a busy machine. The library
 * below rpc/ allocates as it likes. In the mode that the program is given as its argument.
 */
#include "world.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/pool.h"
#include "dkv/dkv.h"
#include "node/internal.h"

#define NODES 3
#define AT_ONCE 4 /* Operations under way, */
#define LOT 100   /* in one lot, */
#define LOTS 200  /* and so many lots at most. */
#define KEYS 16

static enum mode mode;

/* ---- Counting ------------------------------------------------------------------------------ */

/* Asks a thread how many allocations it has made. */
struct question {
    struct mail mail;
    pthread_mutex_t lock;
    pthread_cond_t came;
    bool is_answered;
    unsigned long allocations;
};

static void question_run(struct mail *mail, void *owner)
{
    (void)owner;
    struct question *q = LIST_ENTRY(mail, struct question, mail);
    pthread_mutex_lock(&q->lock);
    q->allocations = mem_allocations();
    q->is_answered = true;
    pthread_cond_signal(&q->came);
    pthread_mutex_unlock(&q->lock);
}

static unsigned long question_wait(struct question *q)
{
    pthread_mutex_lock(&q->lock);
    while (!q->is_answered)
        pthread_cond_wait(&q->came, &q->lock);
    pthread_mutex_unlock(&q->lock);
    return q->allocations;
}

#define QUESTION                                                          \
    {                                                                     \
        .mail = {.run = question_run}, .lock = PTHREAD_MUTEX_INITIALIZER, \
        .came = PTHREAD_COND_INITIALIZER                                  \
    }

struct counts {
    unsigned long loops[NODES];
    unsigned long committers[NODES];
    unsigned long submitter;
    unsigned long poller; /* libdkv's */
};

static _Atomic unsigned long poller_allocations;

static struct counts count_all(const struct world *w)
{
    struct counts c = {
        .submitter = mem_allocations(),
        .poller = atomic_load(&poller_allocations),
    };
    for (uint32_t i = 0; i < NODES; i++) {
        struct node *n = w->nodes[i].node;
        struct question loop = QUESTION;
        struct question committer = QUESTION;
        node_post(n, &loop.mail);
        c.loops[i] = question_wait(&loop);
        worker_push(&n->committer.worker, &committer.mail);
        c.committers[i] = question_wait(&committer);
    }
    return c;
}

/* How many from one count to the next, with a line about each who made some. */
static unsigned long count_between(const struct counts *a, const struct counts *b, uint32_t lot)
{
    unsigned long sum = b->submitter - a->submitter + b->poller - a->poller;
    char text[200];
    int size = snprintf(text, sizeof(text), "lot %u: libdkv %lu + %lu", (unsigned)lot,
                        b->submitter - a->submitter, b->poller - a->poller);
    for (uint32_t i = 0; i < NODES; i++) {
        unsigned long loop = b->loops[i] - a->loops[i];
        unsigned long committer = b->committers[i] - a->committers[i];
        sum += loop + committer;
        size += snprintf(text + size, sizeof(text) - (size_t)size, "; node %u: %lu + %lu",
                         (unsigned)i + 1, loop, committer);
    }
    print_message("%s\n", text);
    return sum;
}

/* ---- Operations ---------------------------------------------------------------------------- */

struct under_way {
    pthread_mutex_t lock;
    pthread_cond_t came;
    uint32_t count;
    uint32_t failed;
};

static void on_answer(void *context, struct dkv_answer *answer)
{
    struct under_way *u = context;
    atomic_store(&poller_allocations, mem_allocations());
    pthread_mutex_lock(&u->lock);
    u->count--;
    u->failed += answer->status != DKV_OK;
    pthread_cond_signal(&u->came);
    pthread_mutex_unlock(&u->lock);
}

static void submit(struct dkv_client *client, struct dkv_op op, uint32_t number,
                   struct under_way *u)
{
    char key[16];
    int size = snprintf(key, sizeof(key), "key %" PRIu32, number % KEYS);
    op.key = (struct dkv_bytes){.data = key, .size = (size_t)size};
    pthread_mutex_lock(&u->lock);
    while (u->count == AT_ONCE)
        pthread_cond_wait(&u->came, &u->lock);
    u->count++;
    pthread_mutex_unlock(&u->lock);
    assert_int_equal(dkv_submit(client, &op, on_answer, u, NULL), DKV_OK);
}

static void run_lot(struct dkv_client *client, struct dkv_op op)
{
    struct under_way u = {.lock = PTHREAD_MUTEX_INITIALIZER, .came = PTHREAD_COND_INITIALIZER};
    for (uint32_t i = 0; i < LOT; i++)
        submit(client, op, i, &u);
    pthread_mutex_lock(&u.lock);
    while (u.count > 0)
        pthread_cond_wait(&u.came, &u.lock);
    pthread_mutex_unlock(&u.lock);
    assert_int_equal(u.failed, 0);
}

static void run(struct dkv_op op, bool calls_only)
{
    static uint8_t bytes[3000];
    static struct world w;
    if (!pool_is_on())
        skip();
    world_open_mode(&w, mode, NODES, false);
    struct dkv_options options = {
        .endpoints = w.nodes[0].config.addresses[0],
        .calls_only = calls_only,
    };
    struct dkv_client *client = NULL;
    assert_int_equal(dkv_open(&options, &client), DKV_OK);
    struct dkv_op put = {.kind = DKV_PUT, .value = {.data = bytes, .size = sizeof(bytes)}};
    run_lot(client, put);
    unsigned long allocations = 1;
    for (uint32_t lot = 0; lot < LOTS && allocations > 0; lot++) {
        struct counts before = count_all(&w);
        run_lot(client, op.kind == DKV_PUT ? put : op);
        struct counts after = count_all(&w);
        allocations = count_between(&before, &after, lot);
    }
    assert_int_equal(allocations, 0);
    dkv_close(client);
    world_close(&w);
}

static void test_put(void **state)
{
    (void)state;
    run((struct dkv_op){.kind = DKV_PUT}, false);
}

static void test_put_by_calls(void **state)
{
    (void)state;
    run((struct dkv_op){.kind = DKV_PUT}, true);
}

static void test_get(void **state)
{
    (void)state;
    run((struct dkv_op){.kind = DKV_GET}, false);
}

static void test_get_by_calls(void **state)
{
    (void)state;
    run((struct dkv_op){.kind = DKV_GET}, true);
}

static void test_quorum_get(void **state)
{
    (void)state;
    run((struct dkv_op){.kind = DKV_GET, .consistency = DKV_QUORUM}, false);
}

static void test_sequential_get(void **state)
{
    (void)state;
    run((struct dkv_op){.kind = DKV_GET, .consistency = DKV_SEQUENTIAL}, false);
}

int main(int argc, char **argv)
{
    mode = world_mode(argc, argv);
    world_begin();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put),        cmocka_unit_test(test_put_by_calls),
        cmocka_unit_test(test_get),        cmocka_unit_test(test_get_by_calls),
        cmocka_unit_test(test_quorum_get), cmocka_unit_test(test_sequential_get),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed != 0 || mem_outstanding() != 0;
}
