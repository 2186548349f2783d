/* state_store_test.c -- checkpoints on a disk. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static struct identity owner;

static int setup(void **state)
{
    assert_int_equal(fixture_setup(state), 0);
    owner = fixture_identity;
    owner.disk_id[0] = 7;
    return 0;
}

static int open_code(const struct identity *identity, uint64_t map_size_bytes,
                     struct state_store **out_store, struct store_error *error)
{
    return state_store_open(fixture_dir, identity, map_size_bytes, out_store, error);
}

static struct state_store *open_store(void)
{
    struct state_store *s = NULL;
    struct store_error error;
    if (open_code(&owner, UINT64_C(64) << 20, &s, &error) != 0)
        fail_msg("cannot open: %s", error.text);
    return s;
}

/* ---- A model: keys "key-N" and clients "client-N", written and expected ----------------- */

#define MODEL_KEYS 300

struct model {
    uint64_t revision;                /* Grows with every write. */
    uint64_t modified_at[MODEL_KEYS]; /* 0: there is no such key. */
    uint64_t session_at[MODEL_KEYS];
};

static size_t model_value(char *out, size_t size, uint64_t revision)
{
    (void)snprintf(out, size, "value-%llu", (unsigned long long)revision);
    return strlen(out);
}

/*
 * Write keys and clients from..to-1 anew, or delete them; as one checkpoint, paced. The model
 * follows if it was written.
 */
static int model_write_paced(struct model *m, struct state_store *s, int from, int to, bool delete,
                             const struct state_store_pacing *pacing, bool *out_written,
                             struct store_error *error)
{
    static char names[MODEL_KEYS][2][32];
    static char sessions[MODEL_KEYS][32];
    static struct checkpoint_key keys[MODEL_KEYS];
    static struct checkpoint_session rows[MODEL_KEYS];
    struct model after = *m;
    struct checkpoint c = {.keys = keys, .sessions = rows};
    for (int i = from; i < to; i++) {
        size_t n = c.keys_count++;
        c.sessions_count++;
        after.revision++;
        after.modified_at[i] = after.session_at[i] = delete ? 0 : after.revision;
        (void)snprintf(names[i][0], sizeof(names[i][0]), "key-%d", i);
        (void)snprintf(names[i][1], sizeof(names[i][1]), "client-%d", i);
        keys[n] = (struct checkpoint_key){.key = bytes_of(names[i][0])};
        rows[n] = (struct checkpoint_session){.client_id = bytes_of(names[i][1])};
        if (delete)
            continue;
        (void)model_value(sessions[i], sizeof(sessions[i]), after.revision);
        rows[n].session = bytes_of(sessions[i]);
        assert_int_equal(entry_new(keys[n].key, rows[n].session, (struct bytes){0}, &keys[n].entry),
                         0);
        entry_seal(keys[n].entry, 1, after.revision, 2);
    }
    c.head.applied = c.head.revision = after.revision;
    for (int i = 0; i < MODEL_KEYS; i++) {
        c.head.keys += after.modified_at[i] > 0;
        c.head.clients += after.session_at[i] > 0;
    }
    int err = state_store_write(s, &c, pacing, out_written, error);
    for (size_t i = 0; i < c.keys_count; i++)
        entry_unref(keys[i].entry);
    if (err == 0 && *out_written)
        *m = after;
    return err;
}

/* After so many parts, no more. */
static bool part_or_stop(void *context)
{
    int *parts = context;
    return --*parts > 0;
}

/* In one part. */
static int model_write(struct model *m, struct state_store *s, int from, int to, bool delete,
                       struct store_error *error)
{
    int parts = 0;
    bool written = false;
    const struct state_store_pacing pacing = {STORE_PART_MAX, part_or_stop, &parts};
    int err = model_write_paced(m, s, from, to, delete, &pacing, &written, error);
    assert_int_equal(parts, 0);
    assert_int_equal(written, err == 0);
    return err;
}

struct loaded {
    const struct model *model;
    uint64_t keys;
    uint64_t clients;
    bool head;
    int fail_after;
};

static int loaded_must_fail(struct loaded *l)
{
    return l->fail_after >= 0 && l->fail_after-- == 0 ? ERR_CORRUPT : 0;
}

static void assert_is_value(struct bytes value, uint64_t revision)
{
    char expected[32];
    assert_true(revision > 0);
    size_t size = model_value(expected, sizeof(expected), revision);
    assert_int_equal(value.size, size);
    assert_memory_equal(value.data, expected, size);
}

static int index_of(struct bytes name, const char *format)
{
    char text[32] = {0};
    int index = -1;
    assert_true(name.size < sizeof(text));
    memcpy(text, name.data, name.size);
    for (int i = 0; i < MODEL_KEYS && index < 0; i++) {
        char expected[32];
        (void)snprintf(expected, sizeof(expected), "%s-%d", format, i);
        index = strcmp(expected, text) == 0 ? i : -1;
    }
    assert_true(index >= 0);
    return index;
}

static int on_key(void *context, struct bytes key, const struct record_entry *entry)
{
    struct loaded *l = context;
    TRY(loaded_must_fail(l));
    assert_false(l->head);
    uint64_t revision = l->model->modified_at[index_of(key, "key")];
    assert_is_value(entry->value, revision);
    assert_int_equal(entry->create_revision, 1);
    assert_int_equal(entry->mod_revision, revision);
    assert_int_equal(entry->version, 2);
    l->keys++;
    return 0;
}

static int on_session(void *context, struct bytes client_id, struct bytes session)
{
    struct loaded *l = context;
    TRY(loaded_must_fail(l));
    assert_false(l->head);
    assert_is_value(session, l->model->session_at[index_of(client_id, "client")]);
    l->clients++;
    return 0;
}

static int on_head(void *context, const struct checkpoint_head *head)
{
    struct loaded *l = context;
    TRY(loaded_must_fail(l));
    l->head = true;
    assert_int_equal(head->applied, l->model->revision);
    assert_int_equal(head->keys, l->keys);
    assert_int_equal(head->clients, l->clients);
    return 0;
}

static int load_code(struct state_store *s, const struct model *m, int fail_after, bool *out_found,
                     struct store_error *error)
{
    struct loaded l = {.model = m, .fail_after = fail_after};
    struct state_store_loader loader = {
        .on_key = on_key, .on_session = on_session, .on_head = on_head, .context = &l};
    *out_found = false;
    int err = state_store_load(s, &loader, out_found, error);
    if (err == 0)
        assert_int_equal(*out_found, l.head);
    return err;
}

/* What is on the disk is the model, now and after opening it again. */
static struct state_store *assert_holds(struct state_store *s, const struct model *m)
{
    struct store_error error;
    bool found;
    for (int again = 0; again < 2; again++) {
        assert_int_equal(load_code(s, m, -1, &found, &error), 0);
        assert_int_equal(found, m->revision > 0);
        state_store_close(s);
        s = open_store();
    }
    return s;
}

/* ---- Good days -------------------------------------------------------------------------- */

static void test_checkpoints_come_back(void **state)
{
    (void)state;
    struct store_error error;
    struct model m = {0};
    bool found;
    struct state_store *s = open_store();
    assert_int_equal(load_code(s, &m, -1, &found, &error), 0);
    assert_false(found);

    assert_int_equal(model_write(&m, s, 0, 200, false, &error), 0);
    s = assert_holds(s, &m);
    assert_int_equal(model_write(&m, s, 150, MODEL_KEYS, false, &error), 0);
    s = assert_holds(s, &m);
    assert_int_equal(model_write(&m, s, 100, 250, true, &error), 0);
    s = assert_holds(s, &m);
    assert_int_equal(model_write(&m, s, 100, 110, true, &error), 0); /* Gone already. */
    s = assert_holds(s, &m);
    assert_int_equal(model_write(&m, s, 0, 0, false, &error), 0); /* The head alone. */
    s = assert_holds(s, &m);
    assert_int_equal(model_write(&m, s, 0, MODEL_KEYS, true, &error), 0); /* Nothing left. */
    s = assert_holds(s, &m);

    struct store_usage usage;
    state_store_get_usage(s, &usage);
    assert_true(usage.used_bytes > 0 && usage.used_bytes < usage.map_size_bytes);
    state_store_close(s);
}

/* Cut a checkpoint off after each of its parts; then let it be written. How many parts it had. */
static int cut_off_everywhere(struct model *m, struct state_store **s, int from, int to,
                              bool delete, uint64_t part_bytes_max)
{
    struct store_error error;
    bool written = false;
    int stop_at = 0;
    while (!written) {
        int parts = ++stop_at;
        const struct state_store_pacing pacing = {part_bytes_max, part_or_stop, &parts};
        assert_int_equal(model_write_paced(m, *s, from, to, delete, &pacing, &written, &error), 0);
        if (!written) {
            state_store_close(*s);
            *s = open_store();
        }
        /* The one before, or, in the end, this one. */
        *s = assert_holds(*s, m);
    }
    return stop_at;
}

static void test_a_checkpoint_that_was_cut_off_is_undone(void **state)
{
    (void)state;
    struct store_error error;
    struct model m = {0};
    struct state_store *s = open_store();
    /* The very first: before it there was nothing. */
    assert_true(cut_off_everywhere(&m, &s, 0, 40, false, 600) > 3);
    /* Old ones and new ones; then only some that are there; then some that are not. */
    assert_true(cut_off_everywhere(&m, &s, 20, 70, false, 3000) > 3);
    assert_true(cut_off_everywhere(&m, &s, 10, 30, true, 3000) > 1);
    assert_true(cut_off_everywhere(&m, &s, 0, 80, true, 3000) > 3);
    /* A whole one behind one that was cut off. */
    int parts = 3;
    bool written = true;
    const struct state_store_pacing pacing = {600, part_or_stop, &parts};
    assert_int_equal(model_write(&m, s, 0, 100, false, &error), 0);
    assert_int_equal(model_write_paced(&m, s, 0, 100, true, &pacing, &written, &error), 0);
    assert_false(written);
    state_store_close(s);
    s = open_store();
    assert_int_equal(model_write(&m, s, 50, 70, false, &error), 0);
    s = assert_holds(s, &m);
    state_store_close(s);
}

static void test_undoing_without_memory(void **state)
{
    (void)state;
    struct store_error error;
    struct model m = {0};
    struct state_store *s = open_store();
    int parts = 3;
    bool written = true;
    const struct state_store_pacing pacing = {600, part_or_stop, &parts};
    assert_int_equal(model_write(&m, s, 0, 100, false, &error), 0);
    assert_int_equal(model_write_paced(&m, s, 0, 100, true, &pacing, &written, &error), 0);
    state_store_close(s);
    int err = ERR_NO_MEMORY;
    long fail = 0;
    for (; err != 0; fail++) {
        mem_fail_after(fail);
        err = open_code(&owner, UINT64_C(64) << 20, &s, &error);
        mem_fail_after(-1);
        assert_true(err == 0 || err == ERR_NO_MEMORY);
    }
    assert_true(fail > 3);
    s = assert_holds(s, &m);
    state_store_close(s);
}

static void test_flipped_bits_of_what_is_to_be_undone(void **state)
{
    (void)state;
    struct store_error error;
    struct model m = {0};
    struct state_store *s = open_store();
    int parts = 1;
    bool written = true;
    const struct state_store_pacing pacing = {1, part_or_stop, &parts};
    assert_int_equal(model_write(&m, s, 7, 8, false, &error), 0); /* value-1 */
    assert_int_equal(model_write_paced(&m, s, 7, 9, true, &pacing, &written, &error), 0);
    state_store_close(s);
    assert_true(fixture_flip(fixture_dir, "state", bytes_of("value-1"), 6) > 0);
    assert_int_equal(open_code(&owner, UINT64_C(64) << 20, &s, &error), ERR_CORRUPT);
    fixture_assert_says(&error, "the record keys_undo/\"key-7\" is corrupt");
}

static void test_an_error_of_the_loader_ends_the_load(void **state)
{
    (void)state;
    struct store_error error;
    struct model m = {0};
    struct state_store *s = open_store();
    bool found;
    assert_int_equal(model_write(&m, s, 0, 3, false, &error), 0);
    const char *words[] = {"keys/\"key-0\" does not fit",
                           "keys/\"key-1\" does not fit",
                           "keys/\"key-2\" does not fit",
                           "sessions/\"client-0\" does not fit",
                           "sessions/\"client-1\" does not fit",
                           "sessions/\"client-2\" does not fit",
                           "the checkpoint of slot 3 does not add up"};
    for (int i = 0; i < 7; i++) {
        assert_int_equal(load_code(s, &m, i, &found, &error), ERR_CORRUPT);
        fixture_assert_says(&error, words[i]);
        assert_false(found);
    }
    assert_int_equal(load_code(s, &m, 7, &found, &error), 0);
    state_store_close(s);
}

/* ---- Bad days --------------------------------------------------------------------------- */

static void assert_refused(const struct identity *identity, const char *part)
{
    struct state_store *s = NULL;
    struct store_error error;
    assert_int_equal(open_code(identity, UINT64_C(64) << 20, &s, &error), ERR_MISMATCH);
    fixture_assert_says(&error, part);
}

static void test_another_nodes_state_is_refused(void **state)
{
    (void)state;
    state_store_close(open_store());
    struct identity identity = owner;
    identity.disk_id[15] = 1;
    assert_refused(&identity, "next to another acceptor");
    identity = owner;
    identity.id = 3;
    assert_refused(&identity, "belongs to node 1");
    identity = owner;
    identity.cluster[0] = 'D';
    assert_refused(&identity, "belongs to cluster \"dkv\"");
    state_store_close(open_store());
}

static void assert_corrupt(const struct model *m, const char *part)
{
    struct store_error error;
    bool found;
    struct state_store *s = open_store();
    assert_int_equal(load_code(s, m, -1, &found, &error), ERR_CORRUPT);
    fixture_assert_says(&error, part);
    state_store_close(s);
}

static void test_flipped_bits_are_found(void **state)
{
    (void)state;
    struct store_error error;
    struct model m = {0};
    struct state_store *s = open_store();
    assert_int_equal(model_write(&m, s, 0, 1, false, &error), 0);
    state_store_close(s);

    assert_true(fixture_flip(fixture_dir, "state", bytes_of("key-0"), 0) > 0); /* "oey-0" */
    assert_corrupt(&m, "the record keys/\"oey-0\" is corrupt");
    assert_true(fixture_flip(fixture_dir, "state", bytes_of("oey-0"), 0) > 0);
    assert_true(fixture_flip(fixture_dir, "state", bytes_of("client-0"), 7) > 0);
    assert_corrupt(&m, "the record sessions/\"client-4\" is corrupt");
    assert_true(fixture_flip(fixture_dir, "state", bytes_of("client-4"), 7) > 0);
    assert_true(fixture_flip(fixture_dir, "state", bytes_of("value-1"), 6) > 0);
    assert_corrupt(&m, "is corrupt");
    assert_true(fixture_flip(fixture_dir, "state", bytes_of("value-5"), 6) > 0);
    s = assert_holds(open_store(), &m);
    state_store_close(s);
}

static void test_a_truncated_file(void **state)
{
    (void)state;
    struct store_error error;
    struct model m = {0};
    struct state_store *s = open_store();
    assert_int_equal(model_write(&m, s, 0, MODEL_KEYS, false, &error), 0);
    struct store_usage usage;
    state_store_get_usage(s, &usage);
    state_store_close(s);
    fixture_truncate(fixture_dir, "state", (long)usage.used_bytes - 1);
    s = NULL;
    assert_int_equal(open_code(&owner, UINT64_C(64) << 20, &s, &error), ERR_CORRUPT);
    fixture_assert_says(&error, "truncated");
}

static void test_a_full_map_keeps_the_checkpoint_before(void **state)
{
    (void)state;
    struct store_error error;
    struct model m = {0};
    struct state_store *s;
    assert_int_equal(open_code(&owner, 64 * 1024, &s, &error), 0);
    assert_int_equal(model_write(&m, s, 0, 5, false, &error), 0);
    assert_int_equal(model_write(&m, s, 0, MODEL_KEYS, false, &error), ERR_FULL);
    fixture_assert_says(&error, "--map-size");
    assert_int_equal(model_write(&m, s, 0, 5, false, &error), ERR_IO);
    fixture_assert_says(&error, "an earlier write failed");
    state_store_close(s);
    s = assert_holds(open_store(), &m);
    state_store_close(s);
}

/* A test's own allocations must not fail: the model is written outside. */
static int everything(struct checkpoint *c)
{
    struct store_error error;
    int parts = 9;
    bool written = false;
    const struct state_store_pacing pacing = {1, part_or_stop, &parts};
    struct state_store *s = NULL;
    TRY(open_code(&owner, UINT64_C(64) << 20, &s, &error));
    int err = state_store_write(s, c, &pacing, &written, &error);
    if (err != 0)
        assert_true(error.text[0] != '\0');
    state_store_close(s);
    return err;
}

static void test_every_allocation_fails_once(void **state)
{
    (void)state;
    struct entry *e;
    assert_int_equal(entry_new(bytes_of("k"), bytes_of("v"), (struct bytes){0}, &e), 0);
    entry_seal(e, 1, 1, 1);
    struct checkpoint_key key = {.entry = e, .key = bytes_of("k")};
    struct checkpoint c = {
        .head = {.applied = 1, .revision = 1, .keys = 1}, .keys = &key, .keys_count = 1};
    int err = ERR_NO_MEMORY;
    long fail = 0;
    for (; err != 0; fail++) {
        mem_fail_after(fail);
        err = everything(&c);
        mem_fail_after(-1);
        assert_true(err == 0 || err == ERR_NO_MEMORY);
        assert_int_equal(mem_outstanding(), 1);
    }
    assert_true(fail > 4);
    entry_unref(e);
}

#define STATE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STATE_TEST(test_checkpoints_come_back),
        STATE_TEST(test_a_checkpoint_that_was_cut_off_is_undone),
        STATE_TEST(test_undoing_without_memory),
        STATE_TEST(test_flipped_bits_of_what_is_to_be_undone),
        STATE_TEST(test_an_error_of_the_loader_ends_the_load),
        STATE_TEST(test_another_nodes_state_is_refused),
        STATE_TEST(test_flipped_bits_are_found),
        STATE_TEST(test_a_truncated_file),
        STATE_TEST(test_a_full_map_keeps_the_checkpoint_before),
        STATE_TEST(test_every_allocation_fails_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
