/* memory_test.c -- every allocation of every entry point of the machine fails once. */
#include "kv_help.h"

#include "base/mem.h"
#include "random_ops.h"

#define SLOTS 60

static struct random_batch batches[SLOTS];

static void make_log(void)
{
    struct prng p;
    prng_init(&p, 3);
    for (uint64_t i = 0; i < SLOTS; i++)
        random_batch(&p, i, &batches[i]);
}

static void drop_log(void)
{
    for (size_t i = 0; i < SLOTS; i++)
        buf_fini(&batches[i].bytes);
}

/* With the first `slots` slots applied. */
static struct machine *machine_at(size_t slots)
{
    struct machine *m = NULL;
    assert_int_equal(machine_open(&random_limits, 1, &m), 0);
    for (size_t i = 0; i < slots; i++)
        assert_int_equal(machine_apply(m, i + 1, buf_bytes(&batches[i].bytes), NULL), 0);
    return m;
}

static void test_open(void **state)
{
    (void)state;
    struct machine *m = NULL;
    mem_fail_after(0);
    assert_int_equal(machine_open(&random_limits, 1, &m), ERR_NO_MEMORY);
    mem_fail_after(-1);
    assert_null(m);
    assert_int_equal(mem_outstanding(), 0);
}

static void test_apply(void **state)
{
    (void)state;
    make_log();
    long before = mem_outstanding();
    long failures = 0;
    for (size_t slots = 0; slots < SLOTS; slots++)
        for (long fail = 0, err = ERR_NO_MEMORY; err != 0; fail++) {
            struct machine *m = machine_at(slots);
            struct result r[RANDOM_BATCH_MAX];
            struct result *results = fail % 2 == 0 ? r : NULL;
            mem_fail_after(fail);
            err = machine_apply(m, slots + 1, buf_bytes(&batches[slots].bytes), results);
            mem_fail_after(-1);
            assert_true(err == 0 || err == ERR_NO_MEMORY);
            failures += err != 0;
            for (uint32_t i = 0; err == 0 && results != NULL && i < batches[slots].count; i++)
                result_fini(&r[i]);
            machine_close(m);
            assert_int_equal(mem_outstanding(), before);
        }
    assert_true(failures > SLOTS);
    drop_log();
    assert_int_equal(mem_outstanding(), 0);
}

static void test_freeze_changes_nothing(void **state)
{
    (void)state;
    make_log();
    struct machine *m = machine_at(SLOTS);
    uint64_t hash = machine_hash(m);
    uint64_t dirty = machine_dirty_bytes(m);
    long before = mem_outstanding();
    struct checkpoint *c = NULL;
    for (long fail = 0; c == NULL; fail++) {
        mem_fail_after(fail);
        int err = machine_freeze(m, &c);
        mem_fail_after(-1);
        assert_int_equal(err, c == NULL ? ERR_NO_MEMORY : 0);
        if (c == NULL) {
            assert_true(fail < 10);
            assert_int_equal(mem_outstanding(), before);
            assert_true(machine_dirty_bytes(m) == dirty);
        }
        assert_true(machine_hash(m) == hash);
    }
    /* Nothing was lost to the attempts that failed. */
    struct shelf s = {0};
    struct machine *copy = NULL;
    shelf_fold(&s, c);
    assert_int_equal(shelf_restore(&s, &random_limits, 0, &copy), 0);
    machine_close(copy);
    shelf_fini(&s);
    checkpoint_free(c);
    machine_close(m);
    drop_log();
    assert_int_equal(mem_outstanding(), 0);
}

static void test_restore(void **state)
{
    (void)state;
    make_log();
    struct machine *m = machine_at(SLOTS);
    struct shelf s = {0};
    shelf_freeze(&s, m);
    machine_close(m);
    long before = mem_outstanding();
    long fail = 0;
    for (m = NULL; m == NULL; fail++) {
        mem_fail_after(fail);
        int err = shelf_restore(&s, &random_limits, 0, &m);
        mem_fail_after(-1);
        assert_int_equal(err, m == NULL ? ERR_NO_MEMORY : 0);
        if (m == NULL)
            assert_int_equal(mem_outstanding(), before);
    }
    assert_true(fail > 10);
    machine_close(m);
    shelf_fini(&s);
    drop_log();
    assert_int_equal(mem_outstanding(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_apply),
        cmocka_unit_test(test_freeze_changes_nothing),
        cmocka_unit_test(test_restore),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
