/* planted_test.c -- each planted bug of this room is there when it is switched on, and only then.
 */
#include "kv_help.h"

#include "base/planted.h"

enum planted planted_bug = PLANTED_NONE;

static struct machine *machine_of(uint64_t hash_seed)
{
    const struct machine_limits limits = {2, 1 << 20, 4096, 8};
    struct machine *m = NULL;
    assert_int_equal(machine_open(&limits, 1, &m), 0);
    machine_set_hash_seed(m, hash_seed);
    return m;
}

static void run(struct machine *m, struct command c)
{
    struct result r = apply(m, c);
    result_fini(&r);
}

/* The value of k after a log that this bug spoils. */
static void assert_spoils(enum planted bug, const struct command *commands, size_t count,
                          const char *good, const char *bad)
{
    for (int planted = 0; planted < 2; planted++) {
        struct machine *m = machine_of(1);
        planted_bug = planted ? bug : PLANTED_NONE;
        for (size_t i = 0; i < count; i++)
            run(m, commands[i]);
        planted_bug = PLANTED_NONE;
        assert_value(m, "k", planted ? bad : good);
        machine_close(m);
    }
}

static void test_last_op_id_loses_an_op(void **state)
{
    (void)state;
    const struct command commands[] = {with_op(append_of("k", "2"), "c", 2, 1, 0),
                                       with_op(append_of("k", "1"), "c", 1, 1, 0)};
    assert_spoils(PLANTED_LAST_OP_ID, commands, 2, "21", "2");
}

static void test_evicted_again_executes_twice(void **state)
{
    (void)state;
    const struct command commands[] = {
        with_op(append_of("k", "x"), "a", 1, 1, 0), with_op(put_of("l", ""), "b", 1, 1, 1),
        with_op(put_of("l", ""), "c", 1, 1, 2), with_op(append_of("k", "x"), "a", 1, 1, 0)};
    assert_spoils(PLANTED_EVICTED_AGAIN, commands, 4, "x", "xx");
}

static void test_floor_ignored_executes_twice(void **state)
{
    (void)state;
    const struct command commands[] = {with_op(append_of("k", "x"), "c", 1, 1, 0),
                                       with_op(append_of("k", "y"), "c", 2, 2, 0),
                                       with_op(append_of("k", "x"), "c", 1, 1, 0)};
    assert_spoils(PLANTED_FLOOR_IGNORED, commands, 3, "xy", "xyx");
}

/* Two seeds agree, unless the bug makes them differ. */
static bool some_seed_differs(void)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    uint64_t first = 0;
    bool differs = false;
    for (uint64_t seed = 0; seed < 8; seed++) {
        struct machine *m = machine_of(seed);
        for (uint64_t i = 0; i < 12; i++)
            run(m, with_op(put_of("k", "v"), names[i * 5 % 6], i + 1, i + 1, machine_applied(m)));
        if (seed == 0)
            first = machine_hash(m);
        differs = differs || machine_hash(m) != first;
        machine_close(m);
    }
    return differs;
}

static void test_apply_by_hash_depends_on_the_seed(void **state)
{
    (void)state;
    assert_false(some_seed_differs());
    planted_bug = PLANTED_APPLY_BY_HASH;
    assert_true(some_seed_differs());
    planted_bug = PLANTED_NONE;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last_op_id_loses_an_op),
        cmocka_unit_test(test_evicted_again_executes_twice),
        cmocka_unit_test(test_floor_ignored_executes_twice),
        cmocka_unit_test(test_apply_by_hash_depends_on_the_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
