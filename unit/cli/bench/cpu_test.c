/* cpu_test.c -- process ids as people write them, and whose time is counted. */
#include "../../unit.h"

#include <sys/wait.h>
#include <unistd.h>

#include "cli/bench/cpu.h"

static void test_parse(void **state)
{
    (void)state;
    struct cpu_pids p;
    assert_int_equal(cpu_pids_parse("12", &p), 0);
    assert_int_equal(p.count, 1);
    assert_int_equal(p.pids[0], 12);
    assert_int_equal(cpu_pids_parse("1,22,333", &p), 0);
    assert_int_equal(p.count, 3);
    assert_int_equal(p.pids[2], 333);
    static const char *const bad[] = {
        "",
        ",",
        "1,",
        ",1",
        "1,,2",
        "0",
        "-1",
        "x",
        "1x",
        "1 2",
        " 1",
        "4194305",
        "99999999999999999999",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(cpu_pids_parse(bad[i], &p), ERR_INVALID);
    assert_int_equal(p.count, 3);
}

static void test_read(void **state)
{
    (void)state;
    struct cpu_pids p = {.count = 1, .pids = {getpid()}};
    uint64_t before_ns = 0;
    uint64_t after_ns = 0;
    pid_t missing = 0;
    assert_int_equal(cpu_read_ns(&p, &before_ns, &missing), 0);
    while (cpu_own_ns() < before_ns + 20000000)
        continue;
    assert_int_equal(cpu_read_ns(&p, &after_ns, &missing), 0);
    assert_in_range(after_ns - before_ns, 20000000, 2000000000);
}

static void test_a_process_that_ended(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    struct cpu_pids p = {.count = 2, .pids = {getpid(), child}};
    uint64_t ns = 0;
    pid_t missing = 0;
    assert_int_equal(cpu_read_ns(&p, &ns, &missing), ERR_NOT_FOUND);
    assert_int_equal(missing, child);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_a_process_that_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
