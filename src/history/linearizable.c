/* linearizable.c -- see linearizable.h: the history key by key, and what to tell of a failure. */
#include "history/linearizable.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "history/history_sort.h"
#include "history/lin_model.h"
#include "history/lin_search.h"

const struct linearizable_budget linearizable_budget_default = {
    .steps_max = 50 * 1000 * 1000,
    .memory_max = (size_t)512 * 1024 * 1024,
};

/* The operations on one key. Borrows `numbers`; owns the rest. */
struct lin_key {
    const struct history *h;
    const uint32_t *numbers; /* By call. */
    uint32_t count;
    uint32_t *answered; /* Those with outcome OK, by return. */
    uint32_t answered_count;
    struct lin_model model;
    struct lin_op *known; /* Room for `count` of each. */
    struct lin_op *open;
};

static int lin_cmp_key(const void *context, uint32_t a, uint32_t b)
{
    const struct history_op *ops = context;
    int order = bytes_cmp(ops[a].call.key, ops[b].call.key);
    return order != 0 ? order : history_sort_u64(ops[a].call.call_ns, ops[b].call.call_ns);
}

/* Returns at one time come in the order of their numbers, so that each has its own turn. */
static int lin_cmp_return(const void *context, uint32_t a, uint32_t b)
{
    const struct history_op *ops = context;
    int order = history_sort_u64(ops[a].answer.return_ns, ops[b].answer.return_ns);
    return order != 0 ? order : history_sort_u64(a, b);
}

static void lin_key_fini(struct lin_key *k)
{
    mem_free(k->answered);
    mem_free(k->known);
    mem_free(k->open);
    lin_model_fini(&k->model);
}

/* On an error k is fit for lin_key_fini. */
static int lin_key_init(struct lin_key *k, const struct history *h, const uint32_t *numbers,
                        uint32_t count)
{
    assert(count > 0);
    *k = (struct lin_key){.h = h, .numbers = numbers, .count = count};
    k->answered = mem_alloc(count * sizeof(*k->answered));
    k->known = mem_alloc(count * sizeof(*k->known));
    k->open = mem_alloc(count * sizeof(*k->open));
    if (k->answered == NULL || k->known == NULL || k->open == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        if (h->ops[numbers[i]].answer.outcome == HISTORY_OK)
            k->answered[k->answered_count++] = numbers[i];
    }
    TRY(history_sort(k->answered, k->answered_count, lin_cmp_return, h->ops));
    return lin_model_init(&k->model, h, numbers, count);
}

/*
 * The first `known` answers only: what happened up to the last of them, when whoever had no answer
 * yet may have taken effect or not. Tells whether there are revisions among them.
 */
static bool lin_key_pose(struct lin_key *k, uint32_t known, struct lin_problem *out_problem)
{
    const struct history_op *ops = k->h->ops;
    struct lin_problem p = {.model = &k->model, .known = k->known, .open = k->open};
    uint32_t last = known == 0 ? LIN_NOWHERE : k->answered[known - 1];
    bool whole = known == k->answered_count;
    bool has_revisions = false;
    uint64_t until_ns = last == LIN_NOWHERE ? 0 : ops[last].answer.return_ns;
    for (uint32_t i = 0; i < k->count; i++) {
        uint32_t number = k->numbers[i];
        const struct history_op *op = &ops[number];
        if (op->answer.outcome == HISTORY_FAIL || (!whole && op->call.call_ns > until_ns))
            continue;
        bool is_known = op->answer.outcome == HISTORY_OK && last != LIN_NOWHERE &&
                        lin_cmp_return(ops, number, last) <= 0;
        if (is_known) {
            lin_model_op(&k->model, k->h, number, true, &k->known[p.known_count]);
            has_revisions = has_revisions || k->known[p.known_count].revision != 0;
            p.known_count++;
        } else if (op->call.kind != HISTORY_GET) {
            lin_model_op(&k->model, k->h, number, false, &k->open[p.open_count++]);
        }
    }
    assert(p.known_count == known);
    *out_problem = p;
    return has_revisions;
}

/*
 * The verdict on the first `known` answers; out_writer as lin_search has it. Unless `in_full`,
 * what is against the revisions is not asked whether it is not linearizable at all.
 */
static int lin_key_search(struct lin_key *k, uint32_t known, bool in_full,
                          const struct linearizable_budget *budget, uint64_t *steps,
                          enum linearizable_verdict *out_verdict, size_t *out_writer)
{
    struct lin_problem p;
    if (!lin_key_pose(k, known, &p))
        return lin_search(&p, budget, steps, out_verdict, out_writer);
    enum linearizable_verdict verdict = LINEARIZABLE_UNDECIDED;
    p.believe_revisions = true;
    TRY(lin_search(&p, budget, steps, &verdict, out_writer));
    bool against = verdict == LINEARIZABLE_NO;
    if (against && in_full) {
        p.believe_revisions = false;
        TRY(lin_search(&p, budget, steps, &verdict, out_writer));
    }
    bool sure = verdict == LINEARIZABLE_NO && in_full;
    *out_verdict = against && !sure ? LINEARIZABLE_AGAINST_REVISIONS : verdict;
    return 0;
}

/*
 * Which answer is the first that cannot be explained? Part of an explanation explains a part, so
 * halving finds it. Where the budget leaves it open, the later half is taken: what is told is
 * always as grave as r->verdict.
 */
static int lin_key_explain(struct lin_key *k, const struct linearizable_budget *budget,
                           struct linearizable_report *r)
{
    uint32_t good = 0; /* So many answers can be explained, or are not known not to be. */
    uint32_t bad = k->answered_count;
    bool in_full = r->verdict == LINEARIZABLE_NO;
    size_t writer = LINEARIZABLE_NOBODY;
    while (bad - good > 1) {
        uint32_t middle = good + (bad - good) / 2;
        enum linearizable_verdict verdict = LINEARIZABLE_UNDECIDED;
        size_t last = LINEARIZABLE_NOBODY;
        TRY(lin_key_search(k, middle, in_full, budget, &r->steps, &verdict, &last));
        if (verdict != LINEARIZABLE_YES && verdict <= r->verdict) {
            bad = middle;
        } else {
            good = middle;
            writer = last;
        }
    }
    r->op = k->answered[bad - 1];
    r->explained = good;
    r->writer = writer;
    return 0;
}

/* Is a graver than b? The enum has them in this order, but for YES. */
static bool lin_is_graver(enum linearizable_verdict a, enum linearizable_verdict b)
{
    return a != LINEARIZABLE_YES && (b == LINEARIZABLE_YES || a < b);
}

/* Check one key, and put what is graver than all before into r. */
static int lin_key_check(struct lin_key *k, const struct linearizable_budget *budget,
                         struct linearizable_report *r)
{
    enum linearizable_verdict verdict = LINEARIZABLE_UNDECIDED;
    size_t last = LINEARIZABLE_NOBODY;
    TRY(lin_key_search(k, k->answered_count, true, budget, &r->steps, &verdict, &last));
    if (!lin_is_graver(verdict, r->verdict))
        return 0;
    r->verdict = verdict;
    r->key = k->h->ops[k->numbers[0]].call.key;
    return verdict == LINEARIZABLE_UNDECIDED ? 0 : lin_key_explain(k, budget, r);
}

static int lin_check_keys(const struct history *h, const uint32_t *numbers,
                          const struct linearizable_budget *budget, struct linearizable_report *r)
{
    size_t begin = 0;
    while (begin < h->count) {
        size_t end = begin + 1;
        struct bytes key = h->ops[numbers[begin]].call.key;
        while (end < h->count && bytes_equal(h->ops[numbers[end]].call.key, key))
            end++;
        r->keys++;
        if (r->verdict != LINEARIZABLE_NO) {
            struct lin_key k;
            int err = lin_key_init(&k, h, numbers + begin, (uint32_t)(end - begin));
            if (err == 0)
                err = lin_key_check(&k, budget, r);
            lin_key_fini(&k);
            TRY(err);
        }
        begin = end;
    }
    return 0;
}

int linearizable_check(const struct history *h, const struct linearizable_budget *budget,
                       struct linearizable_report *out_report)
{
    struct linearizable_report report = {.verdict = LINEARIZABLE_YES,
                                         .writer = LINEARIZABLE_NOBODY};
    assert(h->count <= HISTORY_OPS_MAX);
    uint32_t *numbers = mem_alloc((h->count + 1) * sizeof(*numbers));
    if (numbers == NULL)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < h->count; i++)
        numbers[i] = (uint32_t)i;
    int err = history_sort(numbers, h->count, lin_cmp_key, h->ops);
    if (err == 0)
        err = lin_check_keys(h, numbers, budget, &report);
    mem_free(numbers);
    if (err == 0)
        *out_report = report;
    return err;
}
