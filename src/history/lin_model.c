/* lin_model.c -- see lin_model.h. */
#include "history/lin_model.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "history/history_sort.h"

/* The first `size` bytes of seen value `index`, of which all before it are smaller. */
static uint64_t model_state(uint32_t index, size_t size)
{
    assert(size <= HISTORY_BYTES_MAX);
    return (uint64_t)index << 32 | (uint32_t)size;
}

static uint32_t model_state_index(uint64_t state)
{
    assert(state != LIN_ABSENT && state != LIN_UNSEEN);
    return (uint32_t)(state >> 32);
}

struct bytes lin_model_value(const struct lin_model *m, uint64_t state)
{
    uint32_t index = model_state_index(state);
    assert(index < m->count);
    return bytes_slice(m->seen[index], 0, (uint32_t)state);
}

uint32_t lin_model_index(const struct lin_model *m, uint64_t state)
{
    if (state == LIN_ABSENT)
        return m->count;
    if (state == LIN_UNSEEN)
        return LIN_NOWHERE;
    uint32_t index = model_state_index(state);
    return m->seen[index].size == (uint32_t)state ? index : LIN_NOWHERE;
}

static bool model_has_prefix(struct bytes b, struct bytes prefix)
{
    return b.size >= prefix.size && bytes_equal(bytes_slice(b, 0, prefix.size), prefix);
}

/* memcmp order of value and head + tail. */
static int model_cmp_joined(struct bytes value, struct bytes head, struct bytes tail)
{
    if (!model_has_prefix(value, head))
        return bytes_cmp(value, head);
    return bytes_cmp(bytes_slice(value, head.size, value.size - head.size), tail);
}

/* The state of the value head + tail, which no seen value below index `low` has as a prefix. */
static uint64_t model_find(const struct lin_model *m, uint32_t low, struct bytes head,
                           struct bytes tail)
{
    uint32_t high = m->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (model_cmp_joined(m->seen[middle], head, tail) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == m->count || !model_has_prefix(m->seen[low], head))
        return LIN_UNSEEN;
    struct bytes rest = bytes_slice(m->seen[low], head.size, m->seen[low].size - head.size);
    return model_has_prefix(rest, tail) ? model_state(low, head.size + tail.size) : LIN_UNSEEN;
}

static uint64_t model_append(const struct lin_model *m, uint64_t state, struct bytes token)
{
    if (state == LIN_UNSEEN)
        return LIN_UNSEEN;
    if (state == LIN_ABSENT)
        return model_find(m, 0, (struct bytes){0}, token);
    uint32_t index = model_state_index(state);
    struct bytes head = lin_model_value(m, state);
    struct bytes longest = m->seen[index];
    /* The common case: the next seen value that begins alike is the first one. */
    if (model_has_prefix(bytes_slice(longest, head.size, longest.size - head.size), token))
        return model_state(index, head.size + token.size);
    return model_find(m, index, head, token);
}

static int model_cmp(const void *context, uint32_t a, uint32_t b)
{
    const struct bytes *values = context;
    return bytes_cmp(values[a], values[b]);
}

/* values -> sorted and each once, in m. */
static int model_sort(struct lin_model *m, const struct bytes *values, uint32_t count)
{
    uint32_t *numbers = mem_alloc(count * sizeof(*numbers));
    struct bytes *seen = mem_alloc(count * sizeof(*seen));
    int err = numbers == NULL || seen == NULL ? ERR_NO_MEMORY : 0;
    for (uint32_t i = 0; err == 0 && i < count; i++)
        numbers[i] = i;
    if (err == 0)
        err = history_sort(numbers, count, model_cmp, values);
    uint32_t kept = 0;
    for (uint32_t i = 0; err == 0 && i < count; i++) {
        if (kept == 0 || !bytes_equal(seen[kept - 1], values[numbers[i]]))
            seen[kept++] = values[numbers[i]];
    }
    mem_free(numbers);
    if (err != 0) {
        mem_free(seen);
        return err;
    }
    *m = (struct lin_model){.seen = seen, .count = kept};
    return 0;
}

/* What an append that left `output` behind found: false if no value could give that. */
static bool model_before_append(struct bytes output, struct bytes token, struct bytes *out_before)
{
    if (output.size < token.size)
        return false;
    size_t size = output.size - token.size;
    if (!bytes_equal(bytes_slice(output, size, token.size), token))
        return false;
    *out_before = bytes_slice(output, 0, size);
    return true;
}

int lin_model_init(struct lin_model *m, const struct history *h, const uint32_t *numbers,
                   size_t count)
{
    *m = (struct lin_model){0};
    assert(count <= HISTORY_OPS_MAX);
    struct bytes *values = mem_alloc((3 * count + 1) * sizeof(*values));
    if (values == NULL)
        return ERR_NO_MEMORY;
    uint32_t n = 0;
    for (size_t i = 0; i < count; i++) {
        const struct history_op *op = &h->ops[numbers[i]];
        if (op->answer.outcome == HISTORY_FAIL)
            continue;
        if (op->call.expect_found)
            values[n++] = op->call.expect;
        if (op->answer.outcome != HISTORY_OK || !op->answer.has_output)
            continue;
        values[n++] = op->answer.output;
        if (op->call.kind == HISTORY_APPEND &&
            model_before_append(op->answer.output, op->call.value, &values[n]))
            n++;
    }
    int err = n == 0 ? 0 : model_sort(m, values, n);
    mem_free(values);
    return err;
}

void lin_model_fini(struct lin_model *m)
{
    mem_free(m->seen);
    *m = (struct lin_model){0};
}

/* The value that an append must find to leave behind what it was told, if there is just one. */
static uint32_t model_append_needs(const struct lin_model *m, const struct lin_op *op)
{
    struct bytes before = {0};
    if (!model_before_append(lin_model_value(m, op->output), op->token, &before))
        return LIN_NOWHERE; /* It can stand nowhere at all. */
    if (before.size == 0 && !op->has_found)
        return LIN_NOWHERE; /* An empty value, or none. */
    return lin_model_index(m, model_find(m, 0, (struct bytes){0}, before));
}

/* What op->needs and op->makes say: see there. */
static void model_op_chain(const struct lin_model *m, struct lin_op *op)
{
    op->needs = LIN_NOWHERE;
    op->makes = LIN_NOWHERE;
    switch (op->kind) {
    case HISTORY_PUT:
    case HISTORY_CAS:
        op->makes = lin_model_index(m, op->value);
        break;
    case HISTORY_APPEND:
        if (op->has_output)
            op->makes = lin_model_index(m, op->output);
        break;
    case HISTORY_DELETE:
        op->makes = m->count;
        break;
    case HISTORY_GET:
        break;
    }
    if (op->has_found && !op->found)
        op->needs = m->count;
    else if (op->has_output && op->kind != HISTORY_APPEND)
        op->needs = lin_model_index(m, op->output);
    else if (op->kind == HISTORY_CAS && op->known && op->applied)
        op->needs = lin_model_index(m, op->expect);
    else if (op->kind == HISTORY_APPEND && op->has_output)
        op->needs = model_append_needs(m, op);
}

void lin_model_op(const struct lin_model *m, const struct history *h, uint32_t number, bool known,
                  struct lin_op *out_op)
{
    const struct history_call *call = &h->ops[number].call;
    const struct history_answer *answer = &h->ops[number].answer;
    struct lin_op op = {
        .kind = call->kind,
        .known = known,
        .has_found = known && answer->has_found,
        .found = known && answer->found,
        .has_output = known && answer->has_output,
        .expect_found = call->expect_found,
        .applied = known && answer->applied,
        .call_ns = call->call_ns,
        .return_ns = known ? answer->return_ns : HISTORY_NEVER,
        .revision = known && history_op_is_change(&h->ops[number]) ? answer->revision : 0,
        .history_index = number,
        .value = LIN_UNSEEN,
        .expect = LIN_ABSENT,
        .output = LIN_UNSEEN,
    };
    if (op.kind == HISTORY_APPEND)
        op.token = call->value;
    if (op.kind == HISTORY_PUT || op.kind == HISTORY_CAS)
        op.value = model_find(m, 0, (struct bytes){0}, call->value);
    if (op.expect_found)
        op.expect = model_find(m, 0, (struct bytes){0}, call->expect);
    if (op.has_output)
        op.output = model_find(m, 0, (struct bytes){0}, answer->output);
    op.reads = op.kind == HISTORY_GET || (known && op.kind == HISTORY_CAS && !op.applied) ||
               (op.kind == HISTORY_DELETE && op.has_found && !op.found);
    model_op_chain(m, &op);
    *out_op = op;
}

bool lin_model_step(const struct lin_model *m, const struct lin_op *op, uint64_t state,
                    uint64_t *out_state)
{
    uint64_t next = state;
    bool previous = op->has_output && op->kind != HISTORY_APPEND;
    if (op->has_found && op->found != (state != LIN_ABSENT))
        return false;
    if (previous && state != op->output)
        return false;
    switch (op->kind) {
    case HISTORY_GET:
        break;
    case HISTORY_PUT:
        next = op->value;
        break;
    case HISTORY_APPEND:
        next = model_append(m, state, op->token);
        if (op->has_output && next != op->output)
            return false;
        break;
    case HISTORY_DELETE:
        next = LIN_ABSENT;
        break;
    case HISTORY_CAS:
        if (op->known && op->applied != (state == op->expect))
            return false;
        next = state == op->expect ? op->value : state;
        break;
    }
    *out_state = next;
    return true;
}
