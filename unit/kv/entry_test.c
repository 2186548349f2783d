/* entry_test.c -- entries: their content, their count, their hash. */
#include "../unit.h"

#include "base/mem.h"
#include "kv/entry.h"

static struct entry *make(const char *key, const char *head, const char *tail)
{
    struct entry *e = NULL;
    assert_int_equal(entry_new(bytes_of(key), bytes_of(head), bytes_of(tail), &e), 0);
    return e;
}

static uint64_t hash_of(const char *key, const char *value, uint64_t create, uint64_t mod,
                        uint64_t version)
{
    struct entry *e = make(key, value, "");
    entry_seal(e, create, mod, version);
    uint64_t hash = e->hash;
    entry_unref(e);
    return hash;
}

static void test_head_and_tail_make_the_value(void **state)
{
    (void)state;
    struct entry *e = make("key", "head", "tail");
    assert_true(bytes_equal(entry_key(e), bytes_of("key")));
    assert_true(bytes_equal(entry_value(e), bytes_of("headtail")));
    entry_unref(e);

    e = make("key", "", "");
    assert_int_equal(entry_value(e).size, 0);
    entry_unref(e);
    assert_int_equal(mem_outstanding(), 0);
}

static void test_the_last_reference_frees(void **state)
{
    (void)state;
    struct entry *e = make("key", "v", "");
    assert_ptr_equal(entry_ref(e), e);
    entry_unref(e);
    assert_int_equal(mem_outstanding(), 1);
    entry_unref(e);
    assert_int_equal(mem_outstanding(), 0);

    assert_null(entry_ref(NULL));
    entry_unref(NULL);
}

static void test_the_hash_counts_everything(void **state)
{
    (void)state;
    uint64_t hash = hash_of("k", "v", 1, 2, 2);
    assert_true(hash == hash_of("k", "v", 1, 2, 2));
    assert_true(hash != hash_of("kv", "", 1, 2, 2));
    assert_true(hash != hash_of("k", "w", 1, 2, 2));
    assert_true(hash != hash_of("k", "v", 2, 2, 2));
    assert_true(hash != hash_of("k", "v", 1, 3, 2));
    assert_true(hash != hash_of("k", "v", 1, 2, 1));
}

static void test_no_memory(void **state)
{
    (void)state;
    struct entry *e = NULL;
    mem_fail_after(0);
    assert_int_equal(entry_new(bytes_of("k"), bytes_of("v"), bytes_of(""), &e), ERR_NO_MEMORY);
    mem_fail_after(-1);
    assert_null(e);
    assert_int_equal(mem_outstanding(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_head_and_tail_make_the_value),
        cmocka_unit_test(test_the_last_reference_frees),
        cmocka_unit_test(test_the_hash_counts_everything),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
