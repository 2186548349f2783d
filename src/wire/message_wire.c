/*
 * message_wire.c -- the messages of envelopes; see paxos_wire.h.
 *
 * By hand, where everything else is protobuf-c's: encoding and decoding these is most of what a
 * node does besides moving bytes. The bytes are those that paxos.proto says, and a test holds them
 * against protobuf-c's.
 */
#include <assert.h>
#include <inttypes.h>

#include "wire/checks.h"
#include "wire/envelope.h"
#include "wire/fields.h"
#include "wire/paxos_wire.h"

/* ---- Numbers of fields: paxos.proto -------------------------------------------------------- */

enum message_field {
    MESSAGE_FIELD_KIND = 1,
    MESSAGE_FIELD_SLOT = 2,
    MESSAGE_FIELD_BALLOT = 3, /* And two more: round, node, boot. */
    MESSAGE_FIELD_OTHER = 6,  /* Likewise. */
    MESSAGE_FIELD_VALUE_KIND = 9,
    MESSAGE_FIELD_TAG = 10, /* And two more: node, boot, sequence. */
    MESSAGE_FIELD_VALUE = 13,
    MESSAGE_FIELD_PROGRESS = 14,
    MESSAGE_FIELD_TO = 15,
    MESSAGE_FIELD_REFUSAL = 16,
    MESSAGE_FIELD_HELLO = 17,
    MESSAGE_FIELD_INTERVAL = 21, /* And two more: first, last, stride. */
    MESSAGE_FIELD_REPORTS = 24,
};

enum report_field {
    REPORT_FIELD_INTERVAL = 1, /* And two more, as the next but one. */
    REPORT_FIELD_BALLOT = 4,
    REPORT_FIELD_VALUE_KIND = 7,
    REPORT_FIELD_TAG = 8, /* And two more. */
    REPORT_FIELD_VALUE = 11,
};

enum progress_field {
    PROGRESS_FIELD_BOOT = 1,
    PROGRESS_FIELD_APPLIED,
    PROGRESS_FIELD_CHOSEN_TO,
    PROGRESS_FIELD_FRONTIER,
    PROGRESS_FIELD_POSITION,
    PROGRESS_FIELD_KNOWN,
    PROGRESS_FIELD_BROKEN,
    PROGRESS_FIELD_SENT,
    PROGRESS_FIELD_ECHO,
    PROGRESS_FIELD_HELD,
};

/* Three fields in a row. */
#define FIELD_THREE(number) (FIELD(number) | FIELD((number) + 1) | FIELD((number) + 2))

static const struct fields_shape message_shape = {
    .numbers = FIELD(MESSAGE_FIELD_KIND) | FIELD(MESSAGE_FIELD_SLOT) |
               FIELD_THREE(MESSAGE_FIELD_BALLOT) | FIELD_THREE(MESSAGE_FIELD_OTHER) |
               FIELD(MESSAGE_FIELD_VALUE_KIND) | FIELD_THREE(MESSAGE_FIELD_TAG) |
               FIELD(MESSAGE_FIELD_TO) | FIELD(MESSAGE_FIELD_REFUSAL) |
               FIELD_THREE(MESSAGE_FIELD_INTERVAL),
    .bytes =
        FIELD(MESSAGE_FIELD_VALUE) | FIELD(MESSAGE_FIELD_PROGRESS) | FIELD(MESSAGE_FIELD_HELLO),
    .repeated = FIELD(MESSAGE_FIELD_REPORTS),
};

static const struct fields_shape report_shape = {
    .numbers = FIELD_THREE(REPORT_FIELD_INTERVAL) | FIELD_THREE(REPORT_FIELD_BALLOT) |
               FIELD(REPORT_FIELD_VALUE_KIND) | FIELD_THREE(REPORT_FIELD_TAG),
    .bytes = FIELD(REPORT_FIELD_VALUE),
};

static const struct fields_shape progress_shape = {
    .numbers = FIELD_THREE(PROGRESS_FIELD_BOOT) | FIELD_THREE(PROGRESS_FIELD_FRONTIER) |
               FIELD(PROGRESS_FIELD_BROKEN) | FIELD_THREE(PROGRESS_FIELD_SENT),
};

/* ---- Which fields a kind of message uses --------------------------------------------------- */

#define USE_SLOT FIELD(MESSAGE_FIELD_SLOT)
#define USE_TO FIELD(MESSAGE_FIELD_TO)
#define USE_BALLOT FIELD_THREE(MESSAGE_FIELD_BALLOT)
#define USE_OTHER FIELD_THREE(MESSAGE_FIELD_OTHER)
#define USE_TAG FIELD_THREE(MESSAGE_FIELD_TAG)
#define USE_VALUE (FIELD(MESSAGE_FIELD_VALUE_KIND) | USE_TAG | FIELD(MESSAGE_FIELD_VALUE))
#define USE_PROGRESS FIELD(MESSAGE_FIELD_PROGRESS)
#define USE_REFUSAL FIELD(MESSAGE_FIELD_REFUSAL)
#define USE_HELLO FIELD(MESSAGE_FIELD_HELLO)
#define USE_INTERVAL FIELD_THREE(MESSAGE_FIELD_INTERVAL)
#define USE_REPORTS FIELD(MESSAGE_FIELD_REPORTS)

static const struct {
    const char *name;
    uint32_t uses;
} kinds[] = {
    [MESSAGE_HELLO] = {"HELLO", USE_HELLO},
    [MESSAGE_GOODBYE] = {"GOODBYE", USE_REFUSAL},
    [MESSAGE_HEARTBEAT] = {"HEARTBEAT", USE_PROGRESS},
    [MESSAGE_PREPARE] = {"PREPARE", USE_SLOT | USE_BALLOT},
    [MESSAGE_PROMISE] = {"PROMISE", USE_SLOT | USE_BALLOT | USE_OTHER | USE_VALUE},
    [MESSAGE_ACCEPT] = {"ACCEPT", USE_SLOT | USE_BALLOT | USE_VALUE | USE_INTERVAL},
    [MESSAGE_ACCEPTED] = {"ACCEPTED", USE_SLOT | USE_BALLOT},
    [MESSAGE_REFUSED] = {"REFUSED", USE_SLOT | USE_BALLOT | USE_OTHER},
    [MESSAGE_LEARN] = {"LEARN", USE_SLOT | USE_BALLOT | USE_VALUE},
    [MESSAGE_FETCH] = {"FETCH", USE_SLOT | USE_TO},
    [MESSAGE_CHOSEN] = {"CHOSEN", USE_SLOT | USE_VALUE | USE_INTERVAL},
    [MESSAGE_PREPARE_RANGE] = {"PREPARE_RANGE", USE_INTERVAL | USE_BALLOT},
    [MESSAGE_PROMISE_RANGE] = {"PROMISE_RANGE", USE_INTERVAL | USE_BALLOT | USE_REPORTS},
    [MESSAGE_ACCEPT_NOOP] = {"ACCEPT_NOOP", USE_INTERVAL | USE_BALLOT},
    [MESSAGE_VOTED] = {"VOTED", USE_INTERVAL | USE_BALLOT | USE_VALUE},
    [MESSAGE_REFUSED_RANGE] = {"REFUSED_RANGE", USE_INTERVAL | USE_BALLOT | USE_OTHER},
    [MESSAGE_SKIP] = {"SKIP", USE_INTERVAL},
    [MESSAGE_SKIPPED] = {"SKIPPED", USE_SLOT},
    [MESSAGE_LEARN_NOOP] = {"LEARN_NOOP", USE_INTERVAL},
    [MESSAGE_ASK] = {"ASK", USE_INTERVAL},
    [MESSAGE_READ] = {"READ", USE_SLOT},
    [MESSAGE_READ_ANSWER] = {"READ_ANSWER", USE_SLOT | USE_TO},
    [MESSAGE_COMING] = {"COMING", USE_SLOT | USE_TO},
};

static bool kind_is_known(uint64_t kind)
{
    return kind >= MESSAGE_HELLO && kind <= MESSAGE_COMING;
}

/* ---- Encoding ------------------------------------------------------------------------------ */

/* Above what all numbers of a message take together, and a Hello, and a Progress. */
#define SMALL_MAX 320

static uint8_t *put_three(uint8_t *at, uint32_t number, uint64_t a, uint64_t b, uint64_t c)
{
    at = field_put(at, number, a);
    at = field_put(at, number + 1, b);
    return field_put(at, number + 2, c);
}

static uint8_t *put_ballot(uint8_t *at, uint32_t number, struct ballot b)
{
    return put_three(at, number, b.round, b.node, b.boot);
}

static uint8_t *put_tag(uint8_t *at, uint32_t number, struct tag t)
{
    return put_three(at, number, t.node, t.boot, t.sequence);
}

static uint8_t *put_interval(uint8_t *at, uint32_t number, struct interval i)
{
    return put_three(at, number, i.first, i.last, i.stride);
}

/* A report but for its value's bytes, which are its last field. */
static size_t report_put_numbers(const struct vote_report *r, uint8_t *begin)
{
    uint8_t *at = put_interval(begin, REPORT_FIELD_INTERVAL, r->interval);
    at = put_ballot(at, REPORT_FIELD_BALLOT, r->ballot);
    at = field_put(at, REPORT_FIELD_VALUE_KIND, (uint64_t)r->value->kind);
    return (size_t)(put_tag(at, REPORT_FIELD_TAG, r->value->tag) - begin);
}

static size_t report_size(const struct vote_report *r)
{
    uint8_t numbers[SMALL_MAX];
    size_t size = report_put_numbers(r, numbers);
    if (r->value->size > 0)
        size += field_bytes_size(REPORT_FIELD_VALUE, r->value->size);
    return size;
}

static size_t reports_size(const struct vote_reports *reports)
{
    size_t size = 0;
    for (uint32_t i = 0; reports != NULL && i < reports->count; i++)
        size += field_bytes_size(MESSAGE_FIELD_REPORTS, report_size(&reports->items[i]));
    return size;
}

static uint8_t *put_reports(uint8_t *at, const struct vote_reports *reports)
{
    for (uint32_t i = 0; reports != NULL && i < reports->count; i++) {
        const struct vote_report *r = &reports->items[i];
        at = field_bytes_put_head(at, MESSAGE_FIELD_REPORTS, report_size(r));
        at += report_put_numbers(r, at);
        if (r->value->size > 0)
            at = field_bytes_put(at, REPORT_FIELD_VALUE, value_bytes(r->value));
    }
    return at;
}

static size_t progress_put(const struct progress *p, uint8_t *begin)
{
    uint8_t *at = put_three(begin, PROGRESS_FIELD_BOOT, p->boot, p->applied, p->chosen_to);
    at = put_three(at, PROGRESS_FIELD_FRONTIER, p->frontier, p->position, p->known);
    at = field_put(at, PROGRESS_FIELD_BROKEN, p->broken.bits);
    at = put_three(at, PROGRESS_FIELD_SENT, p->sent_ns, p->echo_ns, p->held_ns);
    return (size_t)(at - begin);
}

static size_t hello_put(const struct hello *h, uint8_t *begin)
{
    Dkv__V1__Hello hello;
    uint32_t ids[MEMBERS_MAX];
    assert(h != NULL);
    hello_to_pb(h, ids, &hello);
    assert(dkv__v1__hello__get_packed_size(&hello) <= SMALL_MAX);
    return dkv__v1__hello__pack(&hello, begin);
}

/*
 * A message in parts, in the order of the fields: numbers, one run of bytes (or none), more
 * numbers, reports. Only then is its size known, which comes first.
 */
struct parts {
    uint32_t uses;
    uint32_t bytes_field; /* 0: none. */
    struct bytes bytes;   /* Borrowed from the message, or in `small`. */
    size_t before_size;
    size_t after_size;
    uint8_t before[SMALL_MAX];
    uint8_t after[SMALL_MAX];
    uint8_t small[SMALL_MAX];
};

static void parts_put_before(struct parts *p, const struct message *m)
{
    uint8_t *at = field_put(p->before, MESSAGE_FIELD_KIND, (uint64_t)m->kind);
    if ((p->uses & USE_SLOT) != 0)
        at = field_put(at, MESSAGE_FIELD_SLOT, m->slot);
    if ((p->uses & USE_BALLOT) != 0)
        at = put_ballot(at, MESSAGE_FIELD_BALLOT, m->ballot);
    if ((p->uses & USE_OTHER) != 0)
        at = put_ballot(at, MESSAGE_FIELD_OTHER, m->other);
    if ((p->uses & USE_VALUE) != 0 && m->value != NULL) {
        at = field_put(at, MESSAGE_FIELD_VALUE_KIND, (uint64_t)m->value->kind);
        at = put_tag(at, MESSAGE_FIELD_TAG, m->value->tag);
    } else if (m->kind == MESSAGE_LEARN) {
        at = put_tag(at, MESSAGE_FIELD_TAG, m->tag);
    }
    p->before_size = (size_t)(at - p->before);
}

static void parts_put_bytes(struct parts *p, const struct message *m)
{
    size_t size = 0;
    p->bytes_field = 0;
    if ((p->uses & USE_VALUE) != 0 && m->value != NULL && m->value->size > 0) {
        p->bytes_field = MESSAGE_FIELD_VALUE;
        p->bytes = value_bytes(m->value);
        return;
    }
    if ((p->uses & USE_PROGRESS) != 0) {
        p->bytes_field = MESSAGE_FIELD_PROGRESS;
        size = progress_put(&m->progress, p->small);
    } else if ((p->uses & USE_HELLO) != 0) {
        p->bytes_field = MESSAGE_FIELD_HELLO;
        size = hello_put(m->hello, p->small);
    }
    p->bytes = (struct bytes){.data = p->small, .size = size};
}

static void parts_put_after(struct parts *p, const struct message *m)
{
    uint8_t *at = p->after;
    if ((p->uses & USE_TO) != 0)
        at = field_put(at, MESSAGE_FIELD_TO, m->to);
    if ((p->uses & USE_REFUSAL) != 0)
        at = field_put(at, MESSAGE_FIELD_REFUSAL, (uint64_t)m->refusal);
    if ((p->uses & USE_INTERVAL) != 0)
        at = put_interval(at, MESSAGE_FIELD_INTERVAL, m->interval);
    p->after_size = (size_t)(at - p->after);
}

int wire_envelope_add(struct wire_list *envelope, const struct message *m)
{
    assert(kind_is_known((uint64_t)m->kind));
    struct parts p;
    uint8_t *at;
    p.uses = kinds[m->kind].uses;
    parts_put_before(&p, m);
    parts_put_bytes(&p, m);
    parts_put_after(&p, m);
    assert(m->reports == NULL || (p.uses & USE_REPORTS) != 0);
    size_t size = p.before_size + p.after_size + reports_size(m->reports);
    if (p.bytes_field != 0)
        size += field_bytes_size(p.bytes_field, p.bytes.size);
    TRY(wire_list_begin(envelope, ENVELOPE_MESSAGES, size, &at));
    memcpy(at, p.before, p.before_size);
    at += p.before_size;
    if (p.bytes_field != 0)
        at = field_bytes_put(at, p.bytes_field, p.bytes);
    memcpy(at, p.after, p.after_size);
    at = put_reports(at + p.after_size, m->reports);
    assert(at == envelope->buf.data + envelope->buf.size);
    return 0;
}

/* ---- Decoding: reports --------------------------------------------------------------------- */

static struct ballot fields_ballot(const struct fields *f, uint32_t number)
{
    return (struct ballot){.round = f->numbers[number],
                           .node = (uint32_t)f->numbers[number + 1],
                           .boot = f->numbers[number + 2]};
}

static struct tag fields_tag(const struct fields *f, uint32_t number)
{
    return (struct tag){.node = (uint32_t)f->numbers[number],
                        .boot = f->numbers[number + 1],
                        .sequence = f->numbers[number + 2]};
}

static struct interval fields_interval(const struct fields *f, uint32_t number)
{
    return (struct interval){.first = f->numbers[number],
                             .last = f->numbers[number + 1],
                             .stride = (uint32_t)f->numbers[number + 2]};
}

static int check_id(uint64_t id, struct wire_error *error)
{
    if (id > UINT32_MAX)
        return wire_refuse(error, "node is %" PRIu64 "; it is at most %" PRIu32, id, UINT32_MAX);
    return 0;
}

/* Is all of a within i? */
static bool interval_contains(struct interval i, struct interval a)
{
    return interval_has(i, a.first) && interval_has(i, a.last) &&
           (a.first == a.last || a.stride % i.stride == 0);
}

/* Of a promise m. Its place in the promise is checked, too, but for the order. */
static int decode_report(struct bytes raw, const struct message *m, struct vote_report *out,
                         struct wire_error *error)
{
    struct fields f;
    TRY(fields_take(raw, &report_shape, &f, error));
    TRY(check_id(f.numbers[REPORT_FIELD_BALLOT + 1], error));
    TRY(check_id(f.numbers[REPORT_FIELD_TAG], error));
    TRY(check_interval(f.numbers[REPORT_FIELD_INTERVAL], f.numbers[REPORT_FIELD_INTERVAL + 1],
                       f.numbers[REPORT_FIELD_INTERVAL + 2], error));
    struct vote_report r = {
        .interval = fields_interval(&f, REPORT_FIELD_INTERVAL),
        .ballot = fields_ballot(&f, REPORT_FIELD_BALLOT),
    };
    uint64_t value_kind = f.numbers[REPORT_FIELD_VALUE_KIND];
    TRY(check_ballot("reported ballot", r.ballot, true, error));
    if (ballot_cmp(r.ballot, m->ballot) > 0)
        return wire_refuse(error, "reported ballot is above the promised one");
    if (!interval_contains(m->interval, r.interval))
        return wire_refuse(error,
                           "report of slots %" PRIu64 " to %" PRIu64 ", which are not all "
                           "promised",
                           r.interval.first, r.interval.last);
    if (value_kind == 0)
        return wire_refuse(error, "report has no value");
    if (value_kind != VALUE_NOOP && r.interval.first != r.interval.last)
        return wire_refuse(error, "report of many slots is not of NOOP");
    TRY(check_value(value_kind, fields_tag(&f, REPORT_FIELD_TAG), f.bytes, &r.value, error));
    *out = r;
    return 0;
}

/* The `count` reports in raw, which is that of m. */
static int decode_reports(struct bytes raw, uint32_t count, const struct message *m,
                          struct vote_reports **out_reports, struct wire_error *error)
{
    if (count > REPORTS_MAX)
        return wire_refuse(error, "promise has %" PRIu32 " reports; it has at most %d", count,
                           REPORTS_MAX);
    struct vote_reports *reports;
    TRY(reports_new(count, &reports));
    uint64_t first = 0;
    int err = 0;
    while (err == 0 && reports->count < count) {
        struct bytes element;
        struct vote_report r = {0};
        err = wire_list_next(&raw, MESSAGE_FIELD_REPORTS, &element, error);
        assert(err == 0); /* They were counted. */
        err = decode_report(element, m, &r, error);
        if (err != 0)
            break;
        reports_add(reports, r);
        if (r.interval.first < first)
            err = wire_refuse(error, "reports are not in the order of their first slots");
        first = r.interval.first;
    }
    if (err == 0)
        *out_reports = reports;
    else
        reports_unref(reports);
    return err;
}

/* ---- Decoding: the rest -------------------------------------------------------------------- */

static int decode_progress(struct bytes in, struct progress *out, struct wire_error *error)
{
    struct fields f;
    TRY(fields_take(in, &progress_shape, &f, error));
    TRY(check_number("boot", f.numbers[PROGRESS_FIELD_BOOT], 1, error));
    TRY(check_number("applied", f.numbers[PROGRESS_FIELD_APPLIED], 0, error));
    TRY(check_number("chosen_to", f.numbers[PROGRESS_FIELD_CHOSEN_TO], 0, error));
    TRY(check_number("frontier", f.numbers[PROGRESS_FIELD_FRONTIER], 0, error));
    TRY(check_number("position", f.numbers[PROGRESS_FIELD_POSITION], 0, error));
    TRY(check_number("known", f.numbers[PROGRESS_FIELD_KNOWN], 0, error));
    TRY(check_number("sent_ns", f.numbers[PROGRESS_FIELD_SENT], 0, error));
    TRY(check_number("echo_ns", f.numbers[PROGRESS_FIELD_ECHO], 0, error));
    TRY(check_number("held_ns", f.numbers[PROGRESS_FIELD_HELD], 0, error));
    if (f.numbers[PROGRESS_FIELD_BROKEN] >> MEMBERS_MAX != 0)
        return wire_refuse(error, "broken has more than %d members", MEMBERS_MAX);
    *out = (struct progress){
        .boot = f.numbers[PROGRESS_FIELD_BOOT],
        .applied = f.numbers[PROGRESS_FIELD_APPLIED],
        .chosen_to = f.numbers[PROGRESS_FIELD_CHOSEN_TO],
        .frontier = f.numbers[PROGRESS_FIELD_FRONTIER],
        .position = f.numbers[PROGRESS_FIELD_POSITION],
        .known = f.numbers[PROGRESS_FIELD_KNOWN],
        .broken = {.bits = (uint16_t)f.numbers[PROGRESS_FIELD_BROKEN]},
        .sent_ns = f.numbers[PROGRESS_FIELD_SENT],
        .echo_ns = f.numbers[PROGRESS_FIELD_ECHO],
        .held_ns = f.numbers[PROGRESS_FIELD_HELD],
    };
    return 0;
}

static int decode_hello(struct bytes in, struct wire_arena *arena, struct hello *out,
                        struct wire_error *error)
{
    const void *unpacked;
    TRY(wire_unpack(&dkv__v1__hello__descriptor, in, WIRE_FIELDS_MAX, arena, &unpacked, error));
    return hello_from_pb(unpacked, out, error);
}

/* A field that this kind does not use must not be there. */
static int check_uses(const struct fields *f, struct wire_error *error)
{
    uint64_t kind = f->numbers[MESSAGE_FIELD_KIND];
    if (!kind_is_known(kind))
        return wire_refuse(error, "message kind %" PRIu64 " is unknown", kind);
    uint32_t uses = kinds[kind].uses | FIELD(MESSAGE_FIELD_KIND);
    uint32_t has = f->has;
    if (f->bytes.size == 0)
        has &= ~FIELD(MESSAGE_FIELD_VALUE); /* An empty one is none. */
    /* Without a value only LEARN has a tag. */
    bool has_value = (has & (FIELD(MESSAGE_FIELD_VALUE_KIND) | FIELD(MESSAGE_FIELD_VALUE))) != 0;
    if (!has_value && kind != MESSAGE_LEARN)
        uses &= ~USE_TAG;
    if ((has & ~uses) != 0)
        return wire_refuse(error, "%s has a field that is not its", kinds[kind].name);
    if ((uses & ~has & (USE_PROGRESS | USE_HELLO)) != 0)
        return wire_refuse(error, "%s has no %s", kinds[kind].name,
                           kind == MESSAGE_HELLO ? "hello" : "progress");
    TRY(check_id(f->numbers[MESSAGE_FIELD_BALLOT + 1], error));
    TRY(check_id(f->numbers[MESSAGE_FIELD_OTHER + 1], error));
    return check_id(f->numbers[MESSAGE_FIELD_TAG], error);
}

static int check_slots(const struct fields *f, const struct message *m, struct wire_error *error)
{
    uint32_t uses = kinds[m->kind].uses;
    bool is_question = m->kind == MESSAGE_READ || m->kind == MESSAGE_READ_ANSWER;
    bool has_interval = (f->has & USE_INTERVAL) != 0;
    bool may_lack_interval = m->kind == MESSAGE_ACCEPT || m->kind == MESSAGE_CHOSEN;
    bool may_lack_slot = m->kind == MESSAGE_CHOSEN && has_interval;
    if ((uses & USE_INTERVAL) != 0 && (has_interval || !may_lack_interval))
        TRY(check_interval(f->numbers[MESSAGE_FIELD_INTERVAL],
                           f->numbers[MESSAGE_FIELD_INTERVAL + 1],
                           f->numbers[MESSAGE_FIELD_INTERVAL + 2], error));
    if ((uses & USE_SLOT) != 0 && !may_lack_slot)
        TRY(check_number("slot", m->slot, is_question ? 0 : 1, error));
    if (m->kind == MESSAGE_COMING && m->to > VALUE_BYTES_MAX)
        return wire_refuse(error, "COMING has %" PRIu64 " bytes; a value has at most %zu", m->to,
                           VALUE_BYTES_MAX);
    if ((uses & USE_TO) != 0)
        TRY(check_number("last slot", m->to, m->kind == MESSAGE_FETCH ? m->slot : 0, error));
    if (m->kind == MESSAGE_CHOSEN && has_interval && m->slot != 0)
        return wire_refuse(error, "CHOSEN has a slot and an interval");
    /* A slot is proposed in, or skipped. */
    if (m->kind == MESSAGE_ACCEPT && has_interval && interval_has(m->interval, m->slot))
        return wire_refuse(error, "ACCEPT skips its own slot");
    return 0;
}

static int check_ballots(const struct message *m, bool has_value, struct wire_error *error)
{
    /* What was learnt by FETCH is told without a ballot, but with its value. */
    if ((kinds[m->kind].uses & USE_BALLOT) != 0)
        TRY(check_ballot("ballot", m->ballot, m->kind == MESSAGE_LEARN && has_value, error));
    if (m->kind == MESSAGE_PROMISE) {
        TRY(check_ballot("accepted ballot", m->other, !has_value, error));
        if (!ballot_is_none(m->other) && !has_value)
            return wire_refuse(error, "PROMISE has an accepted ballot and no value");
        if (ballot_cmp(m->other, m->ballot) > 0)
            return wire_refuse(error, "PROMISE has an accepted ballot above the promised one");
    }
    if (m->kind == MESSAGE_REFUSED || m->kind == MESSAGE_REFUSED_RANGE) {
        TRY(check_ballot("promised ballot", m->other, false, error));
        if (ballot_cmp(m->other, m->ballot) <= 0)
            return wire_refuse(error, "%s for a ballot that is not below the promised one",
                               kinds[m->kind].name);
    }
    return 0;
}

/* What is left to check once all is where it belongs. */
static int check_rest(const struct message *m, uint64_t value_kind, struct wire_error *error)
{
    if ((m->kind == MESSAGE_ACCEPT || m->kind == MESSAGE_CHOSEN) && value_kind == 0)
        return wire_refuse(error, "%s has no value", kinds[m->kind].name);
    bool is_range =
        m->kind == MESSAGE_VOTED || (m->kind == MESSAGE_CHOSEN && !interval_is_none(m->interval));
    if (is_range && value_kind != 0 && value_kind != VALUE_NOOP)
        return wire_refuse(error, "%s of an interval has a value that is not NOOP",
                           kinds[m->kind].name);
    if (m->kind == MESSAGE_LEARN && value_kind == 0 && !tag_is_none(m->tag))
        TRY(check_tag(m->tag, error));
    if (m->kind == MESSAGE_GOODBYE && (m->refusal < REFUSAL_VERSION || m->refusal > REFUSAL_DISK))
        return wire_refuse(error, "refusal %d is unknown", (int)m->refusal);
    return 0;
}

static struct message message_of_fields(const struct fields *f)
{
    uint64_t refusal = f->numbers[MESSAGE_FIELD_REFUSAL];
    return (struct message){
        .kind = (enum message_kind)f->numbers[MESSAGE_FIELD_KIND],
        .slot = f->numbers[MESSAGE_FIELD_SLOT],
        .to = f->numbers[MESSAGE_FIELD_TO],
        .ballot = fields_ballot(f, MESSAGE_FIELD_BALLOT),
        .other = fields_ballot(f, MESSAGE_FIELD_OTHER),
        .tag = fields_tag(f, MESSAGE_FIELD_TAG),
        .interval = fields_interval(f, MESSAGE_FIELD_INTERVAL),
        .refusal = (enum refusal)(refusal < INT32_MAX ? refusal : INT32_MAX),
    };
}

int wire_decode_message(struct bytes raw, struct wire_arena *arena, struct hello *out_hello,
                        struct message *out_message, struct wire_error *error)
{
    struct fields f;
    struct hello hello;
    TRY(fields_take(raw, &message_shape, &f, error));
    TRY(check_uses(&f, error));
    struct message m = message_of_fields(&f);
    uint64_t value_kind = f.numbers[MESSAGE_FIELD_VALUE_KIND];
    TRY(check_slots(&f, &m, error));
    TRY(check_ballots(&m, value_kind != 0, error));
    TRY(check_rest(&m, value_kind, error));
    if (m.kind == MESSAGE_HEARTBEAT) {
        TRY(decode_progress(f.bytes, &m.progress, error));
    } else if (m.kind == MESSAGE_HELLO) {
        TRY(decode_hello(f.bytes, arena, &hello, error));
    } else {
        TRY(check_value(value_kind, m.tag, f.bytes, &m.value, error));
        if (f.repeated > 0)
            TRY(decode_reports(raw, f.repeated, &m, &m.reports, error));
    }
    if (m.kind != MESSAGE_LEARN)
        m.tag = (struct tag){0};
    if (m.kind == MESSAGE_HELLO) {
        *out_hello = hello;
        m.hello = out_hello;
    }
    *out_message = m;
    return 0;
}
