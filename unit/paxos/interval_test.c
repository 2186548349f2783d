/* interval_test.c -- runs of slots, against a twin that looks at each slot. */
#include "../unit.h"

#include "base/prng.h"
#include "paxos/interval.h"

static struct interval draw(struct prng *p)
{
    struct interval i = {.first = prng_between(p, 1, 60),
                         .stride = (uint32_t)prng_between(p, 1, 5)};
    i.last = i.first + prng_below(p, 12) * i.stride;
    return i;
}

static void clipping_keeps_what_lies_between(void **state)
{
    (void)state;
    struct prng p;
    prng_init(&p, 1);
    for (int n = 0; n < 20000; n++) {
        struct interval i = draw(&p);
        uint64_t from = prng_below(&p, 130);
        uint64_t to = prng_below(&p, 130);
        struct interval part = interval_clip(i, from, to);
        assert_true(interval_is_none(part) || interval_is_valid(part));
        for (uint64_t s = 0; s < 140; s++)
            assert_int_equal(interval_has(part, s), interval_has(i, s) && s >= from && s <= to);
    }
}

static void blocks_hold_all_of_it(void **state)
{
    (void)state;
    struct interval i = {.first = 4000, .last = 4000 + 7 * 3000, .stride = 7};
    uint64_t next = i.first;
    while (!interval_is_none(i)) {
        struct interval part = interval_take_block(&i);
        assert_true(interval_is_valid(part) && interval_in_block(part));
        assert_int_equal(part.first, next);
        next = part.last + 7;
    }
    assert_int_equal(next, 4000 + 7 * 3001);
}

static void a_run_grows_by_its_next_slot_only(void **state)
{
    (void)state;
    struct interval run = {0};
    assert_true(interval_extend(&run, 10, 3));
    assert_int_equal(interval_count(run), 1);
    assert_false(interval_extend(&run, 12, 3));
    assert_false(interval_extend(&run, 10, 3));
    assert_false(interval_extend(&run, 13, 2));
    assert_true(interval_extend(&run, 13, 3));
    assert_int_equal(run.first, 10);
    assert_int_equal(run.last, 13);
}

/* Who gets a longer one in a message refuses the message. */
static void a_run_ends_where_a_message_would_refuse_it(void **state)
{
    (void)state;
    for (uint32_t stride = 1; stride <= 9; stride += 2) {
        struct interval run = {0};
        uint64_t slot = 1000;
        while (interval_extend(&run, slot, stride))
            slot += stride;
        assert_true(run.last - run.first < INTERVAL_SPAN_MAX);
        assert_true(slot - run.first >= INTERVAL_SPAN_MAX);
    }
}

static void runs_that_end_are_handed_out(void **state)
{
    (void)state;
    static const uint64_t slots[] = {2, 5, 8, 9, 15, 18};
    struct interval run = {0};
    struct interval ended[6];
    for (size_t i = 0; i < 6; i++)
        ended[i] = interval_push(&run, slots[i], 3);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(interval_is_none(ended[i]), i != 3 && i != 4);
    assert_int_equal(ended[3].first, 2);
    assert_int_equal(ended[3].last, 8);
    assert_int_equal(ended[4].first, 9);
    assert_int_equal(interval_count(ended[4]), 1);
    assert_int_equal(run.first, 15);
    assert_int_equal(run.last, 18);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clipping_keeps_what_lies_between),
        cmocka_unit_test(blocks_hold_all_of_it),
        cmocka_unit_test(a_run_grows_by_its_next_slot_only),
        cmocka_unit_test(a_run_ends_where_a_message_would_refuse_it),
        cmocka_unit_test(runs_that_end_are_handed_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
