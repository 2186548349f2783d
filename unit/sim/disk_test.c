/* disk_test.c -- the tables of the simulated disk: sorted, each key once, found again. */
#include "../unit.h"

#include <string.h>

#include "base/be.h"
#include "base/mem.h"
#include "base/prng.h"
#include "disk.h"

#define KEYS 400

static void put(struct disk *d, uint64_t number, const char *value)
{
    uint8_t raw[8];
    be64_store(raw, number);
    disk_put(d, RECORD_TABLE_VOTES, (struct bytes){.data = raw, .size = 8}, bytes_of(value));
}

static void test_against_naive_twin(void **state)
{
    (void)state;
    struct prng prng;
    prng_init(&prng, 3);
    struct disk d = {0};
    const char *twin[KEYS] = {NULL};
    static const char *const values[] = {"", "a", "bb", "cc", "something longer"};
    size_t count = 0;
    for (int step = 0; step < 5000; step++) {
        uint64_t number = prng_below(&prng, KEYS);
        const char *value = values[prng_below(&prng, 5)];
        put(&d, number, value);
        count += twin[number] == NULL;
        twin[number] = value;
    }
    const struct disk_table *t = &d.tables[RECORD_TABLE_VOTES];
    assert_int_equal(t->count, count);
    size_t at = 0;
    for (uint64_t n = 0; n < KEYS; n++) {
        uint8_t raw[8];
        be64_store(raw, n);
        struct bytes key = {.data = raw, .size = 8};
        struct bytes value = {0};
        assert_int_equal(disk_seek(&d, RECORD_TABLE_VOTES, key), at);
        assert_int_equal(disk_get(&d, RECORD_TABLE_VOTES, key, &value), twin[n] != NULL);
        if (twin[n] == NULL)
            continue;
        assert_true(bytes_equal(value, bytes_of(twin[n])));
        assert_true(bytes_equal(disk_row_key(t->rows[at]), key));
        at++;
    }
    disk_fini(&d);
    assert_int_equal(mem_outstanding(), 0);
}

static void test_wiped_is_empty(void **state)
{
    (void)state;
    struct disk d = {0};
    put(&d, 1, "one");
    d.chosen_to = 1;
    d.admitted = true;
    disk_wipe(&d);
    uint8_t raw[8];
    be64_store(raw, 1);
    struct bytes value = {0};
    assert_false(disk_get(&d, RECORD_TABLE_VOTES, (struct bytes){.data = raw, .size = 8}, &value));
    assert_true(d.chosen_to == 0 && !d.admitted);
    disk_fini(&d);
    assert_int_equal(mem_outstanding(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_naive_twin),
        cmocka_unit_test(test_wiped_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
