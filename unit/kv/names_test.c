/* names_test.c -- the set of names, and the hash table beneath it, against an array of bools. */
#include "../unit.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/prng.h"
#include "kv/names.h"

#define NAMES_MAX 500

static struct bytes name_of(unsigned i, char out[16])
{
    snprintf(out, 16, "n%u", i);
    return bytes_of(out);
}

static void assert_same(const struct names *n, const bool there[NAMES_MAX])
{
    size_t count = 0;
    uint64_t bytes = 0;
    char raw[16];
    for (unsigned i = 0; i < NAMES_MAX; i++) {
        struct bytes name = name_of(i, raw);
        assert_int_equal(table_find(&n->table, name) != NULL, there[i]);
        count += there[i];
        bytes += there[i] ? name.size : 0;
    }
    assert_int_equal(n->table.count, count);
    assert_int_equal(n->bytes, bytes);

    for (struct list *at = n->all.next; at != &n->all; at = at->next) {
        struct name *name = LIST_ENTRY(at, struct name, link);
        assert_ptr_equal(table_find(&n->table, name_bytes(name)), &name->node);
        count--;
    }
    assert_int_equal(count, 0);
}

static void test_random_operations(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 3; seed++) {
        struct names n;
        struct prng p;
        bool there[NAMES_MAX] = {false};
        names_init(&n);
        n.table.seed = seed;
        prng_init(&p, seed);
        for (int i = 0; i < 5000; i++) {
            unsigned which = (unsigned)prng_below(&p, NAMES_MAX);
            char raw[16];
            struct bytes name = name_of(which, raw);
            if (there[which] || prng_chance(&p, 100000)) {
                names_drop(&n, name); /* At times of one that is not there. */
                there[which] = false;
            } else {
                assert_int_equal(names_add(&n, name), 0);
                there[which] = true;
            }
            if (i % 250 == 0)
                assert_same(&n, there);
        }
        assert_same(&n, there);
        names_clear(&n);
        assert_int_equal(n.table.seed, seed);
        assert_same(&n, (bool[NAMES_MAX]){false});
        assert_int_equal(mem_outstanding(), 0);
    }
}

static void test_no_memory_adds_nothing(void **state)
{
    (void)state;
    struct names n;
    bool there[NAMES_MAX] = {false};
    names_init(&n);
    for (unsigned i = 0; i < 40; i++) {
        char raw[16];
        struct bytes name = name_of(i, raw);
        for (long fail = 0;; fail++) {
            mem_fail_after(fail);
            int err = names_add(&n, name);
            mem_fail_after(-1);
            if (err == 0)
                break;
            assert_int_equal(err, ERR_NO_MEMORY);
            assert_same(&n, there);
        }
        there[i] = true;
    }
    assert_same(&n, there);
    names_clear(&n);
    assert_int_equal(mem_outstanding(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_operations),
        cmocka_unit_test(test_no_memory_adds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
