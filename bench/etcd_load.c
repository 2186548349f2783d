/*
 * etcd_load.c -- the cells of `dkv-cli scenario loadtest` against etcd, for a fair neighbour.
 *
 *     etcd-load --endpoints a:p,b:p,c:p --pids 1,2,3 [--seconds 5]
 *
 * Closed loop, as loadtest: each client has a connection of its own and sends its next operation
 * when it has the answer to the last one; 10,000 keys of 16 bytes, values of 128 bytes. Gets are
 * etcd's default, linearizable. CPU is that of the processes named by --pids. A line for each cell.
 *
 * Two messages of etcd's KV service are all it needs, so they are written by hand:
 * RangeRequest{key = 1}, PutRequest{key = 1, value = 2}.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/histogram.h"
#include "base/prng.h"
#include "rpc/client.h"

#define KEYS 10000
#define KEY_SIZE 16
#define VALUE_SIZE 128
#define CLIENTS_MAX 256
#define SERVERS_MAX 9
#define NS_PER_S UINT64_C(1000000000)

enum work {
    WORK_PUT,
    WORK_GET,
    WORK_MIX,
};

/* One cell: its clients run until `stopping`, and count while `counting`. */
struct cell {
    atomic_bool counting;
    atomic_bool stopping;
    atomic_uint running;
    atomic_ulong errors;
    struct histogram latency;
};

struct client {
    struct cell *cell;
    struct rpc_channel *channel;
    struct prng prng;
    enum work work;
    uint64_t began_ns;
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "etcd-load: %s\n", what);
    exit(1);
}

/* ---- One operation after the other --------------------------------------------------------- */

/* A field of type bytes, of fewer than 16,384 of them. */
static void put_bytes(struct buf *out, uint8_t field, const void *data, size_t size)
{
    int err = buf_append_u8(out, (uint8_t)(field << 3 | 2));
    if (size >= 128) {
        err |= buf_append_u8(out, (uint8_t)(size | 0x80));
        err |= buf_append_u8(out, (uint8_t)(size >> 7));
    } else {
        err |= buf_append_u8(out, (uint8_t)size);
    }
    err |= buf_append(out, (struct bytes){.data = data, .size = size});
    if (err != 0)
        die("out of memory");
}

static void client_next(struct client *c);

static void client_on_reply(void *context, const struct rpc_reply *reply)
{
    struct client *c = context;
    if (reply->status != RPC_OK)
        atomic_fetch_add(&c->cell->errors, 1);
    else if (atomic_load(&c->cell->counting))
        histogram_record(&c->cell->latency, now_ns() - c->began_ns);
    if (reply->status == RPC_OK && !atomic_load(&c->cell->stopping))
        client_next(c);
    else
        atomic_fetch_sub(&c->cell->running, 1);
}

static void client_next(struct client *c)
{
    static const uint8_t value[VALUE_SIZE];
    char key[KEY_SIZE + 1];
    snprintf(key, sizeof(key), "key-%012u", (unsigned)prng_below(&c->prng, KEYS));
    bool is_put = c->work == WORK_PUT || (c->work == WORK_MIX && prng_below(&c->prng, 2) == 0);
    struct buf request = {0};
    put_bytes(&request, 1, key, KEY_SIZE);
    if (is_put)
        put_bytes(&request, 2, value, sizeof(value));
    c->began_ns = now_ns();
    const char *method = is_put ? "/etcdserverpb.KV/Put" : "/etcdserverpb.KV/Range";
    if (rpc_channel_call(c->channel, method, &request, 10 * NS_PER_S, client_on_reply, c) != 0)
        die("a call cannot begin");
}

/* ---- Cells --------------------------------------------------------------------------------- */

struct servers {
    const char *addresses[SERVERS_MAX];
    uint32_t count;
    long pids[SERVERS_MAX];
    uint32_t pids_count;
};

/* User and system time of all servers, in seconds. */
static double cpu_seconds(const struct servers *s)
{
    unsigned long ticks = 0;
    for (uint32_t i = 0; i < s->pids_count; i++) {
        char path[64];
        snprintf(path, sizeof(path), "/proc/%ld/stat", s->pids[i]);
        FILE *f = fopen(path, "r");
        unsigned long user = 0;
        unsigned long kernel = 0;
        if (f == NULL ||
            fscanf(f, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                   &kernel) != 2)
            die("a server of --pids is not there");
        fclose(f);
        ticks += user + kernel;
    }
    return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static double quantile_ms(const struct histogram *h, uint32_t per_million)
{
    return (double)histogram_quantile_ns(h, per_million) / 1e6;
}

static void run_cell(const struct servers *s, enum work work, uint32_t clients, uint32_t seconds)
{
    static struct cell cell;
    static struct client all[CLIENTS_MAX];
    memset(&cell, 0, sizeof(cell));
    struct rpc_client *rpc = NULL;
    if (rpc_client_open(&rpc) != 0)
        die("out of memory");
    atomic_store(&cell.running, clients);
    for (uint32_t i = 0; i < clients; i++) {
        all[i] = (struct client){.cell = &cell, .work = work};
        prng_init(&all[i].prng, i);
        if (rpc_channel_open(rpc, s->addresses[i % s->count], NULL, &all[i].channel) != 0)
            die("out of memory");
        client_next(&all[i]);
    }
    sleep(1); /* Warming up. */
    double cpu_before = cpu_seconds(s);
    uint64_t began_ns = now_ns();
    atomic_store(&cell.counting, true);
    sleep(seconds);
    atomic_store(&cell.counting, false);
    double took_s = (double)(now_ns() - began_ns) / 1e9;
    double cpu_s = cpu_seconds(s) - cpu_before;
    atomic_store(&cell.stopping, true);
    while (atomic_load(&cell.running) > 0)
        usleep(1000);
    rpc_client_close(rpc);

    static const char *const names[] = {"put", "get", "50/50"};
    double ops = (double)histogram_count(&cell.latency);
    printf("%-6s %7u %9.0f %8.2f %8.2f %8.2f %8.2f %8.1f %10.0f %7lu\n", names[work],
           (unsigned)clients, ops / took_s, quantile_ms(&cell.latency, 500000),
           quantile_ms(&cell.latency, 950000), quantile_ms(&cell.latency, 990000),
           quantile_ms(&cell.latency, 999000), (double)histogram_max_ns(&cell.latency) / 1e6,
           ops == 0 ? 0 : cpu_s * 1e6 / ops, atomic_load(&cell.errors));
    fflush(stdout);
}

/* ---- The command line ---------------------------------------------------------------------- */

static void parse_servers(struct servers *s, char *endpoints, char *pids)
{
    char *rest = NULL;
    for (char *t = strtok_r(endpoints, ",", &rest); t != NULL; t = strtok_r(NULL, ",", &rest)) {
        if (s->count == SERVERS_MAX)
            die("too many endpoints");
        s->addresses[s->count++] = t;
    }
    for (char *t = strtok_r(pids, ",", &rest); t != NULL; t = strtok_r(NULL, ",", &rest)) {
        if (s->pids_count == SERVERS_MAX)
            die("too many pids");
        s->pids[s->pids_count++] = strtol(t, NULL, 10);
    }
}

int main(int argc, char **argv)
{
    struct servers servers = {0};
    char *endpoints = NULL;
    char *pids = NULL;
    uint32_t seconds = 5;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--endpoints") == 0)
            endpoints = argv[i + 1];
        else if (strcmp(argv[i], "--pids") == 0)
            pids = argv[i + 1];
        else if (strcmp(argv[i], "--seconds") == 0)
            seconds = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        else
            die("unknown flag; see the head of etcd_load.c");
    }
    if (endpoints == NULL || pids == NULL || seconds == 0)
        die("--endpoints and --pids are needed");
    parse_servers(&servers, endpoints, pids);

    static const uint32_t clients[] = {1, 16, 64};
    rpc_init();
    printf("%-6s %7s %9s %8s %8s %8s %8s %8s %10s %7s\n", "work", "clients", "ops/s", "p50 ms",
           "p95 ms", "p99 ms", "p99.9 ms", "max ms", "CPU us/op", "errors");
    for (enum work work = WORK_PUT; work <= WORK_MIX; work++) {
        for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++)
            run_cell(&servers, work, clients[i], seconds);
    }
    struct servers first = servers;
    first.count = 1;
    printf("all clients on one node:\n");
    run_cell(&first, WORK_PUT, 64, seconds);
    rpc_fini();
    return 0;
}
