/* slots_test.c -- the ring of slots: what is forgotten is gone, what is kept stays where it was. */
#include "../unit.h"

#include "base/mem.h"
#include "replica/slots.h"

static struct ballot ballot_of(uint64_t number)
{
    return (struct ballot){.round = number, .node = 1, .boot = 1};
}

static void touch(struct slots *s, uint64_t number)
{
    struct slot *slot = NULL;
    assert_int_equal(slots_get(s, number, &slot), 0);
    slot->acceptor.promised = ballot_of(number);
}

static void check(const struct slots *s, uint64_t first, uint64_t end)
{
    assert_null(slots_find(s, first - 1));
    assert_null(slots_find(s, end));
    for (uint64_t n = first; n < end; n++)
        assert_int_equal(slots_find(s, n)->acceptor.promised.round, n);
}

static void slots_stay_while_the_ring_grows_and_moves(void **state)
{
    (void)state;
    struct slots s;
    slots_init(&s, 250);
    uint64_t end = 250;
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 97; i++)
            touch(&s, end++);
        slots_forget(&s, end - 60 - (uint64_t)round);
        check(&s, end - 59 - (uint64_t)round, end);
    }
    slots_fini(&s);
    assert_int_equal(mem_outstanding(), 0);
}

static void a_slot_far_ahead_leaves_untouched_ones_between(void **state)
{
    (void)state;
    struct slots s;
    slots_init(&s, 1);
    touch(&s, 1000);
    assert_int_equal(slots_find(&s, 999)->acceptor.promised.round, 0);
    assert_int_equal(slots_find(&s, 1)->acceptor.promised.round, 0);
    slots_forget(&s, 5000);
    assert_int_equal(s.first, 5001);
    assert_null(slots_find(&s, 5001));
    touch(&s, 5001);
    check(&s, 5001, 5002);
    slots_fini(&s);
}

static void without_memory(void **state)
{
    (void)state;
    struct slots s;
    slots_init(&s, 1);
    touch(&s, 1);
    struct slot *slot = NULL;
    mem_fail_after(0);
    assert_int_equal(slots_get(&s, 100000, &slot), ERR_NO_MEMORY);
    mem_fail_after(-1);
    assert_null(slot);
    check(&s, 1, 2);
    slots_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_stay_while_the_ring_grows_and_moves),
        cmocka_unit_test(a_slot_far_ahead_leaves_untouched_ones_between),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
