/* machine_test.c -- what each command does, and what it says it did. */
#include "kv_help.h"

#include "base/mem.h"

static uint8_t big[VALUE_SIZE_MAX];

static void test_an_empty_machine(void **state)
{
    (void)state;
    struct machine *m = NULL;
    assert_int_equal(machine_open(&machine_limits_default, 250, &m), 0);
    assert_int_equal(machine_applied(m), 249);
    assert_int_equal(machine_revision(m), 0);
    assert_int_equal(machine_evicted_to(m), 0);
    assert_int_equal(machine_keys(m), 0);
    assert_int_equal(machine_clients(m), 0);
    assert_int_equal(machine_bytes(m), 0);
    assert_int_equal(machine_dirty_bytes(m), 0);
    assert_null(machine_get(m, bytes_of("k")));
    assert_null(machine_seek(m, bytes_of("k")));
    machine_close(m);
    machine_close(NULL);
}

static void test_put(void **state)
{
    (void)state;
    struct machine *m = machine_of_defaults();
    struct result r = apply(m, put_of("k", "one"));
    assert_int_equal(r.code, RESULT_OK);
    assert_true(r.applied);
    assert_false(r.found);
    assert_false(r.duplicate);
    assert_false(r.omitted);
    assert_int_equal(r.revision, 1);
    assert_int_equal(r.slot, 1);
    assert_null(r.previous);
    assert_null(r.output);
    result_fini(&r);

    r = apply(m, put_of("k", "two"));
    assert_true(r.applied && r.found);
    assert_int_equal(r.revision, 2);
    assert_int_equal(r.slot, 2);
    assert_null(r.previous);
    result_fini(&r);
    assert_value(m, "k", "two");
    assert_int_equal(machine_keys(m), 1);
    machine_close(m);
}

static void test_revisions_of_an_entry(void **state)
{
    (void)state;
    struct machine *m = machine_of_defaults();
    apply_expect(m, put_of("other", ""), RESULT_OK, true, false);
    apply_expect(m, put_of("k", "a"), RESULT_OK, true, false);
    apply_expect(m, put_of("other", ""), RESULT_OK, true, false);
    apply_expect(m, append_of("k", "b"), RESULT_OK, true, false);
    const struct entry *e = machine_get(m, bytes_of("k"));
    assert_int_equal(e->create_revision, 2);
    assert_int_equal(e->mod_revision, 4);
    assert_int_equal(e->version, 2);

    apply_expect(m, delete_of("k"), RESULT_OK, true, false);
    apply_expect(m, put_of("k", "c"), RESULT_OK, true, false);
    e = machine_get(m, bytes_of("k"));
    assert_int_equal(e->create_revision, 6);
    assert_int_equal(e->mod_revision, 6);
    assert_int_equal(e->version, 1);
    machine_close(m);
}

static void test_append(void **state)
{
    (void)state;
    struct machine *m = machine_of_defaults();
    struct result r = apply(m, append_of("k", "ab"));
    assert_true(r.applied);
    assert_false(r.found);
    assert_entry_value(r.output, "ab");
    assert_null(r.previous);
    result_fini(&r);

    r = apply(m, with_previous(append_of("k", "cd")));
    assert_true(r.applied && r.found);
    assert_entry_value(r.output, "abcd");
    assert_entry_value(r.previous, "ab");
    assert_int_equal(r.revision, 2);
    assert_int_equal(r.output->mod_revision, 2);
    result_fini(&r);

    /* Of nothing: a change like any other. */
    r = apply(m, append_of("k", ""));
    assert_true(r.applied);
    assert_int_equal(r.revision, 3);
    assert_entry_value(r.output, "abcd");
    result_fini(&r);
    machine_close(m);
}

static void test_an_append_that_is_too_large(void **state)
{
    (void)state;
    struct machine *m = machine_of_defaults();
    struct command c = put_of("k", "");
    c.value = (struct bytes){.data = big, .size = VALUE_SIZE_MAX - 1};
    apply_expect(m, c, RESULT_OK, true, false);
    apply_expect(m, append_of("k", "12"), RESULT_TOO_LARGE, false, false);

    struct result r = apply(m, append_of("k", "12"));
    assert_true(r.found);
    assert_int_equal(r.revision, 1);
    assert_null(r.output);
    assert_null(r.previous);
    result_fini(&r);
    r = apply(m, with_previous(append_of("k", "12")));
    assert_int_equal(r.code, RESULT_TOO_LARGE);
    assert_int_equal(entry_value(r.previous).size, VALUE_SIZE_MAX - 1);
    result_fini(&r);
    assert_int_equal(entry_value(machine_get(m, bytes_of("k"))).size, VALUE_SIZE_MAX - 1);

    apply_expect(m, append_of("k", "1"), RESULT_OK, true, false);
    assert_int_equal(entry_value(machine_get(m, bytes_of("k"))).size, VALUE_SIZE_MAX);
    machine_close(m);
}

static void test_delete(void **state)
{
    (void)state;
    struct machine *m = machine_of_defaults();
    struct result r = apply(m, delete_of("k"));
    assert_int_equal(r.code, RESULT_OK);
    assert_false(r.applied);
    assert_false(r.found);
    assert_int_equal(r.revision, 0);
    result_fini(&r);

    apply_expect(m, put_of("k", "v"), RESULT_OK, true, false);
    r = apply(m, with_previous(delete_of("k")));
    assert_true(r.applied && r.found);
    assert_int_equal(r.revision, 2);
    assert_entry_value(r.previous, "v");
    result_fini(&r);
    assert_value(m, "k", NULL);
    assert_int_equal(machine_keys(m), 0);
    assert_int_equal(machine_bytes(m), 0);
    machine_close(m);
}

static void test_compare_and_set(void **state)
{
    (void)state;
    struct machine *m = machine_of_defaults();
    /* On nothing: only "absent" holds. */
    apply_expect(m, cas_value("k", "", "x"), RESULT_OK, false, false);
    apply_expect(m, cas_revision("k", 1, "x"), RESULT_OK, false, false);
    assert_int_equal(machine_revision(m), 0);
    apply_expect(m, cas_absent("k", "a"), RESULT_OK, true, false);
    assert_value(m, "k", "a");

    apply_expect(m, cas_absent("k", "x"), RESULT_OK, false, false);
    apply_expect(m, cas_value("k", "b", "x"), RESULT_OK, false, false);
    apply_expect(m, cas_revision("k", 2, "x"), RESULT_OK, false, false);
    assert_value(m, "k", "a");
    assert_int_equal(machine_revision(m), 1);

    apply_expect(m, cas_value("k", "a", "b"), RESULT_OK, true, false);
    apply_expect(m, cas_revision("k", 2, "c"), RESULT_OK, true, false);
    assert_value(m, "k", "c");
    assert_int_equal(machine_revision(m), 3);
    machine_close(m);
}

static void test_what_a_compare_and_set_shows(void **state)
{
    (void)state;
    struct machine *m = machine_of_defaults();
    struct result r = apply(m, cas_value("k", "x", "y"));
    assert_false(r.found);
    assert_null(r.previous);
    result_fini(&r);

    apply_expect(m, put_of("k", "a"), RESULT_OK, true, false);
    r = apply(m, cas_value("k", "x", "y")); /* It failed: what was there is told unasked. */
    assert_true(r.found);
    assert_false(r.applied);
    assert_int_equal(r.revision, 1);
    assert_entry_value(r.previous, "a");
    result_fini(&r);
    r = apply(m, cas_value("k", "a", "b"));
    assert_true(r.found && r.applied);
    assert_null(r.previous);
    assert_null(r.output);
    result_fini(&r);
    r = apply(m, with_previous(cas_value("k", "b", "c")));
    assert_entry_value(r.previous, "b");
    result_fini(&r);
    machine_close(m);
}

static void test_a_batch_is_applied_in_order(void **state)
{
    (void)state;
    struct machine *m = machine_of_defaults();
    const struct command batch[] = {
        put_of("k", "a"),
        append_of("k", "b"),
        cas_value("k", "ab", "c"),
        with_previous(delete_of("k")),
    };
    struct result r[4];
    apply_all(m, batch, 4, r);
    for (unsigned i = 0; i < 4; i++) {
        assert_true(r[i].applied);
        assert_int_equal(r[i].revision, i + 1);
        assert_int_equal(r[i].slot, 1);
    }
    assert_entry_value(r[1].output, "ab");
    assert_entry_value(r[3].previous, "c");
    for (unsigned i = 0; i < 4; i++)
        result_fini(&r[i]);
    assert_int_equal(machine_applied(m), 1);
    assert_int_equal(machine_executed(m), 4);
    machine_close(m);
}

static void test_results_are_optional(void **state)
{
    (void)state;
    struct machine *m = machine_of_defaults();
    const struct command batch[] = {
        append_of("k", "a"),
        with_op(append_of("k", "b"), "c", 1, 1, 0),
        with_op(append_of("k", "b"), "c", 1, 1, 0),
    };
    apply_all(m, batch, 3, NULL);
    assert_value(m, "k", "ab");
    assert_int_equal(machine_executed(m), 2);
    assert_int_equal(machine_suppressed(m), 1);
    machine_close(m);
    assert_int_equal(mem_outstanding(), 0);
}

static void test_nothing_moves_applied_alone(void **state)
{
    (void)state;
    struct machine *m = machine_of_defaults();
    apply_expect(m, put_of("k", "v"), RESULT_OK, true, false);
    uint64_t hash = machine_hash(m);
    machine_apply_nothing(m, 2);
    assert_int_equal(machine_applied(m), 2);
    assert_int_equal(machine_revision(m), 1);
    assert_true(machine_hash(m) == hash);
    machine_close(m);
}

static void test_keys_are_bytes_in_order(void **state)
{
    (void)state;
    struct machine *m = machine_of_defaults();
    static const uint8_t keys[][2] = {{0, 0}, {0, 1}, {'\n', 0}, {'a', 0xff}, {0xff, 0}};
    for (size_t i = 5; i-- > 0;) {
        struct command c = put_of("", "");
        c.key = (struct bytes){.data = keys[i], .size = 2};
        c.value = c.key;
        apply_expect(m, c, RESULT_OK, true, false);
    }
    for (size_t i = 0; i < 5; i++) {
        struct bytes from = {.data = keys[i], .size = 2};
        assert_true(bytes_equal(entry_key(machine_seek(m, from)), from));
        from.size = 1;
        assert_non_null(machine_seek(m, from));
    }
    assert_true(bytes_equal(entry_key(machine_seek(m, (struct bytes){0})),
                            (struct bytes){.data = keys[0], .size = 2}));
    assert_null(machine_seek(m, (struct bytes){.data = (const uint8_t *)"\xff\x01", .size = 2}));
    machine_close(m);
}

static void test_a_result_outlives_the_machine(void **state)
{
    (void)state;
    struct machine *m = machine_of_defaults();
    apply_expect(m, put_of("k", "old"), RESULT_OK, true, false);
    struct result r = apply(m, with_previous(append_of("k", "+")));
    machine_close(m);
    assert_entry_value(r.previous, "old");
    assert_entry_value(r.output, "old+");
    result_fini(&r);
    assert_int_equal(mem_outstanding(), 0);
}

static uint64_t hash_after(const struct command *commands, size_t count)
{
    struct machine *m = machine_of_defaults();
    for (size_t i = 0; i < count; i++) {
        struct result r = apply(m, commands[i]);
        result_fini(&r);
    }
    uint64_t hash = machine_hash(m);
    machine_close(m);
    return hash;
}

static void test_the_hash_is_of_the_state(void **state)
{
    (void)state;
    const struct command none[] = {delete_of("k")};
    const struct command a[] = {put_of("k", "v")};
    const struct command b[] = {put_of("k", "w")};
    const struct command c[] = {put_of("l", "v")};
    const struct command d[] = {with_op(put_of("k", "v"), "c", 1, 1, 0)};
    const struct command e[] = {put_of("k", "v"), put_of("l", "v"), delete_of("l")};
    const struct command f[] = {put_of("k", "v"), put_of("k", "v")};
    const struct command g[] = {with_op(put_of("k", "v"), "d", 1, 1, 0)};
    const struct command h[] = {with_op(put_of("k", "v"), "c", 2, 1, 0)};
    const uint64_t all[] = {hash_after(NULL, 0), hash_after(a, 1), hash_after(b, 1),
                            hash_after(c, 1),    hash_after(d, 1), hash_after(e, 3),
                            hash_after(f, 2),    hash_after(g, 1), hash_after(h, 1)};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        for (size_t j = 0; j < i; j++)
            assert_true(all[i] != all[j]);
    assert_true(hash_after(none, 1) == all[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_machine),
        cmocka_unit_test(test_put),
        cmocka_unit_test(test_revisions_of_an_entry),
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_an_append_that_is_too_large),
        cmocka_unit_test(test_delete),
        cmocka_unit_test(test_compare_and_set),
        cmocka_unit_test(test_what_a_compare_and_set_shows),
        cmocka_unit_test(test_a_batch_is_applied_in_order),
        cmocka_unit_test(test_results_are_optional),
        cmocka_unit_test(test_nothing_moves_applied_alone),
        cmocka_unit_test(test_keys_are_bytes_in_order),
        cmocka_unit_test(test_a_result_outlives_the_machine),
        cmocka_unit_test(test_the_hash_is_of_the_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
