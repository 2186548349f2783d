/*
 * history_parse.c -- see history_json.h: the parser.
 *
 * Nothing decoded is longer than what it was decoded from, so room for the line is room for all
 * of its strings: scratch is reserved once, and pointers into it stay good.
 */
#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "history/history_json.h"
#include "history/history_utf8.h"

#define PARSE_DEPTH_MAX 32 /* Of what is skipped. */

struct parse {
    const uint8_t *at;
    const uint8_t *end;
    struct buf *scratch;
};

static void parse_space(struct parse *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r'))
        p->at++;
}

/* The next byte that is no space, or NUL at the end (which no JSON has there). Not taken. */
static uint8_t parse_peek(struct parse *p)
{
    parse_space(p);
    return p->at < p->end ? *p->at : '\0';
}

static bool parse_take(struct parse *p, uint8_t c)
{
    if (c == '\0' || parse_peek(p) != c)
        return false;
    p->at++;
    return true;
}

static int parse_word(struct parse *p, const char *word)
{
    struct bytes w = bytes_of(word);
    if ((size_t)(p->end - p->at) < w.size || memcmp(p->at, w.data, w.size) != 0)
        return ERR_INVALID;
    p->at += w.size;
    return 0;
}

static int parse_bool(struct parse *p, bool *out_value)
{
    bool value = parse_peek(p) == 't';
    TRY(parse_word(p, value ? "true" : "false"));
    *out_value = value;
    return 0;
}

static bool parse_at_digit(const struct parse *p)
{
    return p->at < p->end && *p->at >= '0' && *p->at <= '9';
}

/* A whole number from 0 to max, without sign, fraction, exponent or leading zeros. */
static int parse_number(struct parse *p, uint64_t max, uint64_t *out_value)
{
    uint64_t value = 0;
    parse_space(p);
    const uint8_t *begin = p->at;
    for (; parse_at_digit(p); p->at++) {
        uint64_t digit = (uint64_t)(*p->at - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return ERR_INVALID;
        value = value * 10 + digit;
    }
    if (p->at == begin || (*begin == '0' && p->at - begin > 1) || value > max)
        return ERR_INVALID;
    if (p->at < p->end && (*p->at == '.' || *p->at == 'e' || *p->at == 'E'))
        return ERR_INVALID;
    *out_value = value;
    return 0;
}

static int parse_hex4(struct parse *p, uint32_t *out_unit)
{
    uint32_t unit = 0;
    if (p->end - p->at < 4)
        return ERR_INVALID;
    for (int i = 0; i < 4; i++) {
        uint8_t c = *p->at++;
        uint8_t lower = c | 0x20;
        if (c >= '0' && c <= '9')
            unit = unit << 4 | (uint32_t)(c - '0');
        else if (lower >= 'a' && lower <= 'f')
            unit = unit << 4 | (uint32_t)(lower - 'a' + 10);
        else
            return ERR_INVALID;
    }
    *out_unit = unit;
    return 0;
}

/* What follows \u, as UTF-8. Half a surrogate pair is no character. */
static int parse_unicode(struct parse *p)
{
    uint32_t c = 0;
    TRY(parse_hex4(p, &c));
    if (c >= 0xdc00 && c <= 0xdfff)
        return ERR_INVALID;
    if (c >= 0xd800 && c <= 0xdbff) {
        uint32_t low = 0;
        TRY(parse_word(p, "\\u"));
        TRY(parse_hex4(p, &low));
        if (low < 0xdc00 || low > 0xdfff)
            return ERR_INVALID;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    if (c < 0x80)
        return buf_append_u8(p->scratch, (uint8_t)c);
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    uint8_t lead = more == 1 ? 0xc0 : more == 2 ? 0xe0 : 0xf0;
    TRY(buf_append_u8(p->scratch, (uint8_t)(lead | c >> (6 * more))));
    while (more-- > 0)
        TRY(buf_append_u8(p->scratch, (uint8_t)(0x80 | (c >> (6 * more) & 0x3f))));
    return 0;
}

static int parse_escape(struct parse *p)
{
    static const char names[] = "\"\\/bfnrt";
    static const char values[] = "\"\\/\b\f\n\r\t";
    if (p->at == p->end)
        return ERR_INVALID;
    uint8_t c = *p->at++;
    if (c == 'u')
        return parse_unicode(p);
    for (size_t i = 0; names[i] != '\0'; i++) {
        if (c == (uint8_t)names[i])
            return buf_append_u8(p->scratch, (uint8_t)values[i]);
    }
    return ERR_INVALID;
}

/* A string, decoded to the end of scratch. */
static int parse_string(struct parse *p, struct bytes *out_text)
{
    size_t begin = p->scratch->size;
    if (!parse_take(p, '"'))
        return ERR_INVALID;
    while (p->at < p->end && *p->at != '"') {
        uint8_t c = *p->at++;
        if (c < 0x20)
            return ERR_INVALID;
        if (c == '\\')
            TRY(parse_escape(p));
        else
            TRY(buf_append_u8(p->scratch, c));
    }
    if (p->at == p->end)
        return ERR_INVALID;
    p->at++;
    struct bytes text = bytes_slice(buf_bytes(p->scratch), begin, p->scratch->size - begin);
    if (!history_utf8_is_valid(text))
        return ERR_INVALID;
    *out_text = text;
    return 0;
}

/* The six bits of a letter of base64, or 64. */
static uint32_t parse_base64_letter(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return (uint32_t)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (uint32_t)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (uint32_t)(c - '0') + 52;
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

/* Decode in place; `text` is the last thing in scratch. One sequence of bytes has one text. */
static int parse_base64(struct bytes text, uint8_t *room, struct bytes *out_raw)
{
    size_t n = 0;
    if (text.size % 4 != 0)
        return ERR_INVALID;
    for (size_t i = 0; i < text.size; i += 4) {
        const uint8_t *four = text.data + i;
        size_t padding = 0;
        if (i + 4 == text.size && four[3] == '=')
            padding = four[2] == '=' ? 2 : 1;
        uint32_t three = 0;
        for (size_t k = 0; k < 4; k++) {
            uint32_t bits = k >= 4 - padding ? 0 : parse_base64_letter(four[k]);
            if (bits == 64)
                return ERR_INVALID;
            three = three << 6 | bits;
        }
        if ((three & ((UINT32_C(1) << (8 * padding)) - 1)) != 0)
            return ERR_INVALID;
        for (size_t k = 0; k < 3 - padding; k++)
            room[n++] = (uint8_t)(three >> (16 - 8 * k));
    }
    *out_raw = (struct bytes){.data = room, .size = n};
    return 0;
}

/* A string, or {"b64":"…"}. */
static int parse_bytes(struct parse *p, struct bytes *out_value)
{
    if (!parse_take(p, '{'))
        return parse_string(p, out_value);
    struct bytes text = {0};
    TRY(parse_string(p, &text));
    if (!bytes_equal(text, bytes_of("b64")) || !parse_take(p, ':'))
        return ERR_INVALID;
    size_t begin = p->scratch->size;
    TRY(parse_string(p, &text));
    if (!parse_take(p, '}'))
        return ERR_INVALID;
    return parse_base64(text, p->scratch->data + begin, out_value);
}

static int parse_skip_digits(struct parse *p)
{
    if (!parse_at_digit(p))
        return ERR_INVALID;
    while (parse_at_digit(p))
        p->at++;
    return 0;
}

/* Any number of RFC 8259. */
static int parse_skip_number(struct parse *p)
{
    if (*p->at == '-')
        p->at++;
    const uint8_t *begin = p->at;
    TRY(parse_skip_digits(p));
    if (*begin == '0' && p->at - begin > 1)
        return ERR_INVALID;
    if (p->at < p->end && *p->at == '.') {
        p->at++;
        TRY(parse_skip_digits(p));
    }
    if (p->at < p->end && (*p->at == 'e' || *p->at == 'E')) {
        p->at++;
        if (p->at < p->end && (*p->at == '+' || *p->at == '-'))
            p->at++;
        TRY(parse_skip_digits(p));
    }
    return 0;
}

static int parse_skip(struct parse *p, int depth);

/* What stands between brackets: members of an object, or elements of an array. */
static int parse_skip_inside(struct parse *p, uint8_t close, int depth)
{
    struct bytes name = {0};
    if (depth == PARSE_DEPTH_MAX)
        return ERR_INVALID;
    if (parse_take(p, close))
        return 0;
    do {
        if (close == '}') {
            TRY(parse_string(p, &name));
            if (!parse_take(p, ':'))
                return ERR_INVALID;
        }
        TRY(parse_skip(p, depth + 1));
    } while (parse_take(p, ','));
    return parse_take(p, close) ? 0 : ERR_INVALID;
}

/* Any value. */
static int parse_skip(struct parse *p, int depth)
{
    struct bytes ignored = {0};
    uint8_t c = parse_peek(p);
    switch (c) {
    case '{':
    case '[':
        p->at++;
        return parse_skip_inside(p, c == '{' ? '}' : ']', depth);
    case '"':
        return parse_string(p, &ignored);
    case 't':
        return parse_word(p, "true");
    case 'f':
        return parse_word(p, "false");
    case 'n':
        return parse_word(p, "null");
    default:
        return p->at < p->end ? parse_skip_number(p) : ERR_INVALID;
    }
}

enum parse_field {
    FIELD_CLIENT,
    FIELD_OP,
    FIELD_KEY,
    FIELD_VALUE,
    FIELD_EXPECT_FOUND,
    FIELD_EXPECT,
    FIELD_CALL,
    FIELD_RETURN,
    FIELD_OUTCOME,
    FIELD_APPLIED,
    FIELD_FOUND,
    FIELD_OUTPUT,
    FIELD_REVISION,
    FIELD_SLOT,
    FIELD_CLIENT_ID,
    FIELD_OP_ID,
    FIELD_NODE,
    FIELD_COUNT, /* Also: a field that is not known. */
};

static const char *const parse_field_names[FIELD_COUNT] = {
    "client",   "op",     "key",       "value",   "expect_found", "expect",
    "call",     "return", "outcome",   "applied", "found",        "output",
    "revision", "slot",   "client_id", "op_id",   "node",
};

static const char *const parse_kinds[] = {"get", "put", "append", "delete", "cas"};
static const char *const parse_outcomes[] = {"unknown", "ok", "fail"};

/* Which of the names text is; `count` if it is none. */
static size_t parse_name(struct bytes text, const char *const *names, size_t count)
{
    size_t i = 0;
    while (i < count && !bytes_equal(text, bytes_of(names[i])))
        i++;
    return i;
}

static int parse_choice(struct parse *p, const char *const *names, size_t count, size_t *out_index)
{
    struct bytes text = {0};
    TRY(parse_string(p, &text));
    size_t i = parse_name(text, names, count);
    if (i == count)
        return ERR_INVALID;
    *out_index = i;
    return 0;
}

static int parse_number32(struct parse *p, uint32_t *out_value)
{
    uint64_t value = 0;
    TRY(parse_number(p, UINT32_MAX, &value));
    *out_value = (uint32_t)value;
    return 0;
}

static int parse_value(struct parse *p, enum parse_field field, struct history_op *op)
{
    size_t choice = 0;
    switch (field) {
    case FIELD_CLIENT:
        return parse_number32(p, &op->call.client);
    case FIELD_OP:
        TRY(parse_choice(p, parse_kinds, 5, &choice));
        op->call.kind = (enum history_kind)(HISTORY_GET + choice);
        return 0;
    case FIELD_KEY:
        return parse_bytes(p, &op->call.key);
    case FIELD_VALUE:
        return parse_bytes(p, &op->call.value);
    case FIELD_EXPECT_FOUND:
        return parse_bool(p, &op->call.expect_found);
    case FIELD_EXPECT:
        return parse_bytes(p, &op->call.expect);
    case FIELD_CALL:
        return parse_number(p, HISTORY_NEVER - 1, &op->call.call_ns);
    case FIELD_RETURN:
        return parse_number(p, HISTORY_NEVER - 1, &op->answer.return_ns);
    case FIELD_OUTCOME:
        TRY(parse_choice(p, parse_outcomes, 3, &choice));
        op->answer.outcome = (enum history_outcome)choice;
        return 0;
    case FIELD_APPLIED:
        return parse_bool(p, &op->answer.applied);
    case FIELD_FOUND:
        return parse_bool(p, &op->answer.found);
    case FIELD_OUTPUT:
        return parse_bytes(p, &op->answer.output);
    case FIELD_REVISION:
        return parse_number(p, UINT64_MAX, &op->answer.revision);
    case FIELD_SLOT:
        return parse_number(p, UINT64_MAX, &op->answer.slot);
    case FIELD_CLIENT_ID:
        return parse_bytes(p, &op->call.client_id);
    case FIELD_OP_ID:
        return parse_number(p, UINT64_MAX, &op->call.op_id);
    case FIELD_NODE:
        return parse_number32(p, &op->answer.node);
    case FIELD_COUNT:
        break;
    }
    return parse_skip(p, 0);
}

#define FIELD_BIT(field) (UINT32_C(1) << (field))

/* Are the fields there that this kind of operation needs, and no others? */
static bool parse_fields_fit(const struct history_op *op, uint32_t seen)
{
    const uint32_t always = FIELD_BIT(FIELD_CLIENT) | FIELD_BIT(FIELD_OP) | FIELD_BIT(FIELD_KEY) |
                            FIELD_BIT(FIELD_CALL) | FIELD_BIT(FIELD_OUTCOME);
    if ((seen & always) != always)
        return false;
    enum history_kind kind = op->call.kind;
    bool writes = kind != HISTORY_GET && kind != HISTORY_DELETE;
    bool cas = kind == HISTORY_CAS;
    if (writes != ((seen & FIELD_BIT(FIELD_VALUE)) != 0))
        return false;
    if (cas != ((seen & FIELD_BIT(FIELD_EXPECT_FOUND)) != 0))
        return false;
    if (op->call.expect_found != ((seen & FIELD_BIT(FIELD_EXPECT)) != 0))
        return false;
    bool applied = (seen & FIELD_BIT(FIELD_APPLIED)) != 0;
    return applied == (cas && op->answer.outcome == HISTORY_OK);
}

static int parse_members(struct parse *p, struct history_op *op)
{
    uint32_t seen = 0;
    do {
        struct bytes name = {0};
        TRY(parse_string(p, &name));
        if (!parse_take(p, ':'))
            return ERR_INVALID;
        enum parse_field field = (enum parse_field)parse_name(name, parse_field_names, FIELD_COUNT);
        if (field != FIELD_COUNT && (seen & FIELD_BIT(field)) != 0)
            return ERR_INVALID;
        seen |= FIELD_BIT(field);
        TRY(parse_value(p, field, op));
    } while (parse_take(p, ','));
    op->answer.has_found = (seen & FIELD_BIT(FIELD_FOUND)) != 0;
    op->answer.has_output = (seen & FIELD_BIT(FIELD_OUTPUT)) != 0;
    return parse_fields_fit(op, seen) ? 0 : ERR_INVALID;
}

int history_json_parse(struct bytes line, struct buf *scratch, struct history_op *out_op)
{
    buf_clear(scratch);
    if (line.size == 0)
        return ERR_INVALID;
    TRY(buf_reserve(scratch, line.size));
    const uint8_t *room = scratch->data;
    struct parse p = {.at = line.data, .end = line.data + line.size, .scratch = scratch};
    struct history_op op = {.answer = {.return_ns = HISTORY_NEVER}};
    if (!parse_take(&p, '{'))
        return ERR_INVALID;
    TRY(parse_members(&p, &op));
    if (!parse_take(&p, '}'))
        return ERR_INVALID;
    parse_space(&p);
    if (p.at != p.end || !history_op_is_valid(&op))
        return ERR_INVALID;
    assert(scratch->data == room);
    *out_op = op;
    return 0;
}
