/*
 * commit_bench.c -- how fast can three nodes on one disk commit? The ways that were considered.
 *
 * Each way commits groups of records with ascending slots as keys, in several processes at once,
 * as the acceptors of a cluster on one machine do:
 *
 *   lmdb              LMDB, default sync: the pages are synced, then the page that points at them
 *   lmdb-zeroed       the same in a file that was written in full before
 *   nometasync        MDB_NOMETASYNC: a commit is safe, and its answers may leave, once the next
 *                     one is done: its latency is till then
 *   nometasync-zeroed likewise, in a file that was written in full
 *   journal           acceptor_store: one write and one sync; a thread merges meanwhile
 *
 * Prints one line for each process and way: commits a second, latencies, CPU time of the process
 * for each commit (what else it does included). Usage: commit-bench DIR, see usage().
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/be.h"
#include "base/histogram.h"
#include "kv/command.h"
#include "store/acceptor_store.h"

#define MIB ((size_t)1 << 20)
#define FILE_SIZE (512 * MIB)
#define MAP_SIZE (16384 * MIB)
#define RECORDS_MAX 256

struct setup {
    const char *dir;
    double seconds;
    size_t commit_bytes;
    size_t record_bytes;
    unsigned processes;
    unsigned pause_us; /* Between two commits: below the disk's limit its latency shows. */
};

struct run {
    const struct setup *setup;
    bool safe_with_next; /* A commit is so only once the next one is done. */
    char dir[256];       /* Of this process. */
    struct histogram latency;
};

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "commit-bench: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Until the time is over: commit(context, first slot, slots). */
static void run_commits(struct run *r, void (*commit)(void *context, uint64_t slot, size_t count),
                        void *context)
{
    const struct setup *s = r->setup;
    size_t count = s->commit_bytes / s->record_bytes;
    count = count < 1 ? 1 : count > RECORDS_MAX ? RECORDS_MAX : count;
    uint64_t end_ns = now_ns() + (uint64_t)(s->seconds * 1e9);
    uint64_t slot = 1;
    uint64_t last_ns = 0; /* When the one before began; 0: there is none. */
    for (;;) {
        uint64_t began_ns = now_ns();
        if (began_ns >= end_ns)
            return;
        commit(context, slot, count);
        uint64_t since_ns = r->safe_with_next ? last_ns : began_ns;
        if (since_ns != 0)
            histogram_record(&r->latency, now_ns() - since_ns);
        last_ns = began_ns;
        slot += count;
        if (s->pause_us > 0)
            usleep(s->pause_us);
    }
}

/* ---- LMDB as it is -------------------------------------------------------------------------- */

struct lmdb {
    MDB_env *env;
    MDB_dbi votes;
    MDB_dbi meta;
    uint8_t *record;
    size_t record_bytes;
};

static void lmdb_check(int rc)
{
    if (rc != 0)
        fail("LMDB", mdb_strerror(rc));
}

static void lmdb_put(MDB_txn *txn, MDB_dbi table, void *key, size_t key_size, void *value,
                     size_t value_size)
{
    MDB_val k = {.mv_size = key_size, .mv_data = key};
    MDB_val v = {.mv_size = value_size, .mv_data = value};
    lmdb_check(mdb_put(txn, table, &k, &v, 0));
}

static void lmdb_commit(void *context, uint64_t slot, size_t count)
{
    struct lmdb *l = context;
    MDB_txn *txn;
    char chosen_to[] = "chosen_to";
    lmdb_check(mdb_txn_begin(l->env, NULL, 0, &txn));
    for (size_t i = 0; i < count; i++) {
        uint8_t key[8];
        be64_store(key, slot + i);
        lmdb_put(txn, l->votes, key, sizeof(key), l->record, l->record_bytes);
    }
    lmdb_put(txn, l->meta, chosen_to, sizeof(chosen_to), l->record, 18);
    lmdb_check(mdb_txn_commit(txn));
}

static void lmdb_make_file(struct lmdb *l, bool zeroed)
{
    static const uint8_t zeros[MIB];
    struct stat st;
    int fd;
    lmdb_check(mdb_env_get_fd(l->env, &fd));
    if (fstat(fd, &st) != 0 || ftruncate(fd, FILE_SIZE) != 0)
        fail("cannot extend", l->env == NULL ? "" : "the data file");
    for (off_t at = st.st_size; zeroed && at < (off_t)FILE_SIZE; at += MIB)
        if (pwrite(fd, zeros, MIB, at) < 0)
            fail("cannot write", "the data file");
    if (fsync(fd) != 0)
        fail("cannot sync", "the data file");
}

static void run_lmdb(struct run *r, unsigned flags, bool zeroed)
{
    struct lmdb l = {.record_bytes = r->setup->record_bytes};
    MDB_txn *txn;
    l.record = calloc(1, l.record_bytes + 18);
    lmdb_check(mdb_env_create(&l.env));
    lmdb_check(mdb_env_set_mapsize(l.env, MAP_SIZE));
    lmdb_check(mdb_env_set_maxdbs(l.env, 4));
    lmdb_check(mdb_env_open(l.env, r->dir, flags, 0600));
    lmdb_check(mdb_txn_begin(l.env, NULL, 0, &txn));
    lmdb_check(mdb_dbi_open(txn, "votes", MDB_CREATE, &l.votes));
    lmdb_check(mdb_dbi_open(txn, "meta", MDB_CREATE, &l.meta));
    lmdb_check(mdb_txn_commit(txn));
    lmdb_make_file(&l, zeroed);
    run_commits(r, lmdb_commit, &l);
    mdb_env_close(l.env);
    free(l.record);
}

static void run_lmdb_default(struct run *r)
{
    run_lmdb(r, 0, false);
}

static void run_lmdb_zeroed(struct run *r)
{
    run_lmdb(r, 0, true);
}

static void run_nometasync(struct run *r)
{
    r->safe_with_next = true;
    run_lmdb(r, MDB_NOMETASYNC, false);
}

static void run_nometasync_zeroed(struct run *r)
{
    r->safe_with_next = true;
    run_lmdb(r, MDB_NOMETASYNC, true);
}

/* ---- The store ------------------------------------------------------------------------------ */

struct store {
    struct acceptor_store *acceptor;
    struct value *value;
    atomic_bool done;
};

static void store_commit(void *context, uint64_t slot, size_t count)
{
    struct store *s = context;
    struct store_error error;
    struct durable records[RECORDS_MAX + 1];
    struct ballot b = {.round = 0, .node = 1, .boot = 1};
    for (size_t i = 0; i < count; i++)
        records[i] = (struct durable){.kind = DURABLE_VOTE,
                                      .slot = slot + i,
                                      .promised = b,
                                      .accepted = b,
                                      .value = s->value};
    records[count] = (struct durable){.kind = DURABLE_CHOSEN_TO, .slot = slot + count - 1};
    if (acceptor_store_commit(s->acceptor, records, count + 1, &error) != 0)
        fail("cannot commit", error.text);
}

static void *store_merge(void *context)
{
    struct store *s = context;
    struct store_error error;
    while (!atomic_load(&s->done)) {
        if (acceptor_store_unmerged(s->acceptor) < STORE_PART_MAX)
            usleep(1000);
        else if (acceptor_store_merge(s->acceptor, STORE_PART_MAX, &error) != 0)
            fail("cannot merge", error.text);
    }
    return NULL;
}

static struct value *make_value(size_t size)
{
    struct buf batch = {0};
    struct value *v = NULL;
    uint8_t *content = calloc(1, size);
    struct command put = {
        .kind = COMMAND_PUT, .key = bytes_of("key"), .value = {.data = content, .size = size}};
    struct tag tag = {.node = 1, .boot = 1, .sequence = 1};
    if (command_encode(&put, &batch) != 0 ||
        value_new(VALUE_BATCH, tag, buf_bytes(&batch), &v) != 0)
        fail("no memory", "for a value");
    buf_fini(&batch);
    free(content);
    return v;
}

static void run_journal(struct run *r)
{
    const struct acceptor_store_options options = {
        .dir = r->dir,
        .identity = {.cluster = "dkv",
                     .mode = MODE_CLASSIC,
                     .members = {.count = 1, .ids = {1}},
                     .id = 1},
        .map_size_bytes = MAP_SIZE,
    };
    struct store s = {.value = make_value(r->setup->record_bytes)};
    struct store_error error;
    pthread_t merger;
    if (acceptor_store_open(&options, &s.acceptor, &error) != 0)
        fail("cannot open", error.text);
    if (pthread_create(&merger, NULL, store_merge, &s) != 0)
        fail("cannot make", "a thread");
    run_commits(r, store_commit, &s);
    atomic_store(&s.done, true);
    pthread_join(merger, NULL);
    acceptor_store_close(s.acceptor);
    value_unref(s.value);
}

/* ---- All of them ---------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*run)(struct run *r);
} ways[] = {
    {"lmdb", run_lmdb_default},     {"lmdb-zeroed", run_lmdb_zeroed},
    {"nometasync", run_nometasync}, {"nometasync-zeroed", run_nometasync_zeroed},
    {"journal", run_journal},
};

static uint64_t cpu_us(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
           (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void run_one(const struct setup *s, size_t way, unsigned number)
{
    struct run *r = calloc(1, sizeof(*r));
    r->setup = s;
    (void)snprintf(r->dir, sizeof(r->dir), "%s/%s-%u", s->dir, ways[way].name, number);
    if (mkdir(r->dir, 0700) != 0)
        fail(r->dir, "cannot be made: is it left from an earlier run?");
    ways[way].run(r);
    uint64_t commits = histogram_count(&r->latency);
    printf("%-18s %8.0f %8.3f %8.3f %8.3f %8.2f %8" PRIu64 "\n", ways[way].name,
           (double)commits / s->seconds, (double)histogram_quantile_ns(&r->latency, 500000) / 1e6,
           (double)histogram_quantile_ns(&r->latency, 990000) / 1e6,
           (double)histogram_quantile_ns(&r->latency, 999000) / 1e6,
           (double)histogram_max_ns(&r->latency) / 1e6, cpu_us() / (commits > 0 ? commits : 1));
    fflush(stdout);
    free(r);
}

static void run_way(const struct setup *s, size_t way)
{
    for (unsigned i = 0; i < s->processes; i++) {
        if (fork() != 0)
            continue;
        run_one(s, way, i);
        exit(EXIT_SUCCESS);
    }
    int status;
    while (wait(&status) > 0)
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            exit(EXIT_FAILURE);
    sync(); /* What one way left to be written is not the next one's load. */
}

static void usage(void)
{
    fputs("usage: commit-bench [-n WAY] [-s SECONDS] [-b BYTES] [-r BYTES] [-p PROCESSES] "
          "[-w MICROSECONDS] DIR\n"
          "  -n  one way only   -s  of each way (3)   -b  of a commit (16384)\n"
          "  -r  of a record (4000)   -p  at once (3)   -w  wait between commits (0)\n"
          "DIR is empty; what is written there is left: remove it.\n",
          stderr);
    exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
    struct setup s = {.seconds = 3, .commit_bytes = 16384, .record_bytes = 4000, .processes = 3};
    const char *only = NULL;
    int c;
    while ((c = getopt(argc, argv, "n:s:b:r:p:w:")) != -1) {
        if (c == 'n')
            only = optarg;
        else if (c == 's')
            s.seconds = strtod(optarg, NULL);
        else if (c == 'b')
            s.commit_bytes = strtoul(optarg, NULL, 10);
        else if (c == 'r')
            s.record_bytes = strtoul(optarg, NULL, 10);
        else if (c == 'p')
            s.processes = (unsigned)strtoul(optarg, NULL, 10);
        else if (c == 'w')
            s.pause_us = (unsigned)strtoul(optarg, NULL, 10);
        else
            usage();
    }
    if (optind + 1 != argc || s.seconds <= 0 || s.record_bytes == 0)
        usage();
    s.dir = argv[optind];
    printf("%-18s %8s %8s %8s %8s %8s %8s\n", "", "commit/s", "p50 ms", "p99 ms", "p99.9 ms",
           "max ms", "CPU us");
    fflush(stdout);
    for (size_t way = 0; way < sizeof(ways) / sizeof(ways[0]); way++)
        if (only == NULL || strcmp(only, ways[way].name) == 0)
            run_way(&s, way);
    return EXIT_SUCCESS;
}
