/* checkpoint_test.c -- what a freeze holds, and what a restore refuses. */
#include "kv_help.h"

#include "base/mem.h"

static void executes(struct machine *m, struct command c)
{
    apply_expect(m, c, RESULT_OK, true, false);
}

static struct checkpoint *freeze(struct machine *m)
{
    struct checkpoint *c = NULL;
    assert_int_equal(machine_freeze(m, &c), 0);
    return c;
}

/* The one mention of a key, or NULL. */
static const struct checkpoint_key *mention(const struct checkpoint *c, const char *key)
{
    const struct checkpoint_key *found = NULL;
    for (size_t i = 0; i < c->keys_count; i++)
        if (bytes_equal(c->keys[i].key, bytes_of(key))) {
            assert_null(found);
            found = &c->keys[i];
        }
    return found;
}

static const struct checkpoint_session *client(const struct checkpoint *c, const char *id)
{
    const struct checkpoint_session *found = NULL;
    for (size_t i = 0; i < c->sessions_count; i++)
        if (bytes_equal(c->sessions[i].client_id, bytes_of(id))) {
            assert_null(found);
            found = &c->sessions[i];
        }
    return found;
}

static void test_nothing_to_freeze(void **state)
{
    (void)state;
    struct machine *m = machine_of_defaults();
    struct checkpoint *c = freeze(m);
    assert_int_equal(c->head.applied, 0);
    assert_int_equal(c->keys_count, 0);
    assert_int_equal(c->sessions_count, 0);
    checkpoint_free(c);
    checkpoint_free(NULL);

    machine_apply_nothing(m, 1);
    c = freeze(m);
    assert_int_equal(c->head.applied, 1);
    assert_true(c->head.hash == machine_hash(m));
    checkpoint_free(c);
    machine_close(m);
}

static void test_each_changed_key_once_as_it_is(void **state)
{
    (void)state;
    struct machine *m = machine_of_defaults();
    executes(m, put_of("a", "1"));
    executes(m, put_of("b", "1"));
    executes(m, put_of("c", "1"));
    executes(m, put_of("b", "2"));
    executes(m, put_of("d", "1"));
    executes(m, delete_of("a"));
    executes(m, delete_of("d"));
    executes(m, put_of("d", "3"));
    struct checkpoint *c = freeze(m);
    assert_int_equal(c->keys_count, 4);
    assert_null(mention(c, "a")->entry);
    assert_entry_value(mention(c, "b")->entry, "2");
    assert_entry_value(mention(c, "c")->entry, "1");
    assert_entry_value(mention(c, "d")->entry, "3");
    assert_int_equal(c->head.keys, 3);
    assert_int_equal(c->head.revision, 8);
    checkpoint_free(c);
    machine_close(m);
}

static void test_only_what_changed_since(void **state)
{
    (void)state;
    struct machine *m = machine_of_defaults();
    executes(m, put_of("a", "1"));
    executes(m, put_of("b", "1"));
    executes(m, put_of("c", "1"));
    checkpoint_free(freeze(m));
    assert_int_equal(machine_dirty_bytes(m), 0);

    executes(m, append_of("b", "2"));
    executes(m, delete_of("c"));
    apply_expect(m, delete_of("nothing"), RESULT_OK, false, false);
    apply_expect(m, cas_absent("a", "x"), RESULT_OK, false, false);
    assert_true(machine_dirty_bytes(m) > 0);
    struct checkpoint *c = freeze(m);
    assert_int_equal(c->keys_count, 2);
    assert_entry_value(mention(c, "b")->entry, "12");
    assert_null(mention(c, "c")->entry);
    checkpoint_free(c);

    executes(m, put_of("c", "3")); /* It is back. */
    c = freeze(m);
    assert_int_equal(c->keys_count, 1);
    assert_entry_value(mention(c, "c")->entry, "3");
    checkpoint_free(c);
    machine_close(m);
}

static void test_sessions_that_were_used_or_went(void **state)
{
    (void)state;
    const struct machine_limits limits = {2, 1 << 20, 4096, 8};
    struct machine *m = NULL;
    assert_int_equal(machine_open(&limits, 1, &m), 0);
    executes(m, with_op(put_of("k", "v"), "a", 1, 1, 0));
    executes(m, with_op(put_of("k", "v"), "b", 1, 1, 0));
    struct checkpoint *c = freeze(m);
    assert_int_equal(c->sessions_count, 2);
    assert_true(client(c, "a")->session.size > 0);
    checkpoint_free(c);
    assert_int_equal(machine_dirty_bytes(m), 0);

    apply_expect(m, with_op(put_of("k", "v"), "b", 1, 1, 0), RESULT_OK, true, true);
    c = freeze(m); /* A repeat is a use, which decides about eviction. */
    assert_int_equal(c->sessions_count, 1);
    assert_true(client(c, "b")->session.size > 0);
    checkpoint_free(c);

    executes(m, with_op(put_of("k", "v"), "c", 1, 1, 3)); /* a goes, */
    executes(m, with_op(put_of("k", "v"), "d", 1, 1, 3)); /* b goes, */
    executes(m, with_op(put_of("k", "v"), "a", 2, 2, 5)); /* a is back, c goes. */
    c = freeze(m);
    assert_int_equal(c->sessions_count, 4);
    assert_true(client(c, "a")->session.size > 0);
    assert_true(client(c, "d")->session.size > 0);
    assert_int_equal(client(c, "b")->session.size, 0);
    assert_int_equal(client(c, "c")->session.size, 0);
    assert_int_equal(c->head.clients, 2);
    assert_int_equal(c->head.evicted_to, machine_evicted_to(m));
    checkpoint_free(c);
    machine_close(m);
}

static void test_a_checkpoint_does_not_change(void **state)
{
    (void)state;
    struct machine *m = machine_of_defaults();
    executes(m, with_op(put_of("k", "old"), "c", 1, 1, 0));
    struct checkpoint *c = freeze(m);
    executes(m, put_of("k", "new"));
    executes(m, delete_of("k"));
    machine_close(m);
    assert_int_equal(c->head.revision, 1);
    assert_entry_value(mention(c, "k")->entry, "old");
    assert_true(client(c, "c")->session.size > 0);
    checkpoint_free(c);
    assert_int_equal(mem_outstanding(), 0);
}

static void test_dirty_bytes_follow_the_state_not_the_writes(void **state)
{
    (void)state;
    struct machine *m = machine_of_defaults();
    executes(m, put_of("k", "0123456789"));
    uint64_t once = machine_dirty_bytes(m);
    for (int i = 0; i < 10; i++)
        executes(m, put_of("k", "9876543210"));
    assert_int_equal(machine_dirty_bytes(m), once);
    executes(m, delete_of("k"));
    assert_int_equal(machine_dirty_bytes(m), 1);
    machine_close(m);
}

/* ---- Restoring ----------------------------------------------------------------------------- */

static struct shelf a_shelf(void)
{
    struct machine *m = machine_of_defaults();
    struct shelf s = {0};
    executes(m, put_of("a", "1"));
    executes(m, put_of("b", "2"));
    executes(m, with_previous(with_op(append_of("a", "2"), "client", 4, 2, 0)));
    executes(m, with_op(put_of("b", "4"), "client", 6, 2, 0));
    executes(m, with_op(put_of("b", "5"), "other", 1, 1, 0));
    shelf_freeze(&s, m);
    machine_close(m);
    return s;
}

static int restore(const struct shelf *s)
{
    struct machine *m = NULL;
    int err = shelf_restore(s, &machine_limits_default, 1, &m);
    assert_int_equal(m != NULL, err == 0);
    machine_close(m);
    return err;
}

static void test_a_head_that_does_not_fit_is_corrupt(void **state)
{
    (void)state;
    struct shelf s = a_shelf();
    const struct checkpoint_head good = s.head;
    assert_int_equal(restore(&s), 0);
    for (int i = 0; i < 7; i++) {
        s.head = good;
        s.head.hash += i == 0;
        s.head.keys += i == 1;
        s.head.clients -= i == 2;
        s.head.revision += i == 3;
        s.head.revision -= i == 4; /* Older than a key. */
        s.head.evicted_to += i == 5;
        s.head.applied -= i == 6; /* Older than the use of a session. */
        assert_int_equal(restore(&s), ERR_CORRUPT);
    }
    shelf_fini(&s);
}

static void test_a_record_that_is_missing_is_corrupt(void **state)
{
    (void)state;
    struct shelf s = a_shelf();
    assert_int_equal(s.count, 4);
    for (size_t i = 0; i < s.count; i++) {
        s.records[i].gone = true;
        assert_int_equal(restore(&s), ERR_CORRUPT);
        s.records[i].gone = false;
    }
    assert_int_equal(restore(&s), 0);
    shelf_fini(&s);
}

/* Every bit of a name or a value: the hash notices, if nothing else does. */
static void test_every_flipped_bit_is_corrupt(void **state)
{
    (void)state;
    struct shelf s = a_shelf();
    for (size_t i = 0; i < s.count; i++) {
        struct buf *parts[] = {&s.records[i].name, &s.records[i].content};
        for (size_t part = 0; part < 2; part++)
            for (size_t bit = 0; bit < parts[part]->size * 8; bit++) {
                uint8_t *byte = &parts[part]->data[bit / 8];
                *byte ^= (uint8_t)(1U << bit % 8);
                assert_int_equal(restore(&s), ERR_CORRUPT);
                *byte ^= (uint8_t)(1U << bit % 8);
            }
    }
    shelf_fini(&s);
    assert_int_equal(mem_outstanding(), 0);
}

static void test_every_truncated_session_is_corrupt(void **state)
{
    (void)state;
    struct shelf s = a_shelf();
    for (size_t i = 0; i < s.count; i++) {
        struct buf *content = &s.records[i].content;
        size_t size = content->size;
        for (content->size = 0; content->size < size; content->size++)
            assert_int_equal(restore(&s), ERR_CORRUPT);
        assert_int_equal(restore(&s), 0);
    }
    shelf_fini(&s);
    assert_int_equal(mem_outstanding(), 0);
}

static void test_bounds_and_repeats_of_keys_are_corrupt(void **state)
{
    (void)state;
    static uint8_t big[VALUE_SIZE_MAX + 1];
    struct bytes k = bytes_of("k");
    struct bytes none = {0};
    struct bytes huge = {.data = big, .size = sizeof(big)};
    struct bytes long_key = {.data = big, .size = KEY_SIZE_MAX + 1};
    struct machine *m = machine_of_defaults();
    assert_int_equal(machine_restore_key(m, none, k, 1, 1, 1), ERR_CORRUPT);
    assert_int_equal(machine_restore_key(m, long_key, k, 1, 1, 1), ERR_CORRUPT);
    assert_int_equal(machine_restore_key(m, k, huge, 1, 1, 1), ERR_CORRUPT);
    assert_int_equal(machine_restore_key(m, k, k, 0, 1, 1), ERR_CORRUPT);
    assert_int_equal(machine_restore_key(m, k, k, 2, 1, 1), ERR_CORRUPT);
    assert_int_equal(machine_restore_key(m, k, k, 1, 1, 0), ERR_CORRUPT);
    assert_int_equal(machine_restore_key(m, k, k, 1, 1, 1), 0);
    assert_int_equal(machine_restore_key(m, k, k, 1, 1, 1), ERR_CORRUPT);
    machine_close(m);
}

static void test_a_session_twice_is_corrupt(void **state)
{
    (void)state;
    struct shelf s = a_shelf();
    struct machine *m = machine_of_defaults();
    struct bytes session = {0};
    for (size_t i = 0; i < s.count; i++)
        if (s.records[i].create_revision == 0)
            session = buf_bytes(&s.records[i].content);
    assert_int_equal(machine_restore_session(m, bytes_of("x"), session), 0);
    assert_int_equal(machine_restore_session(m, bytes_of("x"), session), ERR_CORRUPT);
    assert_int_equal(machine_restore_session(m, (struct bytes){0}, session), ERR_CORRUPT);
    /* Two that were last used by one command. */
    assert_int_equal(machine_restore_session(m, bytes_of("y"), session), 0);
    assert_int_equal(machine_restore_head(m, &s.head), ERR_CORRUPT);
    machine_close(m);
    shelf_fini(&s);
}

static void test_eviction_goes_on_in_the_old_order(void **state)
{
    (void)state;
    const struct machine_limits limits = {300, 1 << 20, 4096, 8};
    struct machine *m = NULL;
    struct shelf s = {0};
    assert_int_equal(machine_open(&limits, 1, &m), 0);
    for (uint64_t i = 0; i < 700; i++) { /* Last uses in an order of their own. */
        uint8_t id = (uint8_t)(1 + i * 37 % 200);
        struct command c = with_op(put_of("k", "v"), "", i + 1, i + 1, 0);
        c.client_id = (struct bytes){.data = &id, .size = 1};
        executes(m, c);
    }
    shelf_freeze(&s, m);
    struct machine *copy = NULL;
    assert_int_equal(shelf_restore(&s, &limits, 99, &copy), 0);
    for (unsigned i = 0; i < 250; i++) {
        uint8_t id[2] = {1, (uint8_t)i};
        struct command c = with_op(put_of("k", "v"), "", 1, 1, machine_applied(m));
        c.client_id = (struct bytes){.data = id, .size = 2};
        executes(m, c);
        executes(copy, c);
        assert_int_equal(machine_evicted_to(m), machine_evicted_to(copy));
        assert_true(machine_hash(m) == machine_hash(copy));
    }
    assert_true(machine_evicted_to(m) > 500);
    machine_close(copy);
    machine_close(m);
    shelf_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_to_freeze),
        cmocka_unit_test(test_each_changed_key_once_as_it_is),
        cmocka_unit_test(test_only_what_changed_since),
        cmocka_unit_test(test_sessions_that_were_used_or_went),
        cmocka_unit_test(test_a_checkpoint_does_not_change),
        cmocka_unit_test(test_dirty_bytes_follow_the_state_not_the_writes),
        cmocka_unit_test(test_a_head_that_does_not_fit_is_corrupt),
        cmocka_unit_test(test_a_record_that_is_missing_is_corrupt),
        cmocka_unit_test(test_every_flipped_bit_is_corrupt),
        cmocka_unit_test(test_every_truncated_session_is_corrupt),
        cmocka_unit_test(test_bounds_and_repeats_of_keys_are_corrupt),
        cmocka_unit_test(test_a_session_twice_is_corrupt),
        cmocka_unit_test(test_eviction_goes_on_in_the_old_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
