/*
 * allocations_test.c -- once warm, nobody on an operation's way asks malloc for anything.
 *
 * Three nodes and their clients in one process; what is counted are the loops, the committers, and
 * the threads of libdkv, until ten lots in a row, 1,000 operations, pass without a single
 * allocation of any of them: what one operation in some hundreds would need shows in every such
 * row. What is left out by that is what happens more seldom: a queue that was never so long before,
 * as when the machine was busy with something else for some ms (each block is then kept), and a
 * checkpoint, one in 10 s. Those of replicas are counted without exception, in simulated time and
 * through checkpoints, in unit/replica/allocations_test.c. The library below rpc/ allocates as it
 * likes. In the mode that the program is given as its argument.
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
#define AT_ONCE 4 /* Operations of a client under way, */
#define LOT 100   /* in one lot of all clients, */
#define ROW 10    /* so many lots in a row without allocations, */
#define LOTS 400  /* and so many lots at most. */
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
    unsigned long pollers; /* libdkv's */
};

/* By client. */
static _Atomic unsigned long poller_allocations[NODES];

static struct counts count_all(const struct world *w)
{
    struct counts c = {
        .submitter = mem_allocations(),
    };
    for (uint32_t i = 0; i < NODES; i++) {
        c.pollers += atomic_load(&poller_allocations[i]);
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
    unsigned long sum = b->submitter - a->submitter + b->pollers - a->pollers;
    char text[200];
    int size = snprintf(text, sizeof(text), "lot %u: libdkv %lu + %lu", (unsigned)lot,
                        b->submitter - a->submitter, b->pollers - a->pollers);
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
    uint32_t client;
    pthread_mutex_t lock;
    pthread_cond_t came;
    uint32_t count;
    uint32_t failed;
};

static void on_answer(void *context, struct dkv_answer *answer)
{
    struct under_way *u = context;
    atomic_store(&poller_allocations[u->client], mem_allocations());
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

/* The clients of a test, one for each node that it asks. */
struct clients {
    uint32_t count;
    struct dkv_client *clients[NODES];
};

static void run_lot(const struct clients *c, struct dkv_op op)
{
    struct under_way u[NODES];
    for (uint32_t i = 0; i < c->count; i++) {
        u[i] = (struct under_way){.client = i};
        assert_int_equal(pthread_mutex_init(&u[i].lock, NULL), 0);
        assert_int_equal(pthread_cond_init(&u[i].came, NULL), 0);
    }
    for (uint32_t i = 0; i < LOT; i++)
        submit(c->clients[i % c->count], op, i, &u[i % c->count]);
    for (uint32_t i = 0; i < c->count; i++) {
        pthread_mutex_lock(&u[i].lock);
        while (u[i].count > 0)
            pthread_cond_wait(&u[i].came, &u[i].lock);
        pthread_mutex_unlock(&u[i].lock);
        assert_int_equal(u[i].failed, 0);
        pthread_cond_destroy(&u[i].came);
        pthread_mutex_destroy(&u[i].lock);
    }
}

static void open_clients(struct clients *c, const struct world *w, uint32_t count, bool calls_only)
{
    c->count = count;
    for (uint32_t i = 0; i < count; i++) {
        struct dkv_options options = {
            .endpoints = w->nodes[i].config.addresses[i],
            .calls_only = calls_only,
        };
        assert_int_equal(dkv_open(&options, &c->clients[i]), DKV_OK);
    }
}

static void run(struct dkv_op op, uint32_t clients, bool calls_only)
{
    static uint8_t bytes[3000];
    static struct world w;
    if (!pool_is_on())
        skip();
    world_open_mode(&w, mode, NODES, false);
    struct clients c = {0};
    open_clients(&c, &w, clients, calls_only);
    struct dkv_op put = {.kind = DKV_PUT, .value = {.data = bytes, .size = sizeof(bytes)}};
    run_lot(&c, put);
    uint32_t row = 0;
    for (uint32_t lot = 0; lot < LOTS && row < ROW; lot++) {
        struct counts before = count_all(&w);
        run_lot(&c, op.kind == DKV_PUT ? put : op);
        struct counts after = count_all(&w);
        row = count_between(&before, &after, lot) == 0 ? row + 1 : 0;
    }
    assert_int_equal(row, ROW);
    for (uint32_t i = 0; i < c.count; i++)
        dkv_close(c.clients[i]);
    world_close(&w);
}

static void test_put(void **state)
{
    (void)state;
    run((struct dkv_op){.kind = DKV_PUT}, 1, false);
}

static void test_put_by_calls(void **state)
{
    (void)state;
    run((struct dkv_op){.kind = DKV_PUT}, 1, true);
}

static void test_get(void **state)
{
    (void)state;
    run((struct dkv_op){.kind = DKV_GET}, 1, false);
}

static void test_get_by_calls(void **state)
{
    (void)state;
    run((struct dkv_op){.kind = DKV_GET}, 1, true);
}

static void test_quorum_get(void **state)
{
    (void)state;
    run((struct dkv_op){.kind = DKV_GET, .consistency = DKV_QUORUM}, 1, false);
}

static void test_sequential_get(void **state)
{
    (void)state;
    run((struct dkv_op){.kind = DKV_GET, .consistency = DKV_SEQUENTIAL}, 1, false);
}

static void test_put_at_all_nodes(void **state)
{
    (void)state;
    run((struct dkv_op){.kind = DKV_PUT}, NODES, false);
}

static void test_get_at_all_nodes(void **state)
{
    (void)state;
    run((struct dkv_op){.kind = DKV_GET}, NODES, false);
}

int main(int argc, char **argv)
{
    mode = world_mode(argc, argv);
    world_begin();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put),
        cmocka_unit_test(test_put_by_calls),
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_get_by_calls),
        cmocka_unit_test(test_quorum_get),
        cmocka_unit_test(test_sequential_get),
        cmocka_unit_test(test_put_at_all_nodes),
        cmocka_unit_test(test_get_at_all_nodes),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed != 0 || mem_outstanding() != 0;
}
