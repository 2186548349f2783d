/* record_test.c -- the bytes on disk: what is written comes back. */
#include "samples.h"

#include "base/mem.h"

static void test_durables_come_back(void **state)
{
    (void)state;
    struct sample s[SAMPLES];
    samples_init(s);
    for (int i = 0; i < SAMPLES_RESERVED + 4; i++) {
        if (i >= 8 && i < SAMPLES_RESERVED)
            continue; /* No struct durable. */
        struct durable d;
        struct sample again = {0};
        assert_int_equal(
            record_decode_durable(s[i].table, buf_bytes(&s[i].key), buf_bytes(&s[i].value), &d), 0);
        /* Encoding is canonical: equal bytes are equal records. */
        sample_durable(&again, d);
        assert_int_equal(again.table, s[i].table);
        assert_true(bytes_equal(buf_bytes(&again.key), buf_bytes(&s[i].key)));
        assert_true(bytes_equal(buf_bytes(&again.value), buf_bytes(&s[i].value)));
        buf_fini(&again.key);
        buf_fini(&again.value);
    }
    samples_fini(s);
}

static void test_vote_field_by_field(void **state)
{
    (void)state;
    struct sample s[SAMPLES];
    samples_init(s);
    struct durable d;
    assert_int_equal(
        record_decode_durable(s[3].table, buf_bytes(&s[3].key), buf_bytes(&s[3].value), &d), 0);
    assert_int_equal(d.kind, DURABLE_VOTE);
    assert_int_equal(d.slot, 17);
    assert_int_equal(ballot_cmp(d.promised, sample_high), 0);
    assert_int_equal(ballot_cmp(d.accepted, sample_low), 0);
    struct value *v = sample_value(VALUE_BATCH);
    assert_true(value_equal(d.value, v));
    assert_int_equal(d.value->kind, VALUE_BATCH);
    assert_true(bytes_equal(value_bytes(d.value), value_bytes(v)));
    value_unref(v);
    value_unref(d.value);

    assert_int_equal(
        record_decode_durable(s[0].table, buf_bytes(&s[0].key), buf_bytes(&s[0].value), &d), 0);
    assert_true(ballot_is_none(d.accepted));
    assert_null(d.value);
    assert_int_equal(
        record_decode_durable(s[6].table, buf_bytes(&s[6].key), buf_bytes(&s[6].value), &d), 0);
    assert_int_equal(d.peer, 3);
    assert_int_equal(d.disk_id[1], 8);
    samples_fini(s);
}

static void assert_interval(struct interval i)
{
    assert_int_equal(i.first, sample_interval.first);
    assert_int_equal(i.last, sample_interval.last);
    assert_int_equal(i.stride, sample_interval.stride);
}

static void test_intervals_field_by_field(void **state)
{
    (void)state;
    struct sample s[SAMPLES];
    samples_init(s);
    struct durable d[4];
    for (int i = 0; i < 4; i++) {
        const struct sample *from = &s[SAMPLES_RESERVED + i];
        assert_int_equal(record_decode_durable(from->table, buf_bytes(&from->key),
                                               buf_bytes(&from->value), &d[i]),
                         0);
    }
    assert_int_equal(d[0].kind, DURABLE_RESERVED);
    assert_int_equal(d[0].slot, 16384);
    assert_int_equal(d[1].kind, DURABLE_PROMISED_RANGE);
    assert_interval(d[1].interval);
    assert_int_equal(ballot_cmp(d[1].promised, sample_high), 0);
    assert_true(ballot_is_none(d[1].accepted));
    assert_int_equal(d[2].kind, DURABLE_VOTED_NOOP);
    assert_interval(d[2].interval);
    assert_int_equal(ballot_cmp(d[2].accepted, sample_low), 0);
    assert_true(ballot_is_none(d[2].promised));
    assert_int_equal(d[3].kind, DURABLE_LEARNT_NOOP);
    assert_interval(d[3].interval);
    for (int i = 1; i < 4; i++)
        assert_null(d[i].value);
    samples_fini(s);
}

static void test_the_rest_comes_back(void **state)
{
    (void)state;
    struct sample s[SAMPLES];
    samples_init(s);
    uint64_t boot;
    assert_int_equal(record_decode_boot(buf_bytes(&s[8].key), buf_bytes(&s[8].value), &boot), 0);
    assert_int_equal(boot, 12);
    struct durable d;
    assert_int_equal(
        record_decode_durable(s[8].table, buf_bytes(&s[8].key), buf_bytes(&s[8].value), &d),
        ERR_NOT_FOUND);
    for (int i = 9; i < 11; i++) {
        struct identity identity;
        assert_int_equal(record_decode_identity(s[i].table, buf_bytes(&s[i].key),
                                                buf_bytes(&s[i].value), &identity),
                         0);
        assert_memory_equal(&identity, &sample_identity, sizeof(identity));
    }
    struct identity coordinated;
    assert_int_equal(record_decode_identity(s[18].table, buf_bytes(&s[18].key),
                                            buf_bytes(&s[18].value), &coordinated),
                     0);
    assert_int_equal(coordinated.mode, MODE_COORDINATED);
    coordinated.mode = MODE_CLASSIC;
    assert_memory_equal(&coordinated, &sample_identity, sizeof(coordinated));
    struct checkpoint_head head;
    assert_int_equal(
        record_decode_checkpoint_head(buf_bytes(&s[11].key), buf_bytes(&s[11].value), &head), 0);
    assert_memory_equal(&head, &sample_head, sizeof(head));
    struct record_entry e;
    assert_int_equal(
        record_decode_checkpoint_key(buf_bytes(&s[12].key), buf_bytes(&s[12].value), &e), 0);
    assert_true(bytes_equal(e.value, bytes_of("value")));
    assert_int_equal(e.create_revision, 5);
    assert_int_equal(e.mod_revision, 6);
    assert_int_equal(e.version, 2);
    struct bytes session;
    assert_int_equal(
        record_decode_checkpoint_session(buf_bytes(&s[13].key), buf_bytes(&s[13].value), &session),
        0);
    assert_true(bytes_equal(session, bytes_of("opaque")));
    samples_fini(s);
}

/* ---- A whole checkpoint ----------------------------------------------------------------- */

struct changes {
    int count;
    int fail_at;
    enum record_table tables[8];
    bool deletes[8];
};

static int note_change(void *context, const struct record_change *change)
{
    struct changes *c = context;
    if (c->count == c->fail_at)
        return ERR_FULL;
    if (!change->delete)
        assert_int_equal(record_verify(change->table, change->key, change->value), 0);
    c->tables[c->count] = change->table;
    c->deletes[c->count++] = change->delete;
    return 0;
}

static void test_checkpoint_change_by_change(void **state)
{
    (void)state;
    struct entry *e;
    assert_int_equal(entry_new(bytes_of("k"), bytes_of("v"), (struct bytes){0}, &e), 0);
    entry_seal(e, 1, 1, 1);
    struct checkpoint_key keys[] = {{.entry = e, .key = entry_key(e)}, {.key = bytes_of("gone")}};
    struct checkpoint_session sessions[] = {
        {.client_id = bytes_of("here"), .session = bytes_of("s")},
        {.client_id = bytes_of("evicted")}};
    struct checkpoint c = {.head = sample_head,
                           .keys = keys,
                           .keys_count = 2,
                           .sessions = sessions,
                           .sessions_count = 2};

    struct changes seen = {.fail_at = -1};
    assert_int_equal(record_encode_checkpoint(&c, note_change, &seen), 0);
    assert_int_equal(seen.count, 5);
    const enum record_table tables[] = {RECORD_TABLE_KEYS, RECORD_TABLE_KEYS, RECORD_TABLE_SESSIONS,
                                        RECORD_TABLE_SESSIONS, RECORD_TABLE_STATE};
    const bool deletes[] = {false, true, false, true, false};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(seen.tables[i], tables[i]);
        assert_int_equal(seen.deletes[i], deletes[i]);
    }
    for (int i = 0; i < 5; i++) {
        struct changes failing = {.fail_at = i};
        assert_int_equal(record_encode_checkpoint(&c, note_change, &failing), ERR_FULL);
    }
    long fail = 0;
    for (;; fail++) {
        struct changes again = {.fail_at = -1};
        mem_fail_after(fail);
        int err = record_encode_checkpoint(&c, note_change, &again);
        mem_fail_after(-1);
        if (err == 0)
            break;
        assert_int_equal(err, ERR_NO_MEMORY);
    }
    assert_true(fail > 1);
    entry_unref(e);
    assert_int_equal(mem_outstanding(), 0);
}

/* ---- Without memory --------------------------------------------------------------------- */

static int encode_all(void)
{
    struct sample s = {0};
    struct durable d = {.kind = DURABLE_PEER, .peer = 3};
    int err = record_encode_durable(&d, &s.table, &s.key, &s.value);
    if (err == 0)
        err = record_encode_boot(1, &s.key, &s.value);
    if (err == 0)
        err = record_encode_identity(RECORD_TABLE_META, &sample_identity, &s.key, &s.value);
    if (err == 0)
        err = record_encode_checkpoint_head(&sample_head, &s.key, &s.value);
    buf_fini(&s.key);
    buf_fini(&s.value);
    return err;
}

static int print_all(const struct sample s[SAMPLES])
{
    for (int i = 0; i < SAMPLES; i++) {
        struct buf out = {0};
        int err = record_print(s[i].table, buf_bytes(&s[i].key), buf_bytes(&s[i].value), &out);
        buf_fini(&out);
        TRY(err);
        TRY(sample_verify(&s[i]));
    }
    return 0;
}

static void test_without_memory(void **state)
{
    (void)state;
    struct sample s[SAMPLES];
    samples_init(s);
    long before = mem_outstanding();
    for (int what = 0; what < 2; what++) {
        int err = ERR_NO_MEMORY;
        long fail = 0;
        for (; err != 0; fail++) {
            mem_fail_after(fail);
            err = what == 0 ? encode_all() : print_all(s);
            mem_fail_after(-1);
            assert_int_equal(mem_outstanding(), before);
            assert_true(err == 0 || err == ERR_NO_MEMORY);
        }
        assert_true(fail > 2);
    }
    samples_fini(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durables_come_back),
        cmocka_unit_test(test_vote_field_by_field),
        cmocka_unit_test(test_intervals_field_by_field),
        cmocka_unit_test(test_the_rest_comes_back),
        cmocka_unit_test(test_checkpoint_change_by_change),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
