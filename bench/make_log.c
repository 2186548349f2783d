/*
 * make_log.c -- a data directory with a long log and no checkpoint, to measure starts with.
 *
 * Every slot holds a batch of puts, voted for by this node and chosen. The other members'
 * directories are made by the same program: then a cluster starts on them.
 *
 * In coordinated mode nodes 1 and 2 have used their slots, and node 3 was away: its slots, each
 * third one, were taken over, and hold NOOP. So it can come back with an empty directory, and has
 * all to catch up with; no other node can, for the others know that it has used slots.
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
    enum mode mode;
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

static void add(struct log *l, const struct durable *d)
{
    struct store_error error;
    if (acceptor_store_add(l->store, d, 1, &error) != 0)
        fail("cannot write", error.text);
}

static void sync_all(struct log *l)
{
    struct store_error error;
    if (acceptor_store_sync(l->store, &error) != 0)
        fail("cannot commit", error.text);
}

static const struct members members = {.count = 3, .ids = {1, 2, 3}};

static struct ballot ballot_of(const struct log *l, uint64_t slot)
{
    if (l->mode == MODE_CLASSIC)
        return (struct ballot){.round = 1, .node = 1, .boot = 1};
    return (struct ballot){.round = 0, .node = members.ids[slot % members.count], .boot = 1};
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
    struct tag tag = {.node = ballot_of(l, slot).node, .boot = 1, .sequence = slot};
    if (value_new(VALUE_BATCH, tag, buf_bytes(&batch), &v) != 0)
        fail("cannot make", "a value");
    buf_fini(&batch);
    free(content);
    return v;
}

/* This node may vote, and has reserved the own slots that it used. */
static void start(struct log *l)
{
    add(l, &(struct durable){.kind = DURABLE_ADMITTED});
    if (l->mode == MODE_COORDINATED)
        add(l, &(struct durable){.kind = DURABLE_RESERVED, .slot = l->slots});
    sync_all(l);
}

static bool is_taken_over(const struct log *l, uint64_t slot)
{
    return l->mode == MODE_COORDINATED && ballot_of(l, slot).node == 3;
}

static void add_vote(struct log *l, uint64_t slot)
{
    struct ballot b = ballot_of(l, slot);
    struct durable vote = {.kind = DURABLE_VOTE,
                           .slot = slot,
                           .promised = b,
                           .accepted = b,
                           .value = make_batch(l, slot)};
    add(l, &vote);
    value_unref(vote.value);
}

/* Slots from .. from + count - 1. */
static void commit(struct log *l, uint64_t from, uint64_t count)
{
    struct interval noops = {0};
    for (uint64_t slot = from; slot < from + count; slot++) {
        if (!is_taken_over(l, slot))
            add_vote(l, slot);
        else if (!interval_extend(&noops, slot, members.count))
            fail("cannot make", "an interval");
    }
    while (!interval_is_none(noops))
        add(l, &(struct durable){.kind = DURABLE_VOTED_NOOP,
                                 .interval = interval_take_block(&noops),
                                 .accepted = {.round = 1, .node = 1, .boot = 1}});
    add(l, &(struct durable){.kind = DURABLE_CHOSEN_TO, .slot = from + count - 1});
    sync_all(l);
}

static void usage(void)
{
    fputs("usage: make-log [-c] [-s SLOTS] [-p PUTS] [-v BYTES] [-k KEYS] ID DIR\n"
          "  -s  slots (100000)  -p  puts in each (1)  -v  bytes of a value (128)\n"
          "  -k  keys (10000)    -c  coordinated mode  ID  of the node, among 1, 2 and 3\n",
          stderr);
    exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
    struct log l = {.slots = 100000, .keys = 10000, .puts = 1, .value_size = 128};
    l.mode = MODE_CLASSIC;
    struct store_error error;
    int c;
    while ((c = getopt(argc, argv, "cs:p:v:k:")) != -1) {
        uint64_t n = optarg == NULL ? 0 : strtoull(optarg, NULL, 10);
        if (c == 'c')
            l.mode = MODE_COORDINATED;
        else if (c == 's')
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
                     .mode = l.mode,
                     .members = members,
                     .id = (uint32_t)strtoul(argv[optind], NULL, 10)},
        .map_size_bytes = STORE_MAP_SIZE_DEFAULT,
    };
    if (acceptor_store_open(&options, &l.store, &error) != 0)
        fail("cannot open", error.text);
    start(&l);
    for (uint64_t slot = 1; slot <= l.slots; slot += COMMIT_SLOTS)
        commit(&l, slot, l.slots - slot + 1 < COMMIT_SLOTS ? l.slots - slot + 1 : COMMIT_SLOTS);
    while (acceptor_store_unmerged(l.store) > 0)
        if (acceptor_store_merge(l.store, STORE_PART_MAX, &error) != 0)
            fail("cannot merge", error.text);
    acceptor_store_close(l.store);
    return EXIT_SUCCESS;
}
