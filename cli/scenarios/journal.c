/* journal.c -- see journal.h. */
#define _GNU_SOURCE
#include "cli/scenarios/journal.h"

#include <errno.h>
#include <string.h>

#include "history/history_json.h"
#include "history/linearizable.h"
#include "history/revisions.h"

void journal_init(struct journal *j)
{
    *j = (struct journal){0};
    pthread_mutex_init(&j->lock, NULL);
    history_init(&j->history);
}

void journal_fini(struct journal *j)
{
    if (j == NULL)
        return;
    history_fini(&j->history);
    pthread_mutex_destroy(&j->lock);
}

/* ---- From the client library's words to the history's -------------------------------------- */

static struct bytes bytes_from(struct dkv_bytes from)
{
    return (struct bytes){.data = from.data, .size = from.size};
}

static enum history_kind kind_of(enum dkv_kind kind)
{
    switch (kind) {
    case DKV_GET:
        return HISTORY_GET;
    case DKV_PUT:
        return HISTORY_PUT;
    case DKV_APPEND:
        return HISTORY_APPEND;
    case DKV_DELETE:
        return HISTORY_DELETE;
    case DKV_CAS:
        break;
    }
    return HISTORY_CAS;
}

static enum history_outcome outcome_of(const struct dkv_op *op, enum dkv_status status)
{
    if (status == DKV_OK)
        return HISTORY_OK;
    if (op->kind == DKV_GET)
        return HISTORY_FAIL; /* A read has no effect in any case. */
    switch (status) {
    case DKV_INVALID:
    case DKV_UNAVAILABLE:
    case DKV_BUSY:
    case DKV_TOO_LARGE:
        return HISTORY_FAIL;
    default:
        return HISTORY_UNKNOWN;
    }
}

static void take_call(struct history_call *call, const struct dkv_op *op)
{
    call->kind = kind_of(op->kind);
    call->key = bytes_from(op->key);
    if (op->kind == DKV_PUT || op->kind == DKV_APPEND || op->kind == DKV_CAS)
        call->value = bytes_from(op->value);
    if (op->kind == DKV_CAS && op->expect == DKV_EXPECT_VALUE) {
        call->expect_found = true;
        call->expect = bytes_from(op->expected);
    }
}

static void take_answer(struct history_answer *to, const struct dkv_op *op,
                        const struct dkv_answer *from)
{
    to->slot = from->slot;
    to->revision = from->revision;
    to->node = from->node;
    if (op->kind == DKV_CAS)
        to->applied = from->applied;
    if (from->omitted)
        return;
    to->has_found = true;
    to->found = from->found;
    bool is_result = op->kind == DKV_GET || op->kind == DKV_APPEND;
    if (is_result ? from->has_value : from->has_previous) {
        to->has_output = true;
        to->output = bytes_from(is_result ? from->value : from->previous);
    }
}

void journal_add(struct journal *j, uint32_t client, struct dkv_bytes client_id,
                 const struct dkv_op *op, const struct dkv_answer *answer, uint64_t call_ns,
                 uint64_t return_ns)
{
    if (op->kind == DKV_GET && op->consistency == DKV_SEQUENTIAL)
        return;
    struct history_op seen = {.call = {.client = client, .call_ns = call_ns}};
    take_call(&seen.call, op);
    if (op->kind != DKV_GET && answer->op_id != 0) {
        seen.call.client_id = bytes_from(client_id);
        seen.call.op_id = answer->op_id;
    }
    seen.answer.outcome = outcome_of(op, answer->status);
    seen.answer.return_ns = return_ns;
    if (seen.answer.outcome == HISTORY_OK)
        take_answer(&seen.answer, op, answer);
    pthread_mutex_lock(&j->lock);
    /* An answer that makes no sense comes from outside: it is no bug of ours. */
    int err = history_op_is_valid(&seen) ? history_add(&j->history, &seen) : ERR_INVALID;
    if (err != 0 && j->err == 0)
        j->err = err;
    pthread_mutex_unlock(&j->lock);
}

/* ---- What the checkers say ----------------------------------------------------------------- */

/* For a person: one operation of the history, as its line of JSON. */
static int text_add_op(struct journal *j, size_t op, char *text, size_t size)
{
    struct buf line = {0};
    TRY(history_json_write(&j->history.ops[op], &line));
    size_t used = strlen(text);
    int length = line.size > 0 ? (int)line.size - 1 : 0; /* Without its newline. */
    snprintf(text + used, size - used, "\n%.*s", length, (const char *)line.data);
    buf_fini(&line);
    return 0;
}

static int check_order(struct journal *j, struct journal_verdict *v)
{
    struct linearizable_report report;
    TRY(linearizable_check(&j->history, &linearizable_budget_default, &report));
    v->keys = report.keys;
    v->linearizable = report.verdict == LINEARIZABLE_YES;
    v->undecided = report.verdict == LINEARIZABLE_UNDECIDED;
    if (v->undecided)
        snprintf(v->order_text, sizeof(v->order_text),
                 "the search for an order was given up after %llu steps",
                 (unsigned long long)report.steps);
    if (report.verdict != LINEARIZABLE_NO)
        return 0;
    snprintf(v->order_text, sizeof(v->order_text), "no order explains the answer of");
    TRY(text_add_op(j, report.op, v->order_text, sizeof(v->order_text)));
    return report.writer != LINEARIZABLE_NOBODY
               ? text_add_op(j, report.writer, v->order_text, sizeof(v->order_text))
               : 0;
}

static int check_revisions(struct journal *j, struct journal_verdict *v)
{
    struct revisions_report report;
    TRY(revisions_check(&j->history, &report));
    v->revisions_fit = report.fault == REVISIONS_FINE;
    if (v->revisions_fit)
        return 0;
    char *text = v->revisions_text;
    snprintf(text, sizeof(v->revisions_text), "%s", revisions_text(report.fault));
    TRY(text_add_op(j, report.first, text, sizeof(v->revisions_text)));
    return text_add_op(j, report.second, text, sizeof(v->revisions_text));
}

int journal_check(struct journal *j, struct journal_verdict *out_verdict)
{
    if (j->err != 0)
        return j->err;
    struct journal_verdict v = {.operations = j->history.count};
    for (size_t i = 0; i < j->history.count; i++)
        v.unknown += j->history.ops[i].answer.outcome == HISTORY_UNKNOWN;
    TRY(check_order(j, &v));
    TRY(check_revisions(j, &v));
    *out_verdict = v;
    return 0;
}

int journal_write(struct journal *j, FILE *out)
{
    struct buf line = {0};
    int err = j->err;
    for (size_t i = 0; err == 0 && i < j->history.count; i++) {
        buf_clear(&line);
        err = history_json_write(&j->history.ops[i], &line);
        if (err == 0 && fwrite(line.data, 1, line.size, out) != line.size)
            err = ERR_IO;
    }
    buf_fini(&line);
    if (err == 0 && fflush(out) != 0)
        err = ERR_IO;
    return err;
}
