/* verify_test.c -- what --verify finds, and what it leaves alone. */
#include "fixture.h"

#include <string.h>

#include "base/mem.h"
#include "store/verify.h"

/* Slots 1..20 chosen, slot 21 promised, slot 5 learnt; two keys, one session. */
static int setup(void **state)
{
    assert_int_equal(fixture_setup(state), 0);
    struct store_error error;
    struct acceptor_store *s = fixture_open(fixture_dir);
    fixture_fill(s, 20, 30);
    struct durable records[] = {fixture_vote(21, NULL), fixture_learnt(5, fixture_batch(99, 5))};
    assert_int_equal(fixture_commit(s, records, 2, &error), 0);

    struct state_store *t = fixture_open_state(s);
    struct checkpoint_key keys[] = {{.key = bytes_of("key-1")}, {.key = bytes_of("key-2")}};
    struct checkpoint_session session = {.client_id = bytes_of("client"),
                                         .session = bytes_of("opaque")};
    struct checkpoint c = {
        .head = {.applied = 20, .revision = 20, .keys = 2, .clients = 1},
        .keys = keys,
        .keys_count = 2,
        .sessions = &session,
        .sessions_count = 1,
    };
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            entry_new(keys[i].key, bytes_of("content"), (struct bytes){0}, &keys[i].entry), 0);
        entry_seal(keys[i].entry, 1, 2, 2);
    }
    assert_int_equal(fixture_write(t, &c, &error), 0);
    entry_unref(keys[0].entry);
    entry_unref(keys[1].entry);
    state_store_close(t);
    acceptor_store_close(s);
    return 0;
}

struct lines {
    int count;
    char text[8][512];
};

static void on_bad(void *context, const char *line)
{
    struct lines *l = context;
    assert_true(l->count < 8);
    assert_true(strlen(line) < sizeof(l->text[0]));
    memcpy(l->text[l->count++], line, strlen(line) + 1);
}

static struct store_verify_report verify(struct lines *out_lines)
{
    struct store_error error;
    struct store_verify_report report;
    *out_lines = (struct lines){0};
    if (store_verify(fixture_dir, on_bad, out_lines, &report, &error) != 0)
        fail_msg("cannot verify: %s", error.text);
    assert_int_equal(report.bad, out_lines->count);
    return report;
}

static void assert_finds(const char *first, const char *second)
{
    struct lines lines;
    verify(&lines);
    assert_int_equal(lines.count, (first != NULL) + (second != NULL));
    if (first != NULL)
        assert_non_null(strstr(lines.text[0], first));
    if (second != NULL)
        assert_non_null(strstr(lines.text[1], second));
}

static void test_nothing_to_find(void **state)
{
    (void)state;
    struct lines lines;
    struct store_verify_report report = verify(&lines);
    assert_int_equal(report.bad, 0);
    assert_int_equal(report.records[RECORD_TABLE_META], 4); /* identity, boot, chosen_to, journal */
    assert_int_equal(report.records[RECORD_TABLE_VOTES], 21);
    assert_int_equal(report.records[RECORD_TABLE_LEARNT], 1);
    assert_int_equal(report.records[RECORD_TABLE_STATE], 2);
    assert_int_equal(report.records[RECORD_TABLE_KEYS], 2);
    assert_int_equal(report.records[RECORD_TABLE_SESSIONS], 1);

    /* It changed nothing: this is the second start, not the third. */
    struct acceptor_store *s = fixture_open(fixture_dir);
    assert_int_equal(acceptor_store_boot(s), 2);
    acceptor_store_close(s);
    assert_finds(NULL, NULL);
}

static void test_each_bad_record_is_named(void **state)
{
    (void)state;
    static const uint8_t tag7[] = {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7};
    static const uint8_t tag9[] = {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9};
    assert_true(fixture_flip(fixture_dir, "acceptor",
                             (struct bytes){.data = tag7, .size = sizeof(tag7)}, 0) > 0);
    assert_finds("acceptor: votes/7 corrupt", NULL);
    assert_true(fixture_flip(fixture_dir, "acceptor",
                             (struct bytes){.data = tag9, .size = sizeof(tag9)}, 11) > 0);
    assert_finds("acceptor: votes/7 corrupt", "acceptor: votes/9 corrupt");
}

static void test_bad_records_of_the_state(void **state)
{
    (void)state;
    assert_true(fixture_flip(fixture_dir, "state", bytes_of("key-2"), 4) > 0);
    assert_true(fixture_flip(fixture_dir, "state", bytes_of("opaque"), 4) > 0);
    assert_finds("state: keys/\"key-6\" corrupt", "state: sessions/\"client\" corrupt");
}

/* Values are missing, though each record that is there is good. */
static void test_holes_in_what_is_chosen(void **state)
{
    (void)state;
    struct store_error error;
    struct acceptor_store *s = fixture_open(fixture_dir);
    struct durable records[] = {fixture_chosen_to(22)};
    assert_int_equal(fixture_commit(s, records, 1, &error), 0);
    acceptor_store_close(s);
    assert_finds("slot 21 is chosen, but its value is missing",
                 "slot 22 is chosen, but its value is missing");
}

static void test_counts_that_the_head_denies(void **state)
{
    (void)state;
    struct store_error error;
    struct acceptor_store *s = fixture_open(fixture_dir);
    struct state_store *t = fixture_open_state(s);
    struct checkpoint c = {.head = {.applied = 21, .keys = 3, .clients = 1}};
    assert_int_equal(fixture_write(t, &c, &error), 0);
    state_store_close(t);
    acceptor_store_close(s);
    assert_finds("2 keys and 1 sessions, which is not what the head says", NULL);
}

static void test_truncated_files(void **state)
{
    (void)state;
    fixture_truncate(fixture_dir, "acceptor", 10000);
    fixture_truncate(fixture_dir, "state", 10000);
    assert_finds("acceptor: the data file is truncated", "state: the data file is truncated");
}

static void test_what_cannot_be_verified(void **state)
{
    (void)state;
    struct lines lines = {0};
    struct store_error error;
    struct store_verify_report report;
    struct acceptor_store *s = fixture_open(fixture_dir);
    assert_int_equal(store_verify(fixture_dir, on_bad, &lines, &report, &error), ERR_BUSY);
    fixture_assert_says(&error, "in use by process");
    acceptor_store_close(s);

    struct temp empty;
    temp_init(&empty);
    assert_int_equal(store_verify(empty.path, on_bad, &lines, &report, &error), ERR_NOT_FOUND);
    fixture_assert_says(&error, "not a data directory");
    temp_fini(&empty);
    assert_int_equal(store_verify("", on_bad, &lines, &report, &error), ERR_INVALID);
    assert_int_equal(lines.count, 0);
}

static void test_every_allocation_fails_once(void **state)
{
    (void)state;
    struct lines lines = {0};
    struct store_error error;
    struct store_verify_report report;
    int err = ERR_NO_MEMORY;
    long fail = 0;
    for (; err != 0; fail++) {
        mem_fail_after(fail);
        err = store_verify(fixture_dir, on_bad, &lines, &report, &error);
        mem_fail_after(-1);
        assert_true(err == 0 || err == ERR_NO_MEMORY);
        assert_int_equal(mem_outstanding(), 0);
    }
    assert_true(fail > 20);
    assert_int_equal(lines.count, 0);
}

#define VERIFY_TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        VERIFY_TEST(test_nothing_to_find),
        VERIFY_TEST(test_each_bad_record_is_named),
        VERIFY_TEST(test_bad_records_of_the_state),
        VERIFY_TEST(test_holes_in_what_is_chosen),
        VERIFY_TEST(test_counts_that_the_head_denies),
        VERIFY_TEST(test_truncated_files),
        VERIFY_TEST(test_what_cannot_be_verified),
        VERIFY_TEST(test_every_allocation_fails_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
