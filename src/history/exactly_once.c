/* exactly_once.c -- see exactly_once.h. */
#include "history/exactly_once.h"

#include <assert.h>

#include "base/mem.h"
#include "history/history_sort.h"

static struct bytes once_token(const struct history *h, uint32_t number)
{
    return h->ops[number].call.value;
}

static int once_cmp(const void *context, uint32_t a, uint32_t b)
{
    const struct history_op *ops = context;
    return bytes_cmp(ops[a].call.value, ops[b].call.value);
}

static bool once_begins(struct bytes b, struct bytes prefix)
{
    return b.size >= prefix.size && bytes_equal(bytes_slice(b, 0, prefix.size), prefix);
}

/* The appends to key. ERR_INVALID: there are other writes. */
static int once_collect(const struct history *h, struct bytes key, uint32_t *numbers,
                        size_t *out_count)
{
    size_t count = 0;
    for (size_t i = 0; i < h->count; i++) {
        const struct history_call *c = &h->ops[i].call;
        if (c->kind == HISTORY_GET || !bytes_equal(c->key, key))
            continue;
        if (c->kind != HISTORY_APPEND || c->value.size == 0)
            return ERR_INVALID;
        numbers[count++] = (uint32_t)i;
    }
    *out_count = count;
    return 0;
}

/* Sort by token. What begins with a token stands right behind it. ERR_INVALID: something does. */
static int once_sort(const struct history *h, uint32_t *numbers, size_t count)
{
    TRY(history_sort(numbers, count, once_cmp, h->ops));
    for (size_t i = 1; i < count; i++) {
        if (once_begins(once_token(h, numbers[i]), once_token(h, numbers[i - 1])))
            return ERR_INVALID;
    }
    return 0;
}

/* Place in numbers of the one token that `rest` begins with, or count. */
static size_t once_find(const struct history *h, const uint32_t *numbers, size_t count,
                        struct bytes rest)
{
    /* It is the last one that is not above rest: any between it and rest would begin with it. */
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bytes_cmp(once_token(h, numbers[middle]), rest) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool fits = low > 0 && once_begins(rest, once_token(h, numbers[low - 1]));
    return fits ? low - 1 : count;
}

/* Take value apart, token by token; seen[i] tells whether numbers[i] was met. */
static struct exactly_once_report once_walk(const struct history *h, const uint32_t *numbers,
                                            size_t count, struct bytes value, bool *seen)
{
    size_t offset = 0;
    while (offset < value.size) {
        struct bytes rest = bytes_slice(value, offset, value.size - offset);
        size_t i = once_find(h, numbers, count, rest);
        if (i == count)
            return (struct exactly_once_report){.fault = EXACTLY_ONCE_FOREIGN, .offset = offset};
        const struct history_op *op = &h->ops[numbers[i]];
        enum exactly_once_fault fault = seen[i] ? EXACTLY_ONCE_TWICE : EXACTLY_ONCE_FINE;
        if (op->answer.outcome == HISTORY_FAIL)
            fault = EXACTLY_ONCE_FAILED;
        if (fault != EXACTLY_ONCE_FINE)
            return (struct exactly_once_report){fault, numbers[i], offset};
        seen[i] = true;
        offset += op->call.value.size;
    }
    for (size_t i = 0; i < count; i++) {
        if (!seen[i] && h->ops[numbers[i]].answer.outcome == HISTORY_OK)
            return (struct exactly_once_report){EXACTLY_ONCE_LOST, numbers[i], value.size};
    }
    return (struct exactly_once_report){.fault = EXACTLY_ONCE_FINE};
}

int exactly_once_check(const struct history *h, struct bytes key, struct bytes value,
                       struct exactly_once_report *out_report)
{
    assert(h->count <= HISTORY_OPS_MAX);
    size_t count = 0;
    uint32_t *numbers = mem_alloc((h->count + 1) * sizeof(*numbers));
    bool *seen = mem_alloc_zero((h->count + 1) * sizeof(*seen));
    int err = numbers == NULL || seen == NULL ? ERR_NO_MEMORY : 0;
    if (err == 0)
        err = once_collect(h, key, numbers, &count);
    if (err == 0)
        err = once_sort(h, numbers, count);
    if (err == 0)
        *out_report = once_walk(h, numbers, count, value, seen);
    mem_free(numbers);
    mem_free(seen);
    return err;
}

const char *exactly_once_text(enum exactly_once_fault fault)
{
    switch (fault) {
    case EXACTLY_ONCE_FINE:
        return "every append took effect once";
    case EXACTLY_ONCE_LOST:
        return "an append that was answered is not in the value";
    case EXACTLY_ONCE_TWICE:
        return "an append took effect twice";
    case EXACTLY_ONCE_FAILED:
        return "an append that failed took effect";
    case EXACTLY_ONCE_FOREIGN:
        return "the value holds what nobody appended";
    }
    return "an unknown fault";
}
