/* history_json.c -- see history_json.h: the writer. The parser is in history_parse.c. */
#include "history/history_json.h"

#include <assert.h>

#include "history/history_utf8.h"

static const char *const json_kinds[] = {
    [HISTORY_GET] = "get",       [HISTORY_PUT] = "put", [HISTORY_APPEND] = "append",
    [HISTORY_DELETE] = "delete", [HISTORY_CAS] = "cas",
};

static const char *const json_outcomes[] = {
    [HISTORY_UNKNOWN] = "unknown",
    [HISTORY_OK] = "ok",
    [HISTORY_FAIL] = "fail",
};

static int json_text(struct buf *out, const char *text)
{
    return buf_append(out, bytes_of(text));
}

static int json_number(struct buf *out, uint64_t v)
{
    uint8_t digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (uint8_t)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    return buf_append(out, (struct bytes){.data = digits + at, .size = sizeof(digits) - at});
}

/* What stands for c inside a string, or NULL when it stands for itself. `hex` is room for it. */
static const char *json_escape(uint8_t c, char hex[7])
{
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        break;
    }
    if (c >= 0x20)
        return NULL;
    static const char digits[] = "0123456789abcdef";
    const char escape[7] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15], '\0'};
    for (int i = 0; i < 7; i++)
        hex[i] = escape[i];
    return hex;
}

static int json_string(struct buf *out, struct bytes text)
{
    size_t plain = 0; /* Where the run begins that is not written yet. */
    TRY(buf_append_u8(out, '"'));
    for (size_t i = 0; i < text.size; i++) {
        char hex[7];
        const char *escape = json_escape(text.data[i], hex);
        if (escape == NULL)
            continue;
        TRY(buf_append(out, bytes_slice(text, plain, i - plain)));
        TRY(json_text(out, escape));
        plain = i + 1;
    }
    TRY(buf_append(out, bytes_slice(text, plain, text.size - plain)));
    return buf_append_u8(out, '"');
}

static int json_base64(struct buf *out, struct bytes raw)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    TRY(json_text(out, "{\"b64\":\""));
    for (size_t i = 0; i < raw.size; i += 3) {
        size_t n = raw.size - i;
        uint32_t three = (uint32_t)raw.data[i] << 16;
        three |= n > 1 ? (uint32_t)raw.data[i + 1] << 8 : 0;
        three |= n > 2 ? raw.data[i + 2] : 0;
        const uint8_t four[4] = {
            (uint8_t)alphabet[three >> 18],
            (uint8_t)alphabet[three >> 12 & 63],
            (uint8_t)(n > 1 ? alphabet[three >> 6 & 63] : '='),
            (uint8_t)(n > 2 ? alphabet[three & 63] : '='),
        };
        TRY(buf_append(out, (struct bytes){.data = four, .size = 4}));
    }
    return json_text(out, "\"}");
}

/* `name` comes with its comma and quotes: ,"key": */
static int json_bytes_field(struct buf *out, const char *name, struct bytes value)
{
    TRY(json_text(out, name));
    return history_utf8_is_valid(value) ? json_string(out, value) : json_base64(out, value);
}

static int json_number_field(struct buf *out, const char *name, uint64_t value)
{
    TRY(json_text(out, name));
    return json_number(out, value);
}

static int json_bool_field(struct buf *out, const char *name, bool value)
{
    TRY(json_text(out, name));
    return json_text(out, value ? "true" : "false");
}

static int json_call(struct buf *out, const struct history_call *c)
{
    TRY(json_number_field(out, "{\"client\":", c->client));
    TRY(json_text(out, ",\"op\":\""));
    TRY(json_text(out, json_kinds[c->kind]));
    TRY(json_bytes_field(out, "\",\"key\":", c->key));
    if (c->kind != HISTORY_GET && c->kind != HISTORY_DELETE)
        TRY(json_bytes_field(out, ",\"value\":", c->value));
    if (c->kind == HISTORY_CAS)
        TRY(json_bool_field(out, ",\"expect_found\":", c->expect_found));
    if (c->expect_found)
        TRY(json_bytes_field(out, ",\"expect\":", c->expect));
    return json_number_field(out, ",\"call\":", c->call_ns);
}

static int json_answer(struct buf *out, const struct history_call *c,
                       const struct history_answer *a)
{
    if (a->return_ns != HISTORY_NEVER)
        TRY(json_number_field(out, ",\"return\":", a->return_ns));
    TRY(json_text(out, ",\"outcome\":\""));
    TRY(json_text(out, json_outcomes[a->outcome]));
    TRY(json_text(out, "\""));
    if (c->kind == HISTORY_CAS && a->outcome == HISTORY_OK)
        TRY(json_bool_field(out, ",\"applied\":", a->applied));
    if (a->has_found)
        TRY(json_bool_field(out, ",\"found\":", a->found));
    if (a->has_output)
        TRY(json_bytes_field(out, ",\"output\":", a->output));
    if (a->revision != 0)
        TRY(json_number_field(out, ",\"revision\":", a->revision));
    if (a->slot != 0)
        TRY(json_number_field(out, ",\"slot\":", a->slot));
    if (c->client_id.size > 0)
        TRY(json_bytes_field(out, ",\"client_id\":", c->client_id));
    if (c->op_id != 0)
        TRY(json_number_field(out, ",\"op_id\":", c->op_id));
    if (a->node != 0)
        TRY(json_number_field(out, ",\"node\":", a->node));
    return json_text(out, "}\n");
}

int history_json_write(const struct history_op *op, struct buf *out)
{
    assert(history_op_is_valid(op));
    size_t size_before = out->size;
    int err = json_call(out, &op->call);
    if (err == 0)
        err = json_answer(out, &op->call, &op->answer);
    if (err != 0)
        out->size = size_before;
    return err;
}
