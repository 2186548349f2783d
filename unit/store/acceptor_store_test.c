/* acceptor_store_test.c -- promises and votes on a disk: what was committed is there. */
#include "fixture.h"

#include <pthread.h>

#include "base/mem.h"

/* Slots 250..300: votes, every tenth learnt with another value; two peers; admitted. */
static void fill_mixed(struct acceptor_store *s)
{
    struct store_error error;
    struct durable records[120];
    size_t n = 0;
    for (uint64_t slot = 250; slot <= 300; slot++) {
        records[n++] = fixture_vote(slot, fixture_batch(slot, 20));
        if (slot % 10 == 0)
            records[n++] = fixture_learnt(slot, fixture_batch(500 + slot, 10));
    }
    records[n++] = (struct durable){.kind = DURABLE_PEER, .peer = 2, .disk_id = {2}};
    records[n++] = (struct durable){.kind = DURABLE_PEER, .peer = 3, .disk_id = {3}};
    records[n++] = (struct durable){.kind = DURABLE_ADMITTED};
    records[n++] = fixture_chosen_to(290);
    assert_int_equal(fixture_commit(s, records, n, &error), 0);
}

static void test_what_was_committed_is_loaded(void **state)
{
    (void)state;
    struct store_error error;
    struct acceptor_store *s = fixture_open(fixture_dir);
    fill_mixed(s);
    acceptor_store_close(s);

    s = fixture_open(fixture_dir);
    assert_true(acceptor_store_admitted(s));
    assert_int_equal(acceptor_store_chosen_to(s), 290);
    struct fixture_seen seen = {.fail_after = -1};
    assert_int_equal(acceptor_store_load(s, 0, fixture_see, &seen, &error), 0);
    assert_int_equal(seen.votes, 51);
    assert_int_equal(seen.learnt, 6);
    assert_int_equal(seen.peers, 2);
    assert_int_equal(seen.admitted, 1);
    assert_int_equal(seen.chosen_to, 290);
    seen = (struct fixture_seen){.fail_after = -1};
    assert_int_equal(acceptor_store_load(s, 255, fixture_see, &seen, &error), 0);
    assert_int_equal(seen.votes, 45);
    assert_int_equal(seen.slot_min, 256);
    assert_int_equal(seen.learnt, 5);
    for (int i = 0; i < 61; i++) {
        seen = (struct fixture_seen){.fail_after = i};
        int err = acceptor_store_load(s, 0, fixture_see, &seen, &error);
        assert_int_equal(err, ERR_CORRUPT);
        fixture_assert_says(&error, "does not fit the others");
    }
    acceptor_store_close(s);
}

static uint64_t read_count(struct acceptor_store *s, uint64_t from, uint64_t to, uint64_t bytes_max)
{
    struct store_error error;
    struct fixture_chosen c = {.next = from, .fail_after = -1};
    assert_int_equal(
        acceptor_store_read_chosen(s, from, to, bytes_max, fixture_see_chosen, &c, &error), 0);
    return c.count;
}

static void test_chosen_values_are_read(void **state)
{
    (void)state;
    struct store_error error;
    struct acceptor_store *s = fixture_open(fixture_dir);
    fill_mixed(s);
    assert_int_equal(read_count(s, 250, 290, UINT64_MAX), 41);
    assert_int_equal(read_count(s, 250, 300, UINT64_MAX), 41); /* Chosen up to 290 only. */
    assert_int_equal(read_count(s, 255, 257, UINT64_MAX), 3);
    assert_int_equal(read_count(s, 257, 255, UINT64_MAX), 0);
    assert_int_equal(read_count(s, 291, 300, UINT64_MAX), 0);
    assert_int_equal(read_count(s, 250, 290, 0), 1); /* The first one always comes. */
    assert_true(read_count(s, 250, 290, 300) < 10);

    struct fixture_chosen c = {.next = 250, .fail_after = 3};
    assert_int_equal(acceptor_store_read_chosen(s, 250, 290, 9999, fixture_see_chosen, &c, &error),
                     ERR_CLOSED);
    c = (struct fixture_chosen){.next = 249, .fail_after = -1};
    assert_int_equal(acceptor_store_read_chosen(s, 249, 290, 9999, fixture_see_chosen, &c, &error),
                     ERR_CORRUPT);
    fixture_assert_says(&error, "slot 249 is chosen, but its value is missing");

    /* A promise is no vote. */
    struct durable records[] = {fixture_vote(301, NULL), fixture_chosen_to(301)};
    assert_int_equal(fixture_commit(s, records, 2, &error), 0);
    c = (struct fixture_chosen){.next = 301, .fail_after = -1};
    assert_int_equal(acceptor_store_read_chosen(s, 301, 301, 9999, fixture_see_chosen, &c, &error),
                     ERR_CORRUPT);
    acceptor_store_close(s);
}

static void test_one_slot_is_read(void **state)
{
    (void)state;
    struct store_error error;
    struct acceptor_store *s = fixture_open(fixture_dir);
    fill_mixed(s);
    struct acceptor_store_slot slot;
    assert_int_equal(acceptor_store_read_slot(s, 280, &slot, &error), 0);
    assert_true(slot.has_vote && slot.has_learnt && slot.is_chosen);
    assert_int_equal(slot.vote.value->tag.sequence, 280);
    assert_int_equal(slot.learnt.value->tag.sequence, 780);
    acceptor_store_slot_fini(&slot);
    assert_int_equal(acceptor_store_read_slot(s, 291, &slot, &error), 0);
    assert_true(slot.has_vote && !slot.has_learnt && !slot.is_chosen);
    acceptor_store_slot_fini(&slot);
    assert_int_equal(acceptor_store_read_slot(s, 9999, &slot, &error), 0);
    assert_false(slot.has_vote || slot.has_learnt || slot.is_chosen);
    acceptor_store_slot_fini(&slot);
    acceptor_store_close(s);
}

static void test_a_later_record_replaces_an_earlier_one(void **state)
{
    (void)state;
    struct store_error error;
    struct acceptor_store *s = fixture_open(fixture_dir);
    /* Large values in one transaction: LMDB takes pages and gives them back. */
    for (int round = 0; round < 5; round++) {
        struct durable records[] = {
            fixture_vote(7, fixture_batch(1, 1000000)), fixture_vote(7, fixture_batch(2, 100)),
            fixture_vote(7, fixture_batch(3, 900000)), fixture_vote(7, NULL)};
        assert_int_equal(fixture_commit(s, records, 4, &error), 0);
        struct acceptor_store_slot slot;
        assert_int_equal(acceptor_store_read_slot(s, 7, &slot, &error), 0);
        assert_true(slot.has_vote);
        assert_null(slot.vote.value);
        acceptor_store_slot_fini(&slot);
        acceptor_store_close(s);
        s = fixture_open(fixture_dir); /* The file is never found too short. */
    }
    struct store_usage usage;
    acceptor_store_get_usage(s, &usage);
    assert_true(usage.used_bytes > 0 && usage.used_bytes < UINT64_C(8) << 20);
    assert_int_equal(usage.map_size_bytes, UINT64_C(64) << 20);
    acceptor_store_close(s);
}

struct reading {
    struct acceptor_store *store;
    uint64_t last;
    uint64_t rounds;
};

static int see_any(void *context, uint64_t slot, struct value *v)
{
    (void)context;
    return v->tag.sequence == slot ? 0 : ERR_INVALID;
}

/* Everything up to chosen_to can be read as soon as chosen_to says so. NULL: all was well. */
static void *read_along(void *context)
{
    struct reading *r = context;
    struct store_error error;
    uint64_t chosen_to = 0;
    while (chosen_to < r->last) {
        chosen_to = acceptor_store_chosen_to(r->store);
        uint64_t from = chosen_to > 20 ? chosen_to - 20 : 1;
        if (acceptor_store_read_chosen(r->store, from, chosen_to, UINT64_MAX, see_any, NULL,
                                       &error) != 0)
            return r;
        r->rounds++;
    }
    return NULL;
}

static void test_others_read_while_one_commits(void **state)
{
    (void)state;
    struct acceptor_store *s = fixture_open(fixture_dir);
    struct reading readings[2];
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        readings[i] = (struct reading){.store = s, .last = 300};
        assert_int_equal(pthread_create(&threads[i], NULL, read_along, &readings[i]), 0);
    }
    fixture_fill(s, 300, 200);
    for (int i = 0; i < 2; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
        assert_true(readings[i].rounds > 0);
    }
    acceptor_store_close(s);
}

/* ---- Without memory --------------------------------------------------------------------- */

static int everything(void)
{
    struct acceptor_store_options options = fixture_options(fixture_dir);
    struct store_error error;
    struct acceptor_store *s = NULL;
    struct durable vote = fixture_vote(9, value_noop());
    struct fixture_seen seen = {.fail_after = -1};
    struct acceptor_store_slot slot;
    int err = acceptor_store_open(&options, &s, &error);
    if (err == 0)
        err = acceptor_store_commit(s, &vote, 1, &error);
    if (err == 0)
        err = acceptor_store_merge(s, UINT64_MAX, &error);
    if (err == 0)
        err = acceptor_store_load(s, 0, fixture_see, &seen, &error);
    if (err == 0) {
        err = acceptor_store_read_slot(s, 1, &slot, &error);
        if (err == 0)
            acceptor_store_slot_fini(&slot);
    }
    acceptor_store_close(s);
    return err;
}

static void test_every_allocation_fails_once(void **state)
{
    (void)state;
    struct acceptor_store *s = fixture_open(fixture_dir);
    fixture_fill(s, 3, 30);
    acceptor_store_close(s);
    int err = ERR_NO_MEMORY;
    long fail = 0;
    for (; err != 0; fail++) {
        mem_fail_after(fail);
        err = everything();
        mem_fail_after(-1);
        assert_true(err == 0 || err == ERR_NO_MEMORY);
        assert_int_equal(mem_outstanding(), 0);
    }
    assert_true(fail > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_what_was_committed_is_loaded),
        FIXTURE_TEST(test_chosen_values_are_read),
        FIXTURE_TEST(test_one_slot_is_read),
        FIXTURE_TEST(test_a_later_record_replaces_an_earlier_one),
        FIXTURE_TEST(test_others_read_while_one_commits),
        FIXTURE_TEST(test_every_allocation_fails_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
