/*
 * make_log.c -- a data directory with a long log and no checkpoint, to measure starts with.
 *
 * Every slot holds a batch of puts, voted for by this node and chosen. The other members'
 * directories are made by the same program: then a cluster starts on them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kv/command.h"
#include "store/acceptor_store.h"

#define COMMIT_SLOTS 1000

struct log {
    struct acceptor_store *store;
    uint64_t slots;
    uint64_t keys;
    uint32_t puts; /* In a slot. */
    size_t value_size;
};

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "make-log: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static struct value *make_batch(const struct log *l, uint64_t slot)
{
    struct buf batch = {0};
    struct value *v = NULL;
    uint8_t *content = malloc(l->value_size + 1);
    memset(content, 'v', l->value_size + 1);
    for (uint32_t i = 0; i < l->puts; i++) {
        char key[32];
        (void)snprintf(key, sizeof(key), "key-%012llu",
                       (unsigned long long)((slot * 7919 + i) % l->keys));
        struct command put = {.kind = COMMAND_PUT,
                              .key = bytes_of(key),
                              .value = {.data = content, .size = l->value_size}};
        if (command_encode(&put, &batch) != 0)
            fail("cannot encode", "a put");
    }
    struct tag tag = {.node = 1, .boot = 1, .sequence = slot};
    if (value_new(VALUE_BATCH, tag, buf_bytes(&batch), &v) != 0)
        fail("cannot make", "a value");
    buf_fini(&batch);
    free(content);
    return v;
}

/* Slots from .. from + count - 1. */
static void commit(struct log *l, uint64_t from, uint64_t count)
{
    struct store_error error;
    struct ballot b = {.round = 1, .node = 1, .boot = 1};
    for (uint64_t i = 0; i < count; i++) {
        struct durable vote = {.kind = DURABLE_VOTE,
                               .slot = from + i,
                               .promised = b,
                               .accepted = b,
                               .value = make_batch(l, from + i)};
        if (acceptor_store_add(l->store, &vote, 1, &error) != 0)
            fail("cannot write", error.text);
        value_unref(vote.value);
    }
    struct durable chosen_to = {.kind = DURABLE_CHOSEN_TO, .slot = from + count - 1};
    if (acceptor_store_commit(l->store, &chosen_to, 1, &error) != 0)
        fail("cannot commit", error.text);
}

static void usage(void)
{
    fputs("usage: make-log [-s SLOTS] [-p PUTS] [-v BYTES] [-k KEYS] ID DIR\n"
          "  -s  slots (100000)  -p  puts in each (1)  -v  bytes of a value (128)\n"
          "  -k  keys (10000)    ID  of the node, among 1, 2 and 3\n",
          stderr);
    exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
    struct log l = {.slots = 100000, .keys = 10000, .puts = 1, .value_size = 128};
    struct store_error error;
    int c;
    while ((c = getopt(argc, argv, "s:p:v:k:")) != -1) {
        uint64_t n = optarg == NULL ? 0 : strtoull(optarg, NULL, 10);
        if (c == 's')
            l.slots = n;
        else if (c == 'p')
            l.puts = (uint32_t)n;
        else if (c == 'v')
            l.value_size = n;
        else if (c == 'k')
            l.keys = n;
        else
            usage();
    }
    if (optind + 2 != argc || l.keys == 0 || l.puts == 0)
        usage();
    const struct acceptor_store_options options = {
        .dir = argv[optind + 1],
        .identity = {.cluster = "dkv",
                     .mode = MODE_CLASSIC,
                     .members = {.count = 3, .ids = {1, 2, 3}},
                     .id = (uint32_t)strtoul(argv[optind], NULL, 10)},
        .map_size_bytes = STORE_MAP_SIZE_DEFAULT,
    };
    if (acceptor_store_open(&options, &l.store, &error) != 0)
        fail("cannot open", error.text);
    struct durable admitted = {.kind = DURABLE_ADMITTED};
    if (acceptor_store_commit(l.store, &admitted, 1, &error) != 0)
        fail("cannot commit", error.text);
    for (uint64_t slot = 1; slot <= l.slots; slot += COMMIT_SLOTS)
        commit(&l, slot, l.slots - slot + 1 < COMMIT_SLOTS ? l.slots - slot + 1 : COMMIT_SLOTS);
    while (acceptor_store_unmerged(l.store) > 0)
        if (acceptor_store_merge(l.store, STORE_PART_MAX, &error) != 0)
            fail("cannot merge", error.text);
    acceptor_store_close(l.store);
    return EXIT_SUCCESS;
}
