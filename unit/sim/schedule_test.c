/* schedule_test.c -- tasks come in the order of their time, and of being added. */
#include "../unit.h"

#include "base/mem.h"
#include "base/prng.h"
#include "schedule.h"

static void test_order(void **state)
{
    (void)state;
    struct prng prng;
    prng_init(&prng, 7);
    struct schedule s = {0};
    assert_true(schedule_next_ns(&s) == UINT64_MAX);
    uint64_t now = 0;
    uint64_t last_order = 0;
    for (int step = 0; step < 50000; step++) {
        if (s.count < 300 && prng_chance(&prng, 550000)) {
            schedule_add(&s, (struct task){.at_ns = now + prng_below(&prng, 20)});
            continue;
        }
        if (s.count == 0)
            continue;
        uint64_t next = schedule_next_ns(&s);
        struct task t = schedule_take(&s);
        assert_true(t.at_ns == next);
        assert_true(t.at_ns >= now);
        /* Of one time: whoever was added first. */
        assert_true(t.at_ns > now || step == 0 || t.order > last_order || last_order == 0);
        if (t.at_ns > now)
            last_order = 0;
        now = t.at_ns;
        last_order = t.order;
    }
    schedule_fini(&s);
    assert_int_equal(mem_outstanding(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
