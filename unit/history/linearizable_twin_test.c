/*
 * linearizable_twin_test.c -- the checker against its naive twin, on thousands of small histories:
 * such as could have happened, and such as were tampered with.
 */
#include "../unit.h"

#include <stdlib.h>

#include "base/mem.h"
#include "generate.h"
#include "history/linearizable.h"

#define OPS_MAX 9

static enum linearizable_verdict naive_says(const struct history *h)
{
    enum linearizable_verdict verdict = LINEARIZABLE_UNDECIDED;
    assert_int_equal(linearizable_naive(h, &verdict), 0);
    return verdict;
}

/* How bad it is: 0 to 2. */
static int gravity(enum linearizable_verdict verdict)
{
    assert_int_not_equal(verdict, LINEARIZABLE_UNDECIDED);
    return verdict == LINEARIZABLE_NO ? 2 : verdict == LINEARIZABLE_AGAINST_REVISIONS;
}

static struct linearizable_report checker_says(const struct history *h)
{
    struct linearizable_report r = {0};
    assert_int_equal(linearizable_check(h, &linearizable_budget_default, &r), 0);
    assert_int_not_equal(r.verdict, LINEARIZABLE_UNDECIDED);
    return r;
}

static struct generate draw_shape(struct prng *prng)
{
    return (struct generate){
        .clients = (uint32_t)prng_between(prng, 1, 5),
        .keys = (uint32_t)prng_between(prng, 1, 2),
        .ops = (uint32_t)prng_between(prng, 1, OPS_MAX),
        .unknown_per_million = prng_below(prng, 3) == 0 ? 0 : 300000,
        .fail_per_million = prng_below(prng, 2) == 0 ? 0 : 150000,
        .told_per_million = (uint32_t)prng_below(prng, 3) * 500000,
        .get_per_million = 400000,
        .append_per_million = (uint32_t)prng_below(prng, 3) * 400000,
        .unique = prng_below(prng, 2) == 0,
        .revisions = prng_below(prng, 2) == 0,
        .coarse_clock = prng_below(prng, 2) == 0,
    };
}

/* One thing in the history is no longer as it happened. It stays valid. */
static void tamper(struct history *h, struct prng *prng)
{
    struct history_op *op = &h->ops[prng_below(prng, h->count)];
    const struct history_op *other = &h->ops[prng_below(prng, h->count)];
    const struct history_op before = *op;
    switch (prng_below(prng, 12)) {
    case 0:
        op->answer.output = other->answer.has_output ? other->answer.output : other->call.value;
        op->answer.has_output = true;
        op->answer.found = true;
        break;
    case 1:
        op->answer.found = !op->answer.found;
        op->answer.has_output = op->answer.found;
        op->answer.output = op->answer.found ? other->call.value : (struct bytes){0};
        break;
    case 2:
        op->answer.applied = !op->answer.applied;
        break;
    case 3:
        op->answer.outcome = HISTORY_FAIL;
        break;
    case 4:
        op->call.call_ns = other->call.call_ns;
        break;
    case 5:
        op->answer.return_ns = other->answer.return_ns;
        break;
    case 6:
        op->answer.outcome = HISTORY_OK;
        break;
    case 7:
    case 8:
    case 9:
        op->answer.revision = prng_below(prng, 10);
        break;
    default:
        op->answer.revision = other->answer.revision;
        break;
    }
    if (!history_op_is_valid(op))
        *op = before;
}

static int cmp_answers(const void *a, const void *b)
{
    const struct history_op *x = *(const struct history_op *const *)a;
    const struct history_op *y = *(const struct history_op *const *)b;
    if (x->answer.return_ns != y->answer.return_ns)
        return x->answer.return_ns < y->answer.return_ns ? -1 : 1;
    return (x > y) - (x < y);
}

/* What was known of `key` when its first `answers` answers were there. */
static void make_part(struct history *part, const struct history *h, struct bytes key,
                      size_t answers, size_t *out_last)
{
    const struct history_op *by_return[OPS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < h->count; i++) {
        if (bytes_equal(h->ops[i].call.key, key) && h->ops[i].answer.outcome == HISTORY_OK)
            by_return[count++] = &h->ops[i];
    }
    qsort(by_return, count, sizeof(by_return[0]), cmp_answers);
    assert_true(answers <= count);
    for (size_t i = 0; i < h->count; i++) {
        struct history_op op = h->ops[i];
        if (!bytes_equal(op.call.key, key))
            continue;
        size_t place = 0;
        while (place < count && by_return[place] != &h->ops[i])
            place++;
        if (place >= answers && op.answer.outcome == HISTORY_OK)
            op.answer = (struct history_answer){.return_ns = HISTORY_NEVER};
        assert_int_equal(history_add(part, &op), 0);
    }
    *out_last = answers == 0 ? SIZE_MAX : (size_t)(by_return[answers - 1] - h->ops);
}

/* What the report tells of a failure is so: the answers before op can be explained, op's not. */
static void check_report(const struct history *h, const struct linearizable_report *r)
{
    struct history part;
    size_t last = 0;
    history_init(&part);
    make_part(&part, h, r->key, r->explained, &last);
    assert_true(gravity(naive_says(&part)) < gravity(r->verdict));
    history_fini(&part);
    make_part(&part, h, r->key, r->explained + 1, &last);
    assert_int_equal(naive_says(&part), r->verdict);
    assert_int_equal(last, r->op);
    history_fini(&part);
}

static void test_agrees_with_its_twin(void **state)
{
    (void)state;
    struct prng prng;
    prng_init(&prng, 20240601);
    int said[3] = {0};
    for (int round = 0; round < 16000; round++) {
        struct history h;
        history_init(&h);
        struct generate shape = draw_shape(&prng);
        generate_history(&h, &shape, &prng);
        uint64_t changes = round % 4 == 0 ? 0 : prng_between(&prng, 1, 3);
        for (uint64_t i = 0; i < changes; i++)
            tamper(&h, &prng);
        enum linearizable_verdict expected = naive_says(&h);
        if (changes == 0)
            assert_int_equal(expected, LINEARIZABLE_YES);
        struct linearizable_report r = checker_says(&h);
        assert_int_equal(r.verdict, expected);
        if (expected != LINEARIZABLE_YES)
            check_report(&h, &r);
        said[gravity(expected)]++;
        history_fini(&h);
    }
    print_message("%d yes, %d against revisions, %d no\n", said[0], said[1], said[2]);
    assert_true(said[0] > 2000);
    assert_true(said[1] > 100);
    assert_true(said[2] > 2000);
    assert_int_equal(mem_outstanding(), 0);
}

/* A tight budget may leave a question open; it never changes an answer. */
static void test_a_small_budget_never_lies(void **state)
{
    (void)state;
    struct prng prng;
    prng_init(&prng, 7);
    int undecided = 0;
    for (int round = 0; round < 3000; round++) {
        struct history h;
        history_init(&h);
        struct generate shape = draw_shape(&prng);
        shape.clients = 5;
        shape.ops = OPS_MAX;
        generate_history(&h, &shape, &prng);
        tamper(&h, &prng);
        tamper(&h, &prng);
        const struct linearizable_budget budget = {
            .steps_max = prng_below(&prng, 40),
            .memory_max = prng_below(&prng, 2) == 0 ? 3000 : 1024 * 1024,
        };
        struct linearizable_report r = {0};
        assert_int_equal(linearizable_check(&h, &budget, &r), 0);
        undecided += r.verdict == LINEARIZABLE_UNDECIDED;
        if (r.verdict == LINEARIZABLE_AGAINST_REVISIONS)
            assert_int_not_equal(naive_says(&h), LINEARIZABLE_YES);
        else if (r.verdict != LINEARIZABLE_UNDECIDED)
            assert_int_equal(r.verdict, naive_says(&h));
        history_fini(&h);
    }
    assert_true(undecided > 50);
    assert_true(undecided < 2500);
}

static void test_without_memory(void **state)
{
    (void)state;
    struct prng prng;
    prng_init(&prng, 3);
    struct history h;
    history_init(&h);
    struct generate shape = {.clients = 4,
                             .keys = 2,
                             .ops = OPS_MAX,
                             .unknown_per_million = 200000,
                             .told_per_million = 500000,
                             .get_per_million = 300000,
                             .append_per_million = 300000};
    generate_history(&h, &shape, &prng);
    while (naive_says(&h) != LINEARIZABLE_NO)
        tamper(&h, &prng);
    long held = mem_outstanding();
    int err = ERR_NO_MEMORY;
    long failures = 0;
    for (long at = 0; err != 0; at++) {
        struct linearizable_report r = {0};
        mem_fail_after(at);
        err = linearizable_check(&h, &linearizable_budget_default, &r);
        mem_fail_after(-1);
        assert_int_equal(mem_outstanding(), held);
        assert_int_equal(r.verdict, err == 0 ? LINEARIZABLE_NO : 0);
        if (err != 0)
            assert_int_equal(err, ERR_NO_MEMORY);
        failures += err != 0;
    }
    assert_true(failures > 20);
    err = ERR_NO_MEMORY;
    failures = 0;
    for (long at = 0; err != 0; at++) {
        enum linearizable_verdict verdict = LINEARIZABLE_NO;
        mem_fail_after(at);
        err = linearizable_naive(&h, &verdict);
        mem_fail_after(-1);
        assert_int_equal(mem_outstanding(), held);
        failures += err != 0;
    }
    assert_true(failures > 0);
    history_fini(&h);
    assert_int_equal(mem_outstanding(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agrees_with_its_twin),
        cmocka_unit_test(test_a_small_budget_never_lies),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
