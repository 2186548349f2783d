/*
 * rollback_test.c -- a node whose disk went back in time stops at the handshake, if a peer has seen
 * more of it than that disk knows of (docs/protocol.md, section 7, rule C9).
 *
 * No more than that is promised, which is why this is no fault of the random runs. What peers have
 * seen they hold in memory only, but for their votes, and votes that went with the newer disk are
 * missed by nobody: where those who remember are away, the others cannot tell.
 */
#include "../unit.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "world.h"

#define NODES 3
#define VICTIM 0
#define SEEDS 5
#define PROBES_MAX 2000

static void run_for(struct world *w, uint64_t length_ns)
{
    uint64_t end_ns = w->now_ns + length_ns;
    while (!w->failed && w->now_ns < end_ns)
        world_advance(w);
}

/* No faults; clients for a while. */
static struct world *open_calm(uint64_t seed)
{
    struct world_options options = {.seed = seed, .mode = MODE_COORDINATED, .nodes = NODES};
    struct world *w = NULL;
    world_open(&options, &w);
    faults_stop(w);
    run_for(w, 2 * NS_PER_S);
    clients_stop(w);
    run_for(w, 5 * NS_PER_S);
    assert_false(w->failed);
    return w;
}

static void copy_disk(const struct disk *from, struct disk *to)
{
    *to = (struct disk){.chosen_to = from->chosen_to, .admitted = from->admitted};
    for (size_t t = 0; t <= RECORD_TABLES; t++) {
        const struct disk_table *table = &from->tables[t];
        for (size_t i = 0; i < table->count; i++)
            disk_put(to, (enum record_table)t, disk_row_key(table->rows[i]),
                     disk_row_value(table->rows[i]));
    }
}

static void put_back(struct world *w, struct disk *copy)
{
    struct disk *d = &w->nodes[VICTIM].disk;
    copy->epoch = d->epoch;
    copy->checkpoint_number = d->checkpoint_number;
    disk_fini(d);
    *d = *copy;
}

/* The watcher, which remembers the newer disk, would say so first. */
static void make_watcher_forget(struct world *w)
{
    truth_on_wiped(w, VICTIM);
    w->truth.nodes[VICTIM].durable_to = w->nodes[VICTIM].disk.chosen_to;
    w->truth.nodes[VICTIM].verified_to = w->nodes[VICTIM].disk.chosen_to;
}

static void restart(struct world *w)
{
    node_crash(w, VICTIM, "killed");
    while (!w->failed && !w->nodes[VICTIM].running)
        world_advance(w);
    run_for(w, NS_PER_S);
}

static struct replica_status status_of(const struct world *w)
{
    struct replica_status status;
    replica_get_status(w->nodes[VICTIM].replica, &status);
    return status;
}

/* It proposes until it has used a slot above that. */
static void use_slots_beyond(struct world *w, uint64_t reserved_to)
{
    bool is_beyond = false;
    for (int i = 0; i < PROBES_MAX && !is_beyond && !w->failed; i++) {
        is_beyond = status_of(w).position > reserved_to;
        clients_probe(w, VICTIM, 10 * NS_PER_S);
        while (!w->failed && w->clients.open > 0)
            world_advance(w);
    }
    assert_true(is_beyond);
    run_for(w, NS_PER_S);
    assert_false(w->failed);
}

static void assert_stopped(const struct world *w)
{
    char expected[128];
    snprintf(expected, sizeof(expected), "node 1: a step failed: %s", err_text(ERR_CORRUPT));
    assert_true(w->failed);
    assert_string_equal(w->failure, expected);
}

static void stops_when_a_peer_has_seen_a_later_boot(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world *w = open_calm(seed);
        struct disk copy;
        copy_disk(&w->nodes[VICTIM].disk, &copy);
        restart(w);
        restart(w);
        assert_false(w->failed);
        node_crash(w, VICTIM, "killed");
        put_back(w, &copy);
        make_watcher_forget(w);
        run_for(w, 5 * NS_PER_S);
        assert_stopped(w);
        world_close(w);
    }
}

static void stops_when_a_peer_has_seen_a_later_slot(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world *w = open_calm(seed);
        struct disk copy;
        copy_disk(&w->nodes[VICTIM].disk, &copy);
        use_slots_beyond(w, status_of(w).reserved_to);
        node_crash(w, VICTIM, "killed");
        put_back(w, &copy);
        make_watcher_forget(w);
        run_for(w, 5 * NS_PER_S);
        assert_stopped(w);
        world_close(w);
    }
}

static void a_restart_from_the_disk_as_it_was_is_none(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world *w = open_calm(seed);
        use_slots_beyond(w, status_of(w).reserved_to);
        node_crash(w, VICTIM, "killed");
        struct disk copy;
        copy_disk(&w->nodes[VICTIM].disk, &copy);
        put_back(w, &copy);
        run_for(w, 5 * NS_PER_S);
        assert_false(w->failed);
        world_close(w);
    }
}

static int teardown(void **state)
{
    (void)state;
    return mem_outstanding() == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(stops_when_a_peer_has_seen_a_later_boot, teardown),
        cmocka_unit_test_teardown(stops_when_a_peer_has_seen_a_later_slot, teardown),
        cmocka_unit_test_teardown(a_restart_from_the_disk_as_it_was_is_none, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
