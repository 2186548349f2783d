/*
 * cluster_test.c -- three nodes in one process: peers, fault rules, catching up, refusals.
 *
 * In the mode that the program is given as its argument.
 */
#include "world.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "node/monotime.h"
#include "wire/paxos_wire.h"

#define WAIT_NS (5 * MONOTIME_S)

static enum mode mode;

static int setup(void **state)
{
    (void)state;
    world_open_mode(&world, mode, 3, true);
    return 0;
}

static void read_is(uint32_t index, const char *key, const char *want)
{
    char value[64];
    assert_int_equal(world_get(&world, index, key, WIRE_BARRIER, WAIT_NS, value, sizeof(value)),
                     RPC_OK);
    assert_string_equal(value, want);
}

static void test_any_node_takes_any_request(void **state)
{
    (void)state;
    assert_int_equal(world_put(&world, 0, "k", "one"), RPC_OK);
    read_is(1, "k", "one");
    read_is(2, "k", "one");
    assert_int_equal(world_put(&world, 2, "k", "two"), RPC_OK);
    read_is(0, "k", "two");
}

/* The codes of a node without a quorum, ahead of the deadline; and never a wrong read. */
static void test_without_a_quorum(void **state)
{
    (void)state;
    char value[64];
    assert_int_equal(world_put(&world, 0, "q", "before"), RPC_OK);
    read_is(2, "q", "before");
    world_cut(&world, 2, true);
    struct command c = {.kind = COMMAND_PUT, .key = bytes_of("q"), .value = bytes_of("cut")};
    struct rpc_result r;
    enum rpc_status status = world_write(&world, 2, &c, MONOTIME_S, &r);
    assert_true(status == RPC_UNAVAILABLE || status == RPC_DEADLINE_EXCEEDED);
    /* In the node's words, so that it was ahead of the transport. */
    assert_non_null(strstr(r.text, "applied"));
    assert_int_equal(world_get(&world, 2, "q", WIRE_BARRIER, MONOTIME_S, value, sizeof(value)),
                     RPC_UNAVAILABLE);
    assert_int_equal(world_get(&world, 2, "q", WIRE_SEQUENTIAL, MONOTIME_S, value, sizeof(value)),
                     RPC_OK);
    assert_string_equal(value, "before");
    assert_int_equal(world_put(&world, 0, "q2", "after"), RPC_OK);
    world_cut(&world, 2, false);
    read_is(2, "q2", "after");
}

/* Far enough that the others' disks must help, not only their memory. */
static void test_catching_up(void **state)
{
    (void)state;
    world_stop(&world, 1);
    for (int i = 0; i < 200; i++) {
        char value[16];
        snprintf(value, sizeof(value), "%d", i);
        assert_int_equal(world_put(&world, i % 2 == 0 ? 0 : 2, "c", value), RPC_OK);
    }
    world_start(&world, 1);
    world_wait_ready(&world, 1);
    read_is(1, "c", "199");
}

static void test_bad_network(void **state)
{
    (void)state;
    struct wire_set_faults faults = {
        .replace = true,
        .rules_count = 2,
        .rules = {{1, WIRE_BOTH, 200000, 2, 5, 200000}, {3, WIRE_BOTH, 200000, 2, 5, 200000}},
    };
    struct buf request = {0};
    assert_int_equal(wire_encode_set_faults(&faults, &request), 0);
    struct rpc_result r = world_call(&world, 1, WIRE_ADMIN_SET_FAULTS, &request, WAIT_NS);
    assert_int_equal(r.status, RPC_OK);
    buf_fini(&r.body);
    for (uint32_t i = 0; i < 12; i++) {
        char value[16];
        snprintf(value, sizeof(value), "%u", (unsigned)i);
        assert_int_equal(world_put(&world, i % 3, "n", value), RPC_OK);
        read_is((i + 1) % 3, "n", value);
    }
    world_cut(&world, 1, false);
}

#define SLOTS_MAX 8192
#define LARGE_VALUES 5

static void note_slots(bool seen[SLOTS_MAX], uint64_t from, const struct message *m)
{
    struct interval i = m->slot != 0 ? interval_one(m->slot) : m->interval;
    for (uint64_t slot = i.first; slot <= i.last; slot += i.stride) {
        assert_true(slot - from < SLOTS_MAX);
        assert_false(seen[slot - from]); /* None is told twice in one answer. */
        seen[slot - from] = true;
    }
}

/* Ask node 1 for slots, as node 2 of such a cluster would. */
static struct rpc_result call_fetch(const char *cluster, uint64_t from, uint64_t to)
{
    struct wire_fetch fetch = {
        .from = from,
        .to = to,
        .hello = {.protocol_version = PROTOCOL_VERSION,
                  .mode = mode,
                  .members = {.count = 3, .ids = {1, 2, 3}},
                  .id = 2,
                  .boot = 1,
                  .disk_id = {1}},
    };
    snprintf(fetch.hello.cluster, sizeof(fetch.hello.cluster), "%s", cluster);
    struct buf request = {0};
    assert_int_equal(wire_encode_fetch(&fetch, &request), 0);
    return world_call(&world, 0, WIRE_PAXOS_FETCH_CHOSEN, &request, WAIT_NS);
}

/*
 * As a member would: ask node 1 for slots. Gives how many came, without a gap from the first on;
 * *out_intervals is how many of them as intervals.
 */
static uint64_t fetch_slots(uint64_t from, uint64_t to, uint64_t *out_next, uint64_t *out_intervals)
{
    struct rpc_result r = call_fetch("test", from, to);
    assert_int_equal(r.status, RPC_OK);
    struct wire_arena arena;
    struct wire_error error;
    struct wire_chosen chosen;
    struct message m;
    bool seen[SLOTS_MAX] = {false};
    *out_intervals = 0;
    wire_arena_init(&arena);
    assert_int_equal(wire_chosen_begin(buf_bytes(&r.body), from, to, &chosen, &error), 0);
    while (wire_chosen_next(&chosen, &arena, &m, &error) == 0) {
        note_slots(seen, from, &m);
        *out_intervals += interval_count(m.interval);
        value_unref(m.value);
    }
    uint64_t slots = 0;
    while (slots < SLOTS_MAX && seen[slots])
        slots++;
    *out_next = chosen.next;
    wire_arena_fini(&arena);
    buf_fini(&r.body);
    return slots;
}

/* Whoever is no member of this cluster is told so. */
static void test_fetching_needs_a_member(void **state)
{
    (void)state;
    struct rpc_result r = call_fetch("other", 1, 3);
    assert_int_equal(r.status, RPC_FAILED_PRECONDITION);
    assert_non_null(strstr(r.text, "another cluster"));
    uint64_t next;
    uint64_t intervals;
    assert_int_equal(fetch_slots(1, 3, &next, &intervals), 3);
    assert_int_equal(next, 0);
}

/* More than one answer holds: it says where to go on, and does not jump over anything. */
static void test_fetching_goes_on(void **state)
{
    (void)state;
    static uint8_t large[VALUE_SIZE_MAX];
    struct command c = {
        .kind = COMMAND_PUT, .key = bytes_of("large"), .value = {large, sizeof(large)}};
    for (int i = 0; i < LARGE_VALUES; i++)
        assert_int_equal(world_write(&world, 0, &c, WAIT_NS, NULL), RPC_OK);
    uint64_t to = node_applied(world.nodes[0].node);
    uint64_t from = 1;
    uint64_t all_intervals = 0;
    for (uint64_t calls = 0; from != 0; calls++) {
        /* An answer ends after 4,096 slots, before a large value that finds no room in it, or where
           the disk's part of the log ends. */
        assert_true(calls < to / 4096 + 1 + LARGE_VALUES + 1);
        uint64_t next;
        uint64_t intervals;
        uint64_t slots = fetch_slots(from, to, &next, &intervals);
        assert_true(slots > 0);
        if (next == 0)
            assert_int_equal(from + slots - 1, to);
        else
            assert_in_range(next, from + 1, from + slots);
        all_intervals += intervals;
        from = next;
    }
    /* The slots of those that had nothing to say. */
    assert_int_equal(all_intervals > 0, mode == MODE_COORDINATED);
}

/* A node of another cluster at a member's address: refused, and the others go on. */
static void test_another_cluster_is_refused(void **state)
{
    (void)state;
    world_stop(&world, 2);
    struct config *c = &world.nodes[2].config;
    struct config before = *c;
    snprintf(c->cluster, sizeof(c->cluster), "other");
    snprintf(c->data_dir, sizeof(c->data_dir), "%s/other", world.dir);
    world_start(&world, 2);
    assert_int_equal(world_put(&world, 0, "r", "on"), RPC_OK);
    read_is(1, "r", "on");
    char value[64];
    assert_int_not_equal(
        world_get(&world, 2, "r", WIRE_BARRIER, MONOTIME_S / 2, value, sizeof(value)), RPC_OK);
    world_stop(&world, 2);
    *c = before;
    world_start(&world, 2);
    world_wait_ready(&world, 2);
    read_is(2, "r", "on");
}

int main(int argc, char **argv)
{
    mode = world_mode(argc, argv);
    world_begin();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_node_takes_any_request),
        cmocka_unit_test(test_without_a_quorum),
        cmocka_unit_test(test_catching_up),
        cmocka_unit_test(test_bad_network),
        cmocka_unit_test(test_fetching_needs_a_member),
        cmocka_unit_test(test_fetching_goes_on),
        cmocka_unit_test(test_another_cluster_is_refused),
    };
    int failed = cmocka_run_group_tests(tests, setup, world_teardown);
    return failed != 0 || mem_outstanding() != 0;
}
