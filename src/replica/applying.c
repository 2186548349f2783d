/*
 * applying.c -- what is chosen is applied, strictly in the order of slots, and clients are
 * answered, after that and not before.
 *
 * docs/protocol.md, section 2, rule 8, and section 3. A read is answered from the state just behind
 * the batch or barrier that it waited for: behind this node's OWN tag, never behind a NOOP.
 */
#include <assert.h>

#include "base/mem.h"
#include "base/planted.h"
#include "replica/effects.h"
#include "replica/internal.h"

/* ---- Answers ------------------------------------------------------------------------------- */

/* The one place where an op gets its one answer; what `answer` refers to moves along. */
static int applying_give(struct replica *r, struct op *op, struct answer *answer)
{
    assert(!op->answered);
    answer->handle = op->handle;
    answer->slot = machine_applied(r->machine);
    answer->revision = machine_revision(r->machine);
    op->answered = true;
    heap_remove(&r->deadlines, &op->deadline);
    r->stats.queued_ops--;
    r->stats.queued_bytes -= op->size;
    int err = effects_add_answer(r->effects, answer);
    if (err != 0) {
        result_fini(&answer->result);
        entry_unref(answer->entry);
    }
    return err;
}

int applying_answer(struct replica *r, struct op *op, enum answer_status status)
{
    struct answer answer = {.status = status};
    return applying_give(r, op, &answer);
}

static int applying_answer_write(struct replica *r, struct op *op, struct result *result)
{
    struct answer answer = {.status = ANSWER_OK, .result = *result};
    *result = (struct result){0};
    if (!op->answered)
        return applying_give(r, op, &answer);
    result_fini(&answer.result);
    return 0;
}

/* Answers all of the list from the state as it is now, and frees them. */
static int applying_answer_reads(struct replica *r, struct list *reads)
{
    while (!list_is_empty(reads)) {
        struct op *op = LIST_ENTRY(reads->next, struct op, link);
        list_remove(&op->link);
        struct answer answer = {
            .status = ANSWER_OK,
            .entry = entry_ref(machine_get(r->machine, op_data(op))),
        };
        int err = 0;
        if (op->answered)
            entry_unref(answer.entry);
        else
            err = applying_give(r, op, &answer);
        op_free(op);
        TRY(err);
    }
    return 0;
}

/* ---- Deadlines ----------------------------------------------------------------------------- */

static int applying_expire_op(struct replica *r, struct op *op)
{
    if (op->kind == OP_READ) {
        list_remove(&op->link);
        int err = applying_answer(r, op, ANSWER_NO_QUORUM);
        op_free(op);
        return err;
    }
    if (op->proposed)
        return applying_answer(r, op, ANSWER_OUTCOME_UNKNOWN); /* Its batch still holds it. */
    list_remove(&op->link);
    r->queue_bytes -= op->size;
    int err = applying_answer(r, op, ANSWER_NOT_APPLIED);
    op_free(op);
    return err;
}

int applying_expire(struct replica *r)
{
    for (;;) {
        struct heap_node *node = heap_min(&r->deadlines);
        if (node == NULL)
            return 0;
        if (node->key > r->now_ns) {
            replica_wake_at(r, node->key);
            return 0;
        }
        TRY(applying_expire_op(r, LIST_ENTRY(node, struct op, deadline)));
    }
}

/* ---- In the order of slots ----------------------------------------------------------------- */

/* Room for the result of each command of a batch. */
static int applying_make_room(struct replica *r, uint32_t count)
{
    void *results = r->results;
    TRY(mem_reserve(&results, &r->results_capacity, count, sizeof(*r->results)));
    r->results = results;
    for (uint32_t i = 0; i < count; i++)
        r->results[i] = (struct result){0};
    return 0;
}

/* All of the batch's operations are answered, or were before; it is gone afterwards. */
static int applying_finish_batch(struct replica *r, struct batch *b, bool has_results)
{
    int err = 0;
    for (uint32_t i = 0; !list_is_empty(&b->writes); i++) {
        struct op *op = LIST_ENTRY(b->writes.next, struct op, link);
        list_remove(&op->link);
        struct result none = {.applied = true, .slot = machine_applied(r->machine)};
        int op_err = applying_answer_write(r, op, has_results ? &r->results[i] : &none);
        err = err != 0 ? err : op_err;
        op_free(op);
    }
    int read_err = applying_answer_reads(r, &b->reads);
    err = err != 0 ? err : read_err;
    while (!list_is_empty(&b->reads)) {
        struct op *op = LIST_ENTRY(b->reads.next, struct op, link);
        list_remove(&op->link);
        op_free(op);
    }
    batch_free(b);
    return err;
}

static int applying_apply(struct replica *r, uint64_t number)
{
    struct slot *slot = slots_find(&r->slots, number);
    assert(slot != NULL && slot->chosen != NULL);
    const struct value *v = slot->chosen;
    r->values_applied += v->kind != VALUE_NOOP;
    /* A batch that did not win its slot has left it when the slot was decided. */
    bool is_mine = slot->batch != NULL && value_equal(slot->batch->value, v);
    assert(is_mine || slot->batch == NULL || PLANTED(PLANTED_SUCCESS_ANY_VALUE) ||
           PLANTED(PLANTED_BARRIER_IS_NOOP));

    if (v->kind == VALUE_BATCH) {
        if (is_mine)
            TRY(applying_make_room(r, slot->batch->writes_count));
        TRY(machine_apply(r->machine, number, value_bytes(v), is_mine ? r->results : NULL));
    } else {
        machine_apply_nothing(r->machine, number);
    }
    struct batch *batch = proposing_take_batch(r, slot);
    if (batch == NULL)
        return 0;
    return applying_finish_batch(r, batch, is_mine && v->kind == VALUE_BATCH);
}

/* Sequential reads whose slot has been reached. */
static int applying_answer_sequentials(struct replica *r)
{
    uint64_t applied = machine_applied(r->machine);
    if (applied < r->sequentials_from)
        return 0;
    r->sequentials_from = NEVER;
    struct list *next = NULL;
    for (struct list *l = r->sequentials.next; l != &r->sequentials; l = next) {
        next = l->next;
        struct op *op = LIST_ENTRY(l, struct op, link);
        if (op->min_slot > applied) {
            r->sequentials_from = min_u64(r->sequentials_from, op->min_slot);
            continue;
        }
        struct list one;
        list_init(&one);
        list_remove(&op->link);
        list_push_back(&one, &op->link);
        TRY(applying_answer_reads(r, &one));
    }
    return 0;
}

int applying_run(struct replica *r)
{
    /* In coordinated mode skips are known far above the frontier; what nobody waits for is not
       applied, so that nodes without work agree on how far they are. */
    while (machine_applied(r->machine) < min_u64(r->chosen_to, r->frontier))
        TRY(applying_apply(r, machine_applied(r->machine) + 1));
    return applying_answer_sequentials(r);
}

#ifdef DKV_PLANTED
int applying_answer_early(struct replica *r, struct batch *b, uint64_t number)
{
    for (struct list *l = b->writes.next; l != &b->writes; l = l->next) {
        struct op *op = LIST_ENTRY(l, struct op, link);
        struct result result = {.applied = true, .slot = number};
        TRY(applying_answer_write(r, op, &result));
    }
    return applying_answer_reads(r, &b->reads);
}
#endif
