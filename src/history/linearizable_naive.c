/*
 * linearizable_naive.c -- see linearizable.h: the naive twin.
 *
 * It shares nothing with the real checker but history.h: no keys apart, no states, no memory of
 * where it was. After each prefix of an order the values are computed anew from the beginning.
 */
#include <assert.h>
#include <string.h>

#include "history/linearizable.h"

#define NAIVE_OPS_MAX 16

struct naive {
    const struct history *h;
    size_t order[NAIVE_OPS_MAX]; /* Indices, as placed so far. */
    size_t count;
    bool believe_revisions;
};

/* What one key holds. */
struct naive_value {
    bool found;
    struct buf bytes;
};

static int naive_set(struct naive_value *v, struct bytes bytes)
{
    buf_clear(&v->bytes);
    v->found = true;
    return buf_append(&v->bytes, bytes);
}

static bool naive_holds(const struct naive_value *v, struct bytes bytes)
{
    return v->found && bytes_equal(buf_bytes(&v->bytes), bytes);
}

static bool naive_cas_matches(const struct naive_value *v, const struct history_call *c)
{
    return c->expect_found ? naive_holds(v, c->expect) : !v->found;
}

static int naive_do(struct naive_value *v, const struct history_call *c)
{
    switch (c->kind) {
    case HISTORY_GET:
        return 0;
    case HISTORY_PUT:
        return naive_set(v, c->value);
    case HISTORY_APPEND:
        if (!v->found)
            return naive_set(v, c->value);
        return buf_append(&v->bytes, c->value);
    case HISTORY_DELETE:
        v->found = false;
        return 0;
    case HISTORY_CAS:
        return naive_cas_matches(v, c) ? naive_set(v, c->value) : 0;
    }
    assert(false);
    return 0;
}

/* Would op, done on v, be answered as it was? Leaves in v what op leaves. */
static int naive_answers(struct naive_value *v, const struct history_op *op, bool *out_same)
{
    const struct history_answer *a = &op->answer;
    bool told = a->outcome == HISTORY_OK;
    bool append = op->call.kind == HISTORY_APPEND;
    bool same = true;
    if (told && a->has_found)
        same = same && a->found == v->found;
    if (told && a->has_output && !append)
        same = same && naive_holds(v, a->output);
    if (told && op->call.kind == HISTORY_CAS)
        same = same && a->applied == naive_cas_matches(v, &op->call);
    TRY(naive_do(v, &op->call));
    if (told && a->has_output && append)
        same = same && naive_holds(v, a->output);
    *out_same = same;
    return 0;
}

/* Is the answer of the operation placed last the one that it was told? */
static int naive_last_fits(const struct naive *n, bool *out_fits)
{
    struct naive_value v = {0};
    const struct history_op *last = &n->h->ops[n->order[n->count - 1]];
    bool same = false;
    int err = 0;
    for (size_t i = 0; err == 0 && i < n->count; i++) {
        const struct history_op *op = &n->h->ops[n->order[i]];
        if (bytes_equal(op->call.key, last->call.key))
            err = naive_answers(&v, op, &same);
    }
    buf_fini(&v.bytes);
    if (err == 0)
        *out_fits = same;
    return err;
}

static bool naive_is_placed(const struct naive *n, size_t index)
{
    for (size_t i = 0; i < n->count; i++) {
        if (n->order[i] == index)
            return true;
    }
    return false;
}

/* Did a, by the revisions of both, happen before b? */
static bool naive_is_revised_before(const struct history_op *a, const struct history_op *b)
{
    return history_op_is_change(a) && history_op_is_change(b) &&
           bytes_equal(a->call.key, b->call.key) && a->answer.revision != 0 &&
           a->answer.revision < b->answer.revision;
}

/* Does an operation that is not placed, and must be, come before `index`? */
static bool naive_is_too_early(const struct naive *n, size_t index)
{
    for (size_t i = 0; i < n->h->count; i++) {
        const struct history_op *op = &n->h->ops[i];
        if (op->answer.outcome != HISTORY_OK || naive_is_placed(n, i))
            continue;
        if (op->answer.return_ns < n->h->ops[index].call.call_ns)
            return true;
        if (n->believe_revisions && naive_is_revised_before(op, &n->h->ops[index]))
            return true;
    }
    return false;
}

static int naive_try(struct naive *n, bool *out_linearizable)
{
    bool left = false;
    for (size_t i = 0; i < n->h->count; i++)
        left = left || (n->h->ops[i].answer.outcome == HISTORY_OK && !naive_is_placed(n, i));
    bool linearizable = !left;
    for (size_t i = 0; !linearizable && i < n->h->count; i++) {
        if (n->h->ops[i].answer.outcome == HISTORY_FAIL || naive_is_placed(n, i) ||
            naive_is_too_early(n, i))
            continue;
        bool fits = false;
        n->order[n->count++] = i;
        int err = naive_last_fits(n, &fits);
        if (err == 0 && fits)
            err = naive_try(n, &linearizable);
        n->count--;
        TRY(err);
    }
    *out_linearizable = linearizable;
    return 0;
}

int linearizable_naive(const struct history *h, enum linearizable_verdict *out_verdict)
{
    assert(h->count <= NAIVE_OPS_MAX);
    struct naive n = {.h = h, .believe_revisions = true};
    bool with_revisions = false;
    bool linearizable = false;
    TRY(naive_try(&n, &with_revisions));
    n.believe_revisions = false;
    TRY(naive_try(&n, &linearizable));
    *out_verdict = with_revisions ? LINEARIZABLE_YES
                   : linearizable ? LINEARIZABLE_AGAINST_REVISIONS
                                  : LINEARIZABLE_NO;
    return 0;
}
