/* later_test.c -- what is delayed comes in order of time, within its bounds, and is never leaked.
 */
#include "../unit.h"

#include "base/list.h"
#include "base/mem.h"
#include "node/later.h"

struct parcel {
    struct later_item item;
    int number;
};

struct taken {
    int numbers[8];
    size_t count;
    size_t lost;
};

static void on_due(struct later_item *item, void *owner, bool lost)
{
    struct taken *t = owner;
    struct parcel *p = LIST_ENTRY(item, struct parcel, item);
    if (lost)
        t->lost++;
    else
        t->numbers[t->count++] = p->number;
}

static void test_order_of_time(void **state)
{
    (void)state;
    struct later later = {0};
    struct taken taken = {0};
    struct parcel parcels[3];
    static const uint64_t due_ns[] = {30, 10, 20};
    assert_true(later_next_ns(&later) == UINT64_MAX);
    for (int i = 0; i < 3; i++) {
        parcels[i] = (struct parcel){.item = {.size = 5, .run = on_due}, .number = i};
        assert_int_equal(later_add(&later, &parcels[i].item, due_ns[i]), 0);
    }
    assert_int_equal(later_next_ns(&later), 10);
    later_run(&later, 9, &taken);
    assert_int_equal(taken.count, 0);
    later_run(&later, 20, &taken);
    assert_int_equal(taken.count, 2);
    assert_int_equal(taken.numbers[0], 1);
    assert_int_equal(taken.numbers[1], 2);
    later_fini(&later, &taken);
    assert_int_equal(taken.lost, 1);
    assert_int_equal(later.bytes, 0);
    assert_int_equal(mem_outstanding(), 0);
}

static void test_bounds(void **state)
{
    (void)state;
    struct later later = {0};
    struct taken taken = {0};
    struct parcel big = {.item = {.size = LATER_BYTES_MAX, .run = on_due}};
    struct parcel small = {.item = {.size = 1, .run = on_due}};
    assert_int_equal(later_add(&later, &big.item, 1), 0);
    assert_int_equal(later_add(&later, &small.item, 1), ERR_FULL);
    later_run(&later, 1, &taken);
    mem_fail_after(0);
    int err = later_add(&later, &small.item, 1);
    mem_fail_after(-1);
    assert_true(err == 0 || err == ERR_NO_MEMORY); /* The heap may have room left. */
    later_fini(&later, &taken);
    assert_int_equal(mem_outstanding(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_of_time),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
