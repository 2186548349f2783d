/* print.c -- records in words, and whether they are good. See record.h. */
#include <assert.h>

#include "kv/command.h"
#include "record/frame.h"

static int print_text(struct buf *out, const char *text)
{
    return buf_append(out, bytes_of(text));
}

static int print_u64(struct buf *out, uint64_t n)
{
    uint8_t digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (uint8_t)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    return buf_append(out, (struct bytes){.data = digits + at, .size = sizeof(digits) - at});
}

static int print_hex(struct buf *out, struct bytes b)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < b.size; i++) {
        TRY(buf_append_u8(out, (uint8_t)digits[b.data[i] >> 4]));
        TRY(buf_append_u8(out, (uint8_t)digits[b.data[i] & 15]));
    }
    return 0;
}

/* In quotes; what is not printable ASCII as \xNN. */
static int print_quoted(struct buf *out, struct bytes b)
{
    TRY(buf_append_u8(out, '"'));
    for (size_t i = 0; i < b.size; i++) {
        uint8_t c = b.data[i];
        if (c >= ' ' && c < 0x7f && c != '"' && c != '\\') {
            TRY(buf_append_u8(out, c));
            continue;
        }
        TRY(print_text(out, "\\x"));
        TRY(print_hex(out, bytes_slice(b, i, 1)));
    }
    return buf_append_u8(out, '"');
}

static int print_field(struct buf *out, const char *name, uint64_t n)
{
    TRY(print_text(out, name));
    return print_u64(out, n);
}

static int print_triple(struct buf *out, uint64_t a, uint64_t b, uint64_t c)
{
    TRY(print_u64(out, a));
    TRY(print_field(out, ".", b));
    return print_field(out, ".", c);
}

static int print_ballot(struct buf *out, const char *name, struct ballot b)
{
    TRY(print_text(out, name));
    if (ballot_is_none(b))
        return print_text(out, "none");
    return print_triple(out, b.round, b.node, b.boot);
}

static int print_value(struct buf *out, const struct value *v)
{
    if (v->kind == VALUE_NOOP)
        return print_text(out, " noop");
    TRY(print_text(out, v->kind == VALUE_BARRIER ? " barrier " : " batch "));
    TRY(print_triple(out, v->tag.node, v->tag.boot, v->tag.sequence));
    uint32_t commands = 0;
    if (v->kind != VALUE_BATCH || batch_check(value_bytes(v), &commands) != 0)
        return 0;
    TRY(print_field(out, " commands ", commands));
    return print_field(out, " bytes ", v->size);
}

static int print_durable(struct buf *out, const struct durable *d)
{
    switch (d->kind) {
    case DURABLE_VOTE:
        TRY(print_ballot(out, " promised ", d->promised));
        TRY(print_ballot(out, " accepted ", d->accepted));
        return d->value == NULL ? 0 : print_value(out, d->value);
    case DURABLE_LEARNT:
        return print_value(out, d->value);
    case DURABLE_CHOSEN_TO:
        return print_field(out, " ", d->slot);
    case DURABLE_PEER:
        TRY(print_text(out, " disk "));
        return print_hex(out, (struct bytes){.data = d->disk_id, .size = DISK_ID_SIZE});
    case DURABLE_ADMITTED:
        return print_text(out, " yes");
    case DURABLE_RESERVED:
        return print_field(out, " ", d->slot);
    case DURABLE_PROMISED_RANGE:
        return print_ballot(out, " ", d->promised);
    case DURABLE_VOTED_NOOP:
        TRY(print_ballot(out, " ", d->accepted));
        return print_text(out, " noop");
    case DURABLE_LEARNT_NOOP:
        return print_text(out, " noop");
    }
    assert(false);
    return 0;
}

static int print_identity(struct buf *out, const struct identity *identity)
{
    TRY(print_field(out, " node ", identity->id));
    TRY(print_text(out, " cluster "));
    TRY(print_quoted(out, bytes_of(identity->cluster)));
    TRY(print_text(out, " mode "));
    TRY(print_text(out, mode_name(identity->mode)));
    TRY(print_text(out, " members"));
    for (uint32_t i = 0; i < identity->members.count; i++)
        TRY(print_field(out, i == 0 ? " " : ",", identity->members.ids[i]));
    TRY(print_text(out, " disk "));
    return print_hex(out, (struct bytes){.data = identity->disk_id, .size = DISK_ID_SIZE});
}

static int print_head(struct buf *out, const struct checkpoint_head *head)
{
    TRY(print_field(out, " applied ", head->applied));
    TRY(print_field(out, " revision ", head->revision));
    TRY(print_field(out, " evicted_to ", head->evicted_to));
    TRY(print_field(out, " hash ", head->hash));
    TRY(print_field(out, " keys ", head->keys));
    return print_field(out, " clients ", head->clients);
}

static int print_entry(struct buf *out, const struct record_entry *e)
{
    TRY(print_field(out, " created ", e->create_revision));
    TRY(print_field(out, " modified ", e->mod_revision));
    TRY(print_field(out, " version ", e->version));
    return print_field(out, " bytes ", e->value.size);
}

/* ---- Any record: decoded into one of these, then printed -------------------------------- */

struct print_record {
    enum record_kind kind;
    struct durable durable; /* For the kinds that have no member of their own. */
    struct identity identity;
    uint64_t boot;
    struct checkpoint_head head;
    struct record_entry entry;
    struct bytes session;
    struct bytes before;
    uint64_t journal;
};

static int print_decode(enum record_table table, struct bytes key, struct bytes value,
                        struct print_record *r)
{
    TRY(record_kind_of(table, key, &r->kind));
    switch (r->kind) {
    case RECORD_IDENTITY:
        return record_decode_identity(table, key, value, &r->identity);
    case RECORD_BOOT:
        return record_decode_boot(key, value, &r->boot);
    case RECORD_HEAD:
        return record_decode_checkpoint_head(key, value, &r->head);
    case RECORD_KEY:
        return record_decode_checkpoint_key(key, value, &r->entry);
    case RECORD_SESSION:
        return record_decode_checkpoint_session(key, value, &r->session);
    case RECORD_JOURNAL:
        return record_decode_journal(key, value, &r->journal);
    case RECORD_UNDO:
        return record_decode_undo(table, key, value, &r->before);
    case RECORD_ADMITTED:
    case RECORD_PEER:
    case RECORD_CHOSEN_TO:
    case RECORD_VOTE:
    case RECORD_LEARNT:
    case RECORD_RESERVED:
    case RECORD_PROMISED_RANGE:
    case RECORD_VOTED_NOOP:
    case RECORD_LEARNT_NOOP:
        return record_decode_durable(table, key, value, &r->durable);
    }
    assert(false);
    return ERR_CORRUPT;
}

static int print_decoded(struct buf *out, const struct print_record *r)
{
    switch (r->kind) {
    case RECORD_IDENTITY:
        return print_identity(out, &r->identity);
    case RECORD_BOOT:
        return print_field(out, " ", r->boot);
    case RECORD_HEAD:
        return print_head(out, &r->head);
    case RECORD_KEY:
        return print_entry(out, &r->entry);
    case RECORD_SESSION:
        return print_field(out, " bytes ", r->session.size);
    case RECORD_JOURNAL:
        return print_field(out, " ", r->journal);
    case RECORD_UNDO:
        return r->before.size == 0 ? print_text(out, " none before")
                                   : print_field(out, " before: bytes ", r->before.size);
    case RECORD_ADMITTED:
    case RECORD_PEER:
    case RECORD_CHOSEN_TO:
    case RECORD_VOTE:
    case RECORD_LEARNT:
    case RECORD_RESERVED:
    case RECORD_PROMISED_RANGE:
    case RECORD_VOTED_NOOP:
    case RECORD_LEARNT_NOOP:
        return print_durable(out, &r->durable);
    }
    assert(false);
    return 0;
}

int record_verify(enum record_table table, struct bytes key, struct bytes value)
{
    struct print_record r = {0};
    int err = print_decode(table, key, value, &r);
    value_unref(r.durable.value);
    return err;
}

/* 17..29+3/voted: of the slots 17, 20, 23, 26, 29. */
static int print_range(struct buf *out, struct interval i, enum record_kind kind)
{
    TRY(print_u64(out, i.first));
    TRY(print_field(out, "..", i.last));
    TRY(print_field(out, "+", i.stride));
    if (kind == RECORD_PROMISED_RANGE)
        return print_text(out, "/promised");
    return print_text(out, kind == RECORD_VOTED_NOOP ? "/voted" : "/learnt");
}

int record_print_key(enum record_table table, struct bytes key, struct buf *out)
{
    uint64_t slot;
    uint32_t peer;
    struct interval interval;
    enum record_kind kind;
    TRY(print_text(out, record_table_name(table)));
    TRY(print_text(out, "/"));
    bool has_slots = table == RECORD_TABLE_VOTES || table == RECORD_TABLE_LEARNT;
    if (has_slots && record_slot_of_key(key, &slot) == 0)
        return print_u64(out, slot);
    if (table == RECORD_TABLE_META && frame_peer_of_key(key, &peer) == 0)
        return print_field(out, FRAME_NAME_PEER, peer);
    if (table == RECORD_TABLE_RANGES && record_range_of_key(key, &interval, &kind) == 0)
        return print_range(out, interval, kind);
    bool has_names = table == RECORD_TABLE_META || table == RECORD_TABLE_STATE;
    if (has_names && record_kind_of(table, key, &kind) == 0)
        return buf_append(out, key);
    return print_quoted(out, key);
}

int record_print(enum record_table table, struct bytes key, struct bytes value, struct buf *out)
{
    struct print_record r = {0};
    int err = print_decode(table, key, value, &r);
    if (err == ERR_NO_MEMORY)
        return err;
    int printed = record_print_key(table, key, out);
    if (printed == 0 && err != 0)
        printed = print_text(out, err == ERR_MISMATCH ? " of another version" : " corrupt");
    else if (printed == 0)
        printed = print_decoded(out, &r);
    value_unref(r.durable.value);
    return printed;
}
