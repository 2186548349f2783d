/* map_test.c -- the ordered map against its naive twin, a sorted array. */
#include "../unit.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/prng.h"
#include "kv/map.h"

#define TWIN_MAX 6000

/* Sorted, and borrowed from the map. */
struct twin {
    struct entry *entries[TWIN_MAX];
    size_t count;
};

static size_t twin_rank(const struct twin *t, struct bytes key)
{
    size_t rank = 0;
    while (rank < t->count && bytes_cmp(entry_key(t->entries[rank]), key) < 0)
        rank++;
    return rank;
}

static struct entry *twin_seek(const struct twin *t, struct bytes key)
{
    size_t rank = twin_rank(t, key);
    return rank == t->count ? NULL : t->entries[rank];
}

static struct entry *twin_find(const struct twin *t, struct bytes key)
{
    struct entry *e = twin_seek(t, key);
    return e != NULL && bytes_equal(entry_key(e), key) ? e : NULL;
}

static void twin_insert(struct twin *t, struct entry *e)
{
    size_t rank = twin_rank(t, entry_key(e));
    assert_true(t->count < TWIN_MAX);
    memmove(&t->entries[rank + 1], &t->entries[rank], (t->count - rank) * sizeof(t->entries[0]));
    t->entries[rank] = e;
    t->count++;
}

static void twin_remove(struct twin *t, struct bytes key)
{
    size_t rank = twin_rank(t, key);
    t->count--;
    memmove(&t->entries[rank], &t->entries[rank + 1], (t->count - rank) * sizeof(t->entries[0]));
}

static struct entry *entry_of(struct bytes key)
{
    struct entry *e = NULL;
    assert_int_equal(entry_new(key, (struct bytes){0}, (struct bytes){0}, &e), 0);
    return e;
}

#define RANDOM_KEY_MAX 80

/*
 * 1 to 6 letters out of four, NUL and 0xff among them: many prefixes of one another. Half of them
 * come behind one of two longer beginnings.
 */
static struct bytes random_key(struct prng *p, uint8_t out[RANDOM_KEY_MAX])
{
    static const uint8_t letters[] = {0, 'a', 'b', 0xff};
    static const char *const beginnings[] = {
        "", "", "a beginning, ",
        "a beginning that is longer than what a node of the map knows of its keys, "};
    const char *beginning = beginnings[prng_below(p, 4)];
    size_t begins = strlen(beginning);
    memcpy(out, beginning, begins);
    size_t size = begins + (size_t)prng_between(p, 1, 6);
    for (size_t i = begins; i < size; i++)
        out[i] = letters[prng_below(p, sizeof(letters))];
    return (struct bytes){.data = out, .size = size};
}

static void assert_same(const struct map *m, const struct twin *t)
{
    assert_true(map_is_valid(m));
    assert_int_equal(m->count, t->count);
    for (size_t i = 0; i < t->count; i++)
        assert_ptr_equal(*map_find(m, entry_key(t->entries[i])), t->entries[i]);
}

static void step(struct map *m, struct twin *t, struct prng *p, uint32_t insert_per_million)
{
    uint8_t raw[RANDOM_KEY_MAX];
    struct bytes key = random_key(p, raw);
    struct entry **place = map_find(m, key);
    assert_ptr_equal(place == NULL ? NULL : *place, twin_find(t, key));
    assert_ptr_equal(map_seek(m, key), twin_seek(t, key));
    if (prng_chance(p, insert_per_million)) {
        if (place == NULL) {
            struct entry *e = entry_of(key);
            assert_int_equal(map_insert(m, e), 0);
            twin_insert(t, e);
        }
        return;
    }
    struct entry *removed = map_remove(m, key);
    assert_ptr_equal(removed, twin_find(t, key));
    if (removed != NULL) {
        twin_remove(t, key);
        entry_unref(removed);
    }
}

/* Grow to thousands and shrink to nothing, again and again. */
static void test_random_operations(void **state)
{
    (void)state;
    static struct twin t;
    struct map m = {0};
    struct prng p;
    prng_init(&p, 7);
    for (int phase = 0; phase < 6; phase++) {
        for (int i = 0; i < 6000; i++) {
            step(&m, &t, &p, phase % 2 == 0 ? 850000 : 100000);
            if (i % 500 == 0)
                assert_same(&m, &t);
        }
        assert_same(&m, &t);
    }
    map_fini(&m);
    t.count = 0;
    assert_int_equal(mem_outstanding(), 0);
}

static struct entry *numbered(unsigned i)
{
    char key[16];
    snprintf(key, sizeof(key), "k%06u", i);
    return entry_of(bytes_of(key));
}

static void fill(struct map *m, unsigned count, bool ascending)
{
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(map_insert(m, numbered(ascending ? i : count - 1 - i)), 0);
    assert_true(map_is_valid(m));
    assert_int_equal(m->count, count);
}

static void drain(struct map *m, unsigned count, bool ascending)
{
    for (unsigned i = 0; i < count; i++) {
        struct entry *wanted = numbered(ascending ? i : count - 1 - i);
        struct entry *removed = map_remove(m, entry_key(wanted));
        assert_non_null(removed);
        assert_true(bytes_equal(entry_key(removed), entry_key(wanted)));
        entry_unref(removed);
        entry_unref(wanted);
        if (i % 97 == 0)
            assert_true(map_is_valid(m));
    }
    assert_int_equal(m->count, 0);
    assert_null(m->root);
}

static void test_ascending_and_descending(void **state)
{
    (void)state;
    for (unsigned order = 0; order < 4; order++) {
        struct map m = {0};
        fill(&m, 10000, (order & 1) != 0);
        drain(&m, 10000, (order & 2) != 0);
        assert_int_equal(mem_outstanding(), 0);
    }
}

static void test_seek_walks_in_order(void **state)
{
    (void)state;
    struct map m = {0};
    fill(&m, 3000, false);
    struct entry *e = map_seek(&m, (struct bytes){0});
    for (unsigned i = 0; i < 3000; i++) {
        struct entry *wanted = numbered(i);
        assert_non_null(e);
        assert_true(bytes_equal(entry_key(e), entry_key(wanted)));
        /* What comes right behind a key is that key and a NUL. */
        struct entry *behind = NULL;
        assert_int_equal(entry_new(entry_key(e), (struct bytes){0}, (struct bytes){0}, &behind), 0);
        uint8_t next[16] = {0};
        memcpy(next, behind->data, behind->key_size);
        e = map_seek(&m, (struct bytes){.data = next, .size = (size_t)behind->key_size + 1});
        entry_unref(behind);
        entry_unref(wanted);
    }
    assert_null(e);
    map_fini(&m);
}

static void test_an_empty_map(void **state)
{
    (void)state;
    struct map m = {0};
    assert_null(map_find(&m, bytes_of("k")));
    assert_null(map_seek(&m, bytes_of("k")));
    assert_null(map_remove(&m, bytes_of("k")));
    assert_true(map_is_valid(&m));
    map_fini(&m);
}

static void test_no_memory_leaves_the_rest(void **state)
{
    (void)state;
    struct map m = {0};
    for (unsigned i = 0; i < 4000; i++) {
        struct entry *e = numbered(i * 7919 % 4000);
        mem_fail_after(0);
        int err = map_insert(&m, e);
        mem_fail_after(-1);
        if (err != 0) {
            assert_int_equal(err, ERR_NO_MEMORY);
            assert_int_equal(m.count, i);
            assert_null(map_find(&m, entry_key(e)));
            assert_int_equal(map_insert(&m, e), 0);
        }
        if (i % 100 == 0)
            assert_true(map_is_valid(&m));
    }
    assert_true(map_is_valid(&m));
    map_fini(&m);
    assert_int_equal(mem_outstanding(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_operations),
        cmocka_unit_test(test_ascending_and_descending),
        cmocka_unit_test(test_seek_walks_in_order),
        cmocka_unit_test(test_an_empty_map),
        cmocka_unit_test(test_no_memory_leaves_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
