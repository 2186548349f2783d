/* ops_test.c -- when a node answers, so that its client still hears it. */
#include "../unit.h"

#include "node/monotime.h"
#include "node/node.h"

static void test_deadlines(void **state)
{
    (void)state;
    static const struct {
        uint64_t left_ms;
        uint64_t ahead_ms;
    } cases[] = {{20, 5}, {50, 5}, {100, 10}, {500, 50}, {1000, 100}, {60000, 100}};
    uint64_t now_ns = 7 * MONOTIME_S;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t client_ns = now_ns + cases[i].left_ms * MONOTIME_MS;
        assert_int_equal(node_deadline_ns(now_ns, client_ns),
                         client_ns - cases[i].ahead_ms * MONOTIME_MS);
    }
    /* No client keeps a place for longer than a minute. */
    assert_int_equal(node_deadline_ns(now_ns, now_ns + 61 * MONOTIME_S), now_ns + 60 * MONOTIME_S);
    assert_int_equal(node_deadline_ns(now_ns, now_ns + UINT32_MAX * MONOTIME_MS),
                     now_ns + 60 * MONOTIME_S);
    assert_int_equal(node_deadline_ns(now_ns, RPC_FOREVER_NS - 1), now_ns + 60 * MONOTIME_S);
    /* Too short for an answer, and over already: at once. */
    assert_int_equal(node_deadline_ns(now_ns, now_ns + 4 * MONOTIME_MS), now_ns);
    assert_int_equal(node_deadline_ns(now_ns, now_ns - 1), now_ns);
    assert_int_equal(node_deadline_ns(now_ns, RPC_FOREVER_NS), now_ns + 10 * MONOTIME_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deadlines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
