/* lin_search.c -- see lin_search.h. */
#include "history/lin_search.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "history/history_sort.h"
#include "history/lin_visited.h"

#define SEARCH_LOOSE_WORK_MAX ((uint64_t)16 * 1024 * 1024)

/* How far the alternatives at one configuration have been tried. */
enum search_phase {
    SEARCH_FRESH = 0, /* Not looked at yet. */
    SEARCH_KNOWN,     /* Known operations of a rank below `at` are tried. */
    SEARCH_OPEN,      /* So are all the known, and the open ones below index `at`. */
    SEARCH_DONE,
};

struct search_cursor {
    enum search_phase phase;
    uint32_t at;
};

/* One operation placed, and what was before it. */
struct search_frame {
    uint64_t state;
    struct search_cursor cursor;
    uint32_t op;
    uint32_t known_end;
    uint32_t open_end;
    bool is_open;
};

/* An operation that fits, and the state behind it. */
struct search_pick {
    uint32_t op;
    bool is_open;
    uint64_t state;
};

struct search {
    const struct lin_problem *p;
    const struct linearizable_budget *budget;
    uint64_t steps;
    uint64_t state;

    /*
     * A circle of entries in the order of time: 2i is the call of known operation i, 2i + 1 its
     * return, 2 * known_count the head. Placed operations are lifted out.
     */
    uint32_t *next;
    uint32_t *prev;
    uint32_t *rank;    /* Of each known operation: the order in which to try. */
    uint32_t *by_rank; /* The reverse. */
    uint32_t *alike;   /* Of each open one: the last before it that does the same, or NOWHERE. */

    uint64_t *known; /* Bits: placed. */
    uint64_t *open;
    uint32_t known_first; /* The lowest known operation that is not placed. */
    uint32_t known_end;   /* All from here on are not placed. */
    uint32_t open_end;
    uint32_t rank_first; /* All of lower rank are placed. */

    uint32_t *needed; /* Of each seen value, and LIN_ABSENT: known ones left that must find it. */
    uint32_t *makers; /* The same: operations left that can make it. */
    bool *loose;      /* The same: some append may make it at any time. */

    struct search_frame *frames;
    size_t frame_count; /* How many operations are placed. */
    size_t known_placed;
    struct lin_visited visited;
};

static bool search_bit(const uint64_t *bits, uint32_t i)
{
    return (bits[i / 64] >> (i % 64) & 1) != 0;
}

static void search_flip(uint64_t *bits, uint32_t i)
{
    bits[i / 64] ^= UINT64_C(1) << (i % 64);
}

/* ---- Setting up ---------------------------------------------------------------------------- */

static int search_cmp_return(const void *context, uint32_t a, uint32_t b)
{
    const struct lin_op *ops = context;
    return history_sort_u64(ops[a].return_ns, ops[b].return_ns);
}

/* By revision, those without one last; then by what must be placed soonest. */
static int search_cmp_rank(const void *context, uint32_t a, uint32_t b)
{
    const struct lin_op *ops = context;
    /* 0 less 1 is the highest there is. */
    int order = history_sort_u64(ops[a].revision - 1, ops[b].revision - 1);
    return order != 0 ? order : search_cmp_return(context, a, b);
}

/* Any order in which those that do the same stand together. */
static int search_cmp_deed(const void *context, uint32_t a, uint32_t b)
{
    const struct lin_op *x = (const struct lin_op *)context + a;
    const struct lin_op *y = (const struct lin_op *)context + b;
    int order = history_sort_u64(x->kind, y->kind);
    if (order == 0)
        order = history_sort_u64(x->value, y->value);
    if (order == 0)
        order = history_sort_u64(x->expect, y->expect);
    return order != 0 ? order : bytes_cmp(x->token, y->token);
}

static void search_number(uint32_t *numbers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        numbers[i] = i;
}

/* The circle: calls are in order already, returns are sorted; at equal times calls go first. */
static void search_link(struct search *s, const uint32_t *by_return)
{
    const struct lin_op *ops = s->p->known;
    uint32_t count = s->p->known_count;
    uint32_t last = 2 * count;
    uint32_t call = 0;
    uint32_t ret = 0;
    while (ret < count) {
        bool is_call = call < count && ops[call].call_ns <= ops[by_return[ret]].return_ns;
        uint32_t entry = is_call ? 2 * call++ : 2 * by_return[ret++] + 1;
        s->next[last] = entry;
        s->prev[entry] = last;
        last = entry;
    }
    assert(call == count);
    s->next[last] = 2 * count;
    s->prev[2 * count] = last;
}

static int search_order_known(struct search *s)
{
    uint32_t count = s->p->known_count;
    uint32_t *numbers = mem_alloc((count + 1) * sizeof(*numbers));
    if (numbers == NULL)
        return ERR_NO_MEMORY;
    search_number(numbers, count);
    int err = history_sort(numbers, count, search_cmp_return, s->p->known);
    if (err == 0) {
        search_link(s, numbers);
        search_number(numbers, count);
        err = history_sort(numbers, count, search_cmp_rank, s->p->known);
    }
    for (uint32_t i = 0; err == 0 && i < count; i++)
        s->rank[numbers[i]] = i;
    for (uint32_t i = 0; err == 0 && i < count; i++)
        s->by_rank[i] = numbers[i];
    mem_free(numbers);
    return err;
}

static int search_order_open(struct search *s)
{
    uint32_t count = s->p->open_count;
    uint32_t *numbers = mem_alloc((count + 1) * sizeof(*numbers));
    if (numbers == NULL)
        return ERR_NO_MEMORY;
    search_number(numbers, count);
    int err = history_sort(numbers, count, search_cmp_deed, s->p->open);
    for (uint32_t i = 0; err == 0 && i < count; i++) {
        bool same = i > 0 && search_cmp_deed(s->p->open, numbers[i - 1], numbers[i]) == 0;
        s->alike[numbers[i]] = same ? numbers[i - 1] : LIN_NOWHERE;
    }
    mem_free(numbers);
    return err;
}

static bool search_may_end_with(struct bytes value, struct bytes end)
{
    return value.size >= end.size &&
           bytes_equal(bytes_slice(value, value.size - end.size, end.size), end);
}

/* An append whose result was not told may make any value that ends as it does. */
static void search_loosen(struct search *s, const struct lin_op *op, bool in_detail)
{
    if (op->kind != HISTORY_APPEND || op->has_output)
        return;
    const struct lin_model *m = s->p->model;
    for (uint32_t i = 0; i < m->count; i++)
        s->loose[i] = s->loose[i] || !in_detail || search_may_end_with(m->seen[i], op->token);
}

static void search_count_values(struct search *s)
{
    const struct lin_problem *p = s->p;
    uint64_t total = (uint64_t)p->known_count + p->open_count;
    uint64_t appends = 0;
    for (uint64_t i = 0; i < total; i++) {
        const struct lin_op *op = i < p->known_count ? &p->known[i] : &p->open[i - p->known_count];
        if (op->needs != LIN_NOWHERE)
            s->needed[op->needs]++;
        if (op->makes != LIN_NOWHERE)
            s->makers[op->makes]++;
        appends += op->kind == HISTORY_APPEND && !op->has_output;
    }
    bool in_detail = appends * p->model->count <= SEARCH_LOOSE_WORK_MAX;
    for (uint64_t i = 0; i < total && appends > 0; i++) {
        const struct lin_op *op = i < p->known_count ? &p->known[i] : &p->open[i - p->known_count];
        search_loosen(s, op, in_detail);
    }
}

static void search_fini(struct search *s)
{
    mem_free(s->next);
    mem_free(s->prev);
    mem_free(s->rank);
    mem_free(s->by_rank);
    mem_free(s->alike);
    mem_free(s->known);
    mem_free(s->open);
    mem_free(s->needed);
    mem_free(s->makers);
    mem_free(s->loose);
    mem_free(s->frames);
    lin_visited_fini(&s->visited);
}

/* On an error s is fit for search_fini. */
static int search_init(struct search *s, const struct lin_problem *p,
                       const struct linearizable_budget *budget)
{
    size_t known = p->known_count;
    size_t open = p->open_count;
    size_t values = (size_t)p->model->count + 1;
    *s = (struct search){.p = p, .budget = budget, .state = LIN_ABSENT};
    s->next = mem_alloc((2 * known + 1) * sizeof(*s->next));
    s->prev = mem_alloc((2 * known + 1) * sizeof(*s->prev));
    s->rank = mem_alloc((known + 1) * sizeof(*s->rank));
    s->by_rank = mem_alloc((known + 1) * sizeof(*s->by_rank));
    s->alike = mem_alloc((open + 1) * sizeof(*s->alike));
    s->known = mem_alloc_zero((known / 64 + 1) * sizeof(*s->known));
    s->open = mem_alloc_zero((open / 64 + 1) * sizeof(*s->open));
    s->needed = mem_alloc_zero(values * sizeof(*s->needed));
    s->makers = mem_alloc_zero(values * sizeof(*s->makers));
    s->loose = mem_alloc_zero(values * sizeof(*s->loose));
    s->frames = mem_alloc((known + open + 1) * sizeof(*s->frames));
    if (s->next == NULL || s->prev == NULL || s->rank == NULL || s->by_rank == NULL ||
        s->alike == NULL || s->known == NULL || s->open == NULL || s->needed == NULL ||
        s->makers == NULL || s->loose == NULL || s->frames == NULL)
        return ERR_NO_MEMORY;
    TRY(search_order_known(s));
    TRY(search_order_open(s));
    search_count_values(s);
    return 0;
}

/* ---- Placing and taking back --------------------------------------------------------------- */

static void search_lift(struct search *s, uint32_t entry)
{
    s->next[s->prev[entry]] = s->next[entry];
    s->prev[s->next[entry]] = s->prev[entry];
}

/* The reverse of search_lift, in the reverse order of lifting. */
static void search_unlift(struct search *s, uint32_t entry)
{
    s->next[s->prev[entry]] = entry;
    s->prev[s->next[entry]] = entry;
}

static void search_place(struct search *s, const struct search_pick *pick,
                         struct search_cursor cursor)
{
    const struct lin_op *op = pick->is_open ? &s->p->open[pick->op] : &s->p->known[pick->op];
    s->frames[s->frame_count++] = (struct search_frame){
        .state = s->state,
        .cursor = cursor,
        .op = pick->op,
        .known_end = s->known_end,
        .open_end = s->open_end,
        .is_open = pick->is_open,
    };
    if (op->needs != LIN_NOWHERE)
        s->needed[op->needs]--;
    if (op->makes != LIN_NOWHERE)
        s->makers[op->makes]--;
    s->state = pick->state;
    if (pick->is_open) {
        search_flip(s->open, pick->op);
        s->open_end = s->open_end > pick->op ? s->open_end : pick->op + 1;
        return;
    }
    search_flip(s->known, pick->op);
    s->known_end = s->known_end > pick->op ? s->known_end : pick->op + 1;
    while (s->known_first < s->known_end && search_bit(s->known, s->known_first))
        s->known_first++;
    while (s->rank_first < s->p->known_count && search_bit(s->known, s->by_rank[s->rank_first]))
        s->rank_first++;
    s->known_placed++;
    search_lift(s, 2 * pick->op);
    search_lift(s, 2 * pick->op + 1);
}

/* Take the last one back, and go on where its alternatives were left. */
static struct search_cursor search_take_back(struct search *s)
{
    assert(s->frame_count > 0);
    const struct search_frame *f = &s->frames[--s->frame_count];
    const struct lin_op *op = f->is_open ? &s->p->open[f->op] : &s->p->known[f->op];
    if (op->needs != LIN_NOWHERE)
        s->needed[op->needs]++;
    if (op->makes != LIN_NOWHERE)
        s->makers[op->makes]++;
    s->state = f->state;
    s->known_end = f->known_end;
    s->open_end = f->open_end;
    if (f->is_open) {
        search_flip(s->open, f->op);
        return f->cursor;
    }
    search_flip(s->known, f->op);
    s->known_first = s->known_first < f->op ? s->known_first : f->op;
    s->rank_first = s->rank_first < s->rank[f->op] ? s->rank_first : s->rank[f->op];
    s->known_placed--;
    search_unlift(s, 2 * f->op + 1);
    search_unlift(s, 2 * f->op);
    return f->cursor;
}

/* ---- Choosing ------------------------------------------------------------------------------ */

/* Would op, going from here to `state`, bury a value for good that somebody still must find? */
static bool search_buries(const struct search *s, const struct lin_op *op, uint64_t state)
{
    uint32_t i = lin_model_index(s->p->model, s->state);
    if (state == s->state || i == LIN_NOWHERE || s->loose[i])
        return false;
    /* Itself it cannot find that value later, nor make it. */
    uint32_t needed = s->needed[i] - (op->needs == i);
    uint32_t makers = s->makers[i] - (op->makes == i);
    return needed > 0 && makers == 0;
}

static bool search_fits(struct search *s, const struct lin_op *op, uint64_t *out_state)
{
    s->steps++;
    uint64_t state = s->state;
    if (!lin_model_step(s->p->model, op, s->state, &state) || search_buries(s, op, state))
        return false;
    *out_state = state;
    return true;
}

/* Whatever was called before the first return of those not placed can be placed next. */
static bool search_pick_reader(struct search *s, struct search_pick *out_pick)
{
    for (uint32_t e = s->next[2 * s->p->known_count]; e % 2 == 0; e = s->next[e]) {
        uint64_t state = 0;
        if (!s->p->known[e / 2].reads || !search_fits(s, &s->p->known[e / 2], &state))
            continue;
        assert(state == s->state);
        *out_pick = (struct search_pick){.op = e / 2, .state = state};
        return true;
    }
    return false;
}

/* The one of lowest rank, from `at` on, that can be placed next; LIN_NOWHERE if there is none. */
static uint32_t search_lowest(const struct search *s, uint32_t at)
{
    uint32_t lowest = LIN_NOWHERE;
    for (uint32_t e = s->next[2 * s->p->known_count]; e % 2 == 0; e = s->next[e]) {
        uint32_t rank = s->rank[e / 2];
        if (rank >= at && (lowest == LIN_NOWHERE || rank < s->rank[lowest]))
            lowest = e / 2;
    }
    return lowest;
}

/* Is there an operation left with a lower revision than known operation i? */
static bool search_is_denied(const struct search *s, uint32_t i)
{
    uint64_t revision = s->p->known[i].revision;
    /* Lower ranks have lower revisions, and this one is not placed yet. */
    assert(s->rank_first <= s->rank[i]);
    return s->p->believe_revisions && revision != 0 &&
           s->p->known[s->by_rank[s->rank_first]].revision < revision;
}

static bool search_pick_known(struct search *s, struct search_cursor *cursor,
                              struct search_pick *out_pick)
{
    for (;;) {
        uint32_t i = search_lowest(s, cursor->at);
        if (i == LIN_NOWHERE)
            return false;
        cursor->at = s->rank[i] + 1;
        uint64_t state = 0;
        if (search_is_denied(s, i) || !search_fits(s, &s->p->known[i], &state))
            continue;
        *out_pick = (struct search_pick){.op = i, .state = state};
        return true;
    }
}

/* Is it needless to place open `op`, because without the open one just before it is the same? */
static bool search_repeats(const struct search *s, const struct lin_op *op, uint64_t state)
{
    if (s->frame_count == 0 || !s->frames[s->frame_count - 1].is_open)
        return false;
    uint64_t without = 0;
    return lin_model_step(s->p->model, op, s->frames[s->frame_count - 1].state, &without) &&
           without == state;
}

static bool search_pick_open(struct search *s, struct search_cursor *cursor,
                             struct search_pick *out_pick)
{
    uint32_t e = s->next[2 * s->p->known_count];
    while (e % 2 == 0)
        e = s->next[e];
    uint64_t until_ns = s->p->known[e / 2].return_ns;
    while (cursor->at < s->p->open_count && s->p->open[cursor->at].call_ns <= until_ns) {
        uint32_t i = cursor->at++;
        uint64_t state = 0;
        bool in_turn = s->alike[i] == LIN_NOWHERE || search_bit(s->open, s->alike[i]);
        if (search_bit(s->open, i) || !in_turn || !search_fits(s, &s->p->open[i], &state))
            continue;
        if (state == s->state || search_repeats(s, &s->p->open[i], state))
            continue;
        *out_pick = (struct search_pick){.op = i, .is_open = true, .state = state};
        return true;
    }
    return false;
}

static int search_is_new(struct search *s, bool *out_is_new)
{
    size_t first_word = s->known_first / 64;
    bool has_known = s->known_end > s->known_first;
    const struct lin_config config = {
        .state = s->state,
        .first = s->known_first,
        .known = s->known + first_word,
        .known_words = has_known ? (s->known_end - 1) / 64 + 1 - first_word : 0,
        .open = s->open,
        .open_words = s->open_end == 0 ? 0 : (s->open_end - 1) / 64 + 1,
    };
    return lin_visited_add(&s->visited, &config, s->budget->memory_max, &s->steps, out_is_new);
}

/* The next alternative at this configuration, if there is one left. */
static int search_pick(struct search *s, struct search_cursor *cursor, bool *out_found,
                       struct search_pick *out_pick)
{
    bool found = false;
    if (cursor->phase == SEARCH_FRESH) {
        bool is_new = true;
        found = search_pick_reader(s, out_pick);
        if (!found)
            TRY(search_is_new(s, &is_new));
        cursor->phase = found || !is_new ? SEARCH_DONE : SEARCH_KNOWN;
    }
    if (cursor->phase == SEARCH_KNOWN) {
        found = search_pick_known(s, cursor, out_pick);
        if (!found)
            *cursor = (struct search_cursor){.phase = SEARCH_OPEN};
    }
    if (cursor->phase == SEARCH_OPEN) {
        found = search_pick_open(s, cursor, out_pick);
        if (!found)
            cursor->phase = SEARCH_DONE;
    }
    *out_found = found;
    return 0;
}

/* ERR_FULL: the budget is used up. */
static int search_run(struct search *s, enum linearizable_verdict *out_verdict)
{
    struct search_cursor cursor = {0};
    while (s->known_placed < s->p->known_count) {
        struct search_pick pick = {0};
        bool found = false;
        if (s->steps > s->budget->steps_max)
            return ERR_FULL;
        TRY(search_pick(s, &cursor, &found, &pick));
        if (found) {
            search_place(s, &pick, cursor);
            cursor = (struct search_cursor){0};
        } else if (s->frame_count > 0) {
            cursor = search_take_back(s);
        } else {
            *out_verdict = LINEARIZABLE_NO;
            return 0;
        }
    }
    *out_verdict = LINEARIZABLE_YES;
    return 0;
}

/* The last of those placed that does not just read. */
static size_t search_writer(const struct search *s)
{
    for (size_t i = s->frame_count; i > 0; i--) {
        const struct search_frame *f = &s->frames[i - 1];
        const struct lin_op *op = f->is_open ? &s->p->open[f->op] : &s->p->known[f->op];
        if (!op->reads)
            return op->history_index;
    }
    return LINEARIZABLE_NOBODY;
}

int lin_search(const struct lin_problem *problem, const struct linearizable_budget *budget,
               uint64_t *steps, enum linearizable_verdict *out_verdict, size_t *out_writer)
{
    struct search s;
    enum linearizable_verdict verdict = LINEARIZABLE_UNDECIDED;
    int err = search_init(&s, problem, budget);
    if (err == 0)
        err = search_run(&s, &verdict);
    *steps += s.steps;
    if (err == 0 || err == ERR_FULL) {
        *out_verdict = verdict;
        *out_writer = verdict == LINEARIZABLE_YES ? search_writer(&s) : LINEARIZABLE_NOBODY;
        err = 0;
    }
    search_fini(&s);
    return err;
}
