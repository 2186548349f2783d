/*
 * linearizable_load_test.c -- histories of the size that a load test records, and shapes that are
 * hard for a search: what must stay quick stays within a budget of steps, which is the same on
 * every machine.
 */
#include "../unit.h"

#include "base/mem.h"
#include "generate.h"
#include "history/linearizable.h"

static struct linearizable_report check(const struct history *h, uint64_t steps_max)
{
    struct linearizable_report r = {0};
    const struct linearizable_budget budget = {
        .steps_max = steps_max,
        .memory_max = linearizable_budget_default.memory_max,
    };
    assert_int_equal(linearizable_check(h, &budget, &r), 0);
    print_message("%zu ops, %zu keys, %llu steps\n", h->count, r.keys, (unsigned long long)r.steps);
    return r;
}

static void generate(struct history *h, const struct generate *g, uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    history_init(h);
    generate_history(h, g, &prng);
}

/* A get late in the history reads what was overwritten long before: nobody can explain that. */
static size_t plant_stale_read(struct history *h)
{
    size_t early = 0;
    while (h->ops[early].call.kind != HISTORY_PUT || h->ops[early].answer.outcome != HISTORY_OK)
        early++;
    struct bytes key = h->ops[early].call.key;
    size_t late = h->count - 1;
    while (h->ops[late].call.kind != HISTORY_GET || h->ops[late].answer.outcome != HISTORY_OK ||
           !bytes_equal(h->ops[late].call.key, key))
        late--;
    assert_true(late > early);
    h->ops[late].answer.found = true;
    h->ops[late].answer.has_output = true;
    h->ops[late].answer.output = h->ops[early].call.value;
    return late;
}

static void assert_quick(const struct generate *g, uint64_t seed, uint64_t steps_max)
{
    struct history h;
    generate(&h, g, seed);
    struct linearizable_report r = check(&h, steps_max);
    assert_int_equal(r.verdict, LINEARIZABLE_YES);
    assert_true(r.steps <= steps_max);
    size_t stale = plant_stale_read(&h);
    r = check(&h, steps_max);
    assert_int_equal(r.verdict, LINEARIZABLE_NO);
    assert_int_equal(r.op, stale);
    history_fini(&h);
    assert_int_equal(mem_outstanding(), 0);
}

static void test_a_load_test(void **state)
{
    (void)state;
    const struct generate g = {
        .clients = 64,
        .keys = 100,
        .ops = 200000,
        .unknown_per_million = 1000,
        .get_per_million = 500000,
        .append_per_million = 300000,
        .unique = true,
        .revisions = true,
    };
    assert_quick(&g, 1, 5000000);
}

static void test_a_load_test_that_tells_no_revisions(void **state)
{
    (void)state;
    const struct generate g = {
        .clients = 64,
        .keys = 100,
        .ops = 100000,
        .unknown_per_million = 5000,
        .told_per_million = 500000,
        .get_per_million = 500000,
        .append_per_million = 200000,
        .unique = true,
    };
    assert_quick(&g, 2, 5000000);
}

static void test_all_clients_on_one_key(void **state)
{
    (void)state;
    const struct generate g = {
        .clients = 16,
        .keys = 1,
        .ops = 20000,
        .unknown_per_million = 2000,
        .get_per_million = 500000,
        .append_per_million = 200000,
        .unique = true,
        .revisions = true,
    };
    assert_quick(&g, 3, 5000000);
}

/* Nothing bounds the search here but the revisions. */
static void test_many_more_clients_on_one_key(void **state)
{
    (void)state;
    const struct generate g = {
        .clients = 64,
        .keys = 1,
        .ops = 20000,
        .unknown_per_million = 2000,
        .get_per_million = 500000,
        .append_per_million = 200000,
        .revisions = true,
    };
    struct history h;
    generate(&h, &g, 3);
    assert_int_equal(check(&h, 20000000).verdict, LINEARIZABLE_YES);
    history_fini(&h);
}

static void test_one_key_that_only_grows(void **state)
{
    (void)state;
    const struct generate g = {
        .clients = 8,
        .keys = 1,
        .ops = 2000,
        .unknown_per_million = 50000,
        .told_per_million = 500000,
        .get_per_million = 300000,
        .append_per_million = 1000000,
        .unique = true,
    };
    struct history h;
    generate(&h, &g, 4);
    assert_int_equal(check(&h, 5000000).verdict, LINEARIZABLE_YES);
    history_fini(&h);
}

static void test_many_unknown(void **state)
{
    (void)state;
    const struct generate g = {
        .clients = 8,
        .keys = 4,
        .ops = 4000,
        .unknown_per_million = 200000,
        .get_per_million = 400000,
        .append_per_million = 200000,
        .unique = true,
        .revisions = true,
    };
    assert_quick(&g, 5, 5000000);
}

/* What cannot be decided is said to be so, and soon. */
static void test_budget(void **state)
{
    (void)state;
    const struct generate g = {
        .clients = 64,
        .keys = 1,
        .ops = 20000,
        .get_per_million = 500000,
        .unique = true,
    };
    struct history h;
    generate(&h, &g, 6);
    struct linearizable_report r = check(&h, 1000);
    assert_int_equal(r.verdict, LINEARIZABLE_UNDECIDED);
    assert_true(bytes_equal(r.key, h.ops[0].call.key));
    assert_true(r.steps < 2000);
    const struct linearizable_budget no_room = {.steps_max = 100000000, .memory_max = 100000};
    assert_int_equal(linearizable_check(&h, &no_room, &r), 0);
    assert_int_equal(r.verdict, LINEARIZABLE_UNDECIDED);
    history_fini(&h);
    assert_int_equal(mem_outstanding(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_load_test),
        cmocka_unit_test(test_a_load_test_that_tells_no_revisions),
        cmocka_unit_test(test_all_clients_on_one_key),
        cmocka_unit_test(test_many_more_clients_on_one_key),
        cmocka_unit_test(test_one_key_that_only_grows),
        cmocka_unit_test(test_many_unknown),
        cmocka_unit_test(test_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
