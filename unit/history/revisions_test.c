/* revisions_test.c -- what clients were told of revisions and slots holds together, or not. */
#include "../unit.h"

#include "base/mem.h"
#include "generate.h"
#include "history/revisions.h"

struct told {
    enum history_kind kind;
    uint64_t call_ns;
    uint64_t return_ns;
    uint64_t revision;
    uint64_t slot;
    bool changed;
};

static void make(struct history *h, const struct told *told, size_t count)
{
    history_init(h);
    for (size_t i = 0; i < count; i++) {
        struct history_op op =
            generate_op(told[i].kind, "k", NULL, told[i].call_ns, told[i].return_ns);
        op.answer.revision = told[i].revision;
        op.answer.slot = told[i].slot;
        op.answer.applied = told[i].kind == HISTORY_CAS && told[i].changed;
        op.answer.has_found = true;
        op.answer.found = told[i].kind == HISTORY_DELETE && told[i].changed;
        assert_int_equal(history_add(h, &op), 0);
    }
}

static void assert_finds(const struct told *told, size_t count, enum revisions_fault fault,
                         size_t first, size_t second)
{
    struct history h;
    struct revisions_report r = {.fault = REVISIONS_FINE};
    make(&h, told, count);
    assert_int_equal(revisions_check(&h, &r), 0);
    assert_int_equal(r.fault, fault);
    assert_int_equal(r.first, first);
    assert_int_equal(r.second, second);
    assert_true(revisions_text(r.fault)[0] != '\0');
    history_fini(&h);
    assert_int_equal(mem_outstanding(), 0);
}

#define PUT(call, ret, revision, slot)               \
    {                                                \
        HISTORY_PUT, call, ret, revision, slot, true \
    }
#define COUNT(told) (sizeof(told) / sizeof((told)[0]))

static void test_fine(void **state)
{
    (void)state;
    assert_finds(NULL, 0, REVISIONS_FINE, 0, 0);
    const struct told told[] = {
        PUT(10, 20, 2, 5),
        PUT(11, 20, 1, 5), /* One batch, the other way round. */
        PUT(20, 30, 3, 5), /* Called at the instant of a return. */
        PUT(31, 40, 4, 6),
        PUT(41, 50, 0, 0), /* Told nothing. */
        PUT(51, 60, 9, 0), /* Told no slot. */
        /* What changes nothing has a revision that another has as well. */
        {HISTORY_GET, 61, 70, 4, 6, false},
        {HISTORY_CAS, 61, 70, 4, 6, false},
        {HISTORY_DELETE, 61, 70, 4, 6, false},
        {HISTORY_CAS, 61, 70, 10, 7, true},
        {HISTORY_DELETE, 71, 80, 11, 8, true},
    };
    assert_finds(told, COUNT(told), REVISIONS_FINE, 0, 0);
}

static void test_faults(void **state)
{
    (void)state;
    const struct told shared[] = {PUT(1, 5, 1, 1), PUT(1, 5, 2, 2), PUT(1, 5, 2, 3)};
    assert_finds(shared, COUNT(shared), REVISIONS_SHARED, 1, 2);
    /* Called after it had returned, and yet lower; one in between that overlaps both. */
    const struct told backward[] = {PUT(1, 5, 3, 0), PUT(6, 9, 1, 0), PUT(1, 9, 2, 0)};
    assert_finds(backward, COUNT(backward), REVISIONS_BACKWARD, 1, 0);
    const struct told slots[] = {PUT(1, 5, 1, 7), PUT(1, 5, 2, 0), PUT(1, 5, 3, 6)};
    assert_finds(slots, COUNT(slots), REVISIONS_SLOTS_BACKWARD, 0, 2);
    const struct told slot[] = {PUT(1, 5, 1, 7), PUT(1, 9, 2, 7), PUT(6, 9, 3, 7)};
    assert_finds(slot, COUNT(slot), REVISIONS_SLOT_SHARED, 0, 2);
    const struct told deleted[] = {{HISTORY_DELETE, 1, 5, 3, 0, true}, PUT(1, 5, 3, 0)};
    assert_finds(deleted, COUNT(deleted), REVISIONS_SHARED, 0, 1);
}

static void test_real_histories_are_fine(void **state)
{
    (void)state;
    struct prng prng;
    prng_init(&prng, 5);
    for (int round = 0; round < 50; round++) {
        struct history h;
        history_init(&h);
        const struct generate shape = {
            .clients = 8,
            .keys = 5,
            .ops = 500,
            .unknown_per_million = 50000,
            .told_per_million = 500000,
            .get_per_million = 300000,
            .append_per_million = 300000,
            .revisions = true,
        };
        generate_history(&h, &shape, &prng);
        struct revisions_report r = {.fault = REVISIONS_SHARED};
        assert_int_equal(revisions_check(&h, &r), 0);
        assert_int_equal(r.fault, REVISIONS_FINE);
        history_fini(&h);
    }
}

static void test_without_memory(void **state)
{
    (void)state;
    const struct told told[] = {PUT(1, 5, 1, 7), PUT(1, 9, 2, 7)};
    struct history h;
    struct revisions_report r = {.fault = REVISIONS_FINE};
    make(&h, told, COUNT(told));
    for (long at = 0; at < 3; at++) {
        mem_fail_after(at);
        int err = revisions_check(&h, &r);
        mem_fail_after(-1);
        assert_int_equal(err, at < 2 ? ERR_NO_MEMORY : 0);
    }
    history_fini(&h);
    assert_int_equal(mem_outstanding(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fine),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_real_histories_are_fine),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
