/* samples.c -- see samples.h. */
#include "samples.h"

#include <string.h>

#include "base/mem.h"
#include "kv/command.h"

const struct ballot sample_low = {.round = 1, .node = 2, .boot = 7};
const struct ballot sample_high = {.round = 3, .node = 1, .boot = 9};

const struct identity sample_identity = {
    .cluster = "dkv",
    .mode = MODE_CLASSIC,
    .members = {.count = 3, .ids = {1, 2, 30}},
    .id = 2,
    .disk_id = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
};

const struct checkpoint_head sample_head = {
    .applied = 100, .revision = 90, .evicted_to = 3, .hash = 77, .keys = 2, .clients = 1};

const struct interval sample_interval = {.first = 17, .last = 29, .stride = 3};

struct value *sample_value(enum value_kind kind)
{
    if (kind == VALUE_NOOP)
        return value_noop();
    struct buf batch = {0};
    if (kind == VALUE_BATCH) {
        struct command put = {
            .kind = COMMAND_PUT, .key = bytes_of("key"), .value = bytes_of("some value")};
        assert_int_equal(command_encode(&put, &batch), 0);
    }
    struct value *v = NULL;
    struct tag tag = {.node = 3, .boot = 4, .sequence = 5};
    assert_int_equal(value_new(kind, tag, buf_bytes(&batch), &v), 0);
    buf_fini(&batch);
    return v;
}
void sample_durable(struct sample *s, struct durable d)
{
    assert_int_equal(record_encode_durable(&d, &s->table, &s->key, &s->value), 0);
    value_unref(d.value);
}

static void samples_init_state(struct sample s[5])
{
    for (int i = 0; i < 2; i++) {
        s[i].table = i == 0 ? RECORD_TABLE_META : RECORD_TABLE_STATE;
        assert_int_equal(
            record_encode_identity(s[i].table, &sample_identity, &s[i].key, &s[i].value), 0);
    }
    s[2].table = RECORD_TABLE_STATE;
    assert_int_equal(record_encode_checkpoint_head(&sample_head, &s[2].key, &s[2].value), 0);

    struct entry *e;
    struct bytes key = {.data = (const uint8_t *)"a\0b", .size = 3};
    assert_int_equal(entry_new(key, bytes_of("val"), bytes_of("ue"), &e), 0);
    entry_seal(e, 5, 6, 2);
    s[3].table = RECORD_TABLE_KEYS;
    assert_int_equal(buf_append(&s[3].key, key), 0);
    assert_int_equal(record_encode_checkpoint_key(e, &s[3].value), 0);
    entry_unref(e);

    s[4].table = RECORD_TABLE_SESSIONS;
    assert_int_equal(buf_append(&s[4].key, bytes_of("client")), 0);
    assert_int_equal(
        record_encode_checkpoint_session(buf_bytes(&s[4].key), bytes_of("opaque"), &s[4].value), 0);
}

/* What only coordinated mode writes. */
static void samples_init_coordinated(struct sample s[5])
{
    sample_durable(&s[0], (struct durable){.kind = DURABLE_RESERVED, .slot = 16384});
    sample_durable(&s[1], (struct durable){.kind = DURABLE_PROMISED_RANGE,
                                           .interval = sample_interval,
                                           .promised = sample_high});
    sample_durable(&s[2], (struct durable){.kind = DURABLE_VOTED_NOOP,
                                           .interval = sample_interval,
                                           .accepted = sample_low});
    sample_durable(&s[3],
                   (struct durable){.kind = DURABLE_LEARNT_NOOP, .interval = sample_interval});
    struct identity identity = sample_identity;
    identity.mode = MODE_COORDINATED;
    s[4].table = RECORD_TABLE_META;
    assert_int_equal(record_encode_identity(s[4].table, &identity, &s[4].key, &s[4].value), 0);
}

static void samples_init_undo(struct sample s[3], const struct sample *session)
{
    s[0].table = RECORD_TABLE_META;
    assert_int_equal(record_encode_journal(4096, &s[0].key, &s[0].value), 0);
    s[1].table = RECORD_TABLE_KEYS_UNDO; /* Of a key that was not there. */
    assert_int_equal(buf_append(&s[1].key, bytes_of("key")), 0);
    assert_int_equal(
        record_encode_undo(s[1].table, buf_bytes(&s[1].key), (struct bytes){0}, &s[1].value), 0);
    s[2].table = RECORD_TABLE_SESSIONS_UNDO;
    assert_int_equal(buf_append(&s[2].key, buf_bytes(&session->key)), 0);
    assert_int_equal(record_encode_undo(s[2].table, buf_bytes(&s[2].key),
                                        buf_bytes(&session->value), &s[2].value),
                     0);
}

void samples_init(struct sample s[SAMPLES])
{
    memset(s, 0, SAMPLES * sizeof(*s));
    sample_durable(&s[0],
                   (struct durable){.kind = DURABLE_VOTE, .slot = 17, .promised = sample_low});
    enum value_kind kinds[] = {VALUE_NOOP, VALUE_BARRIER, VALUE_BATCH};
    for (int i = 0; i < 3; i++)
        sample_durable(&s[1 + i], (struct durable){.kind = DURABLE_VOTE,
                                                   .slot = 17,
                                                   .promised = sample_high,
                                                   .accepted = sample_low,
                                                   .value = sample_value(kinds[i])});
    sample_durable(
        &s[4],
        (struct durable){.kind = DURABLE_LEARNT, .slot = 18, .value = sample_value(VALUE_BATCH)});
    sample_durable(&s[5], (struct durable){.kind = DURABLE_CHOSEN_TO, .slot = 16});
    sample_durable(&s[6], (struct durable){.kind = DURABLE_PEER, .peer = 3, .disk_id = {9, 8}});
    sample_durable(&s[7], (struct durable){.kind = DURABLE_ADMITTED});
    s[8].table = RECORD_TABLE_META;
    assert_int_equal(record_encode_boot(12, &s[8].key, &s[8].value), 0);
    samples_init_state(&s[9]);
    samples_init_coordinated(&s[SAMPLES_RESERVED]);
    samples_init_undo(&s[SAMPLES_JOURNAL], &s[13]);
}

void samples_fini(struct sample s[SAMPLES])
{
    for (int i = 0; i < SAMPLES; i++) {
        buf_fini(&s[i].key);
        buf_fini(&s[i].value);
    }
    assert_int_equal(mem_outstanding(), 0);
}

int sample_verify(const struct sample *s)
{
    return record_verify(s->table, buf_bytes(&s->key), buf_bytes(&s->value));
}
