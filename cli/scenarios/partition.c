/*
 * partition.c -- one node cut off from the others by fault rules: the majority goes on, the
 * minority neither writes nor reads anything old, and after the cut is mended all agree.
 */
#include <stdio.h>
#include <string.h>

#include "cli/scenarios/moment.h"
#include "cli/scenarios/scenario.h"

#define MINORITY_TIMEOUT_MS 1500

/* All protocol messages to and from the node are dropped, at the node itself. */
static bool cut_off(struct stage *s, uint32_t node)
{
    struct wire_set_faults faults = {.replace = true};
    for (uint32_t i = 0; i < s->nodes_count; i++) {
        if (i == node)
            continue;
        faults.rules[faults.rules_count++] = (struct wire_fault_rule){
            .peer = s->nodes[i].id, .direction = WIRE_BOTH, .drop_ppm = WIRE_PPM_MAX};
    }
    struct admin_error error = {""};
    enum dkv_status status = admin_set_faults(s->nodes[node].admin, &faults, &error);
    if (status != DKV_OK)
        report_break(&s->report, "node %u takes the rules: %s", (unsigned)s->nodes[node].id,
                     error.text);
    else
        report_saw(&s->report, "node %u drops every message to and from the others",
                   (unsigned)s->nodes[node].id);
    return status == DKV_OK;
}

static bool mend(struct stage *s, uint32_t node)
{
    struct admin_error error = {""};
    enum dkv_status status = admin_clear_faults(s->nodes[node].admin, &error);
    if (status != DKV_OK)
        report_break(&s->report, "node %u forgets its rules: %s", (unsigned)s->nodes[node].id,
                     error.text);
    return status == DKV_OK;
}

/* The operation must not come to an OK there. Returns its answer's status. */
static enum dkv_status expect_failure(struct stage *s, uint32_t node, struct dkv_op *op,
                                      const char *what, uint64_t *out_op_id)
{
    op->timeout_ms = MINORITY_TIMEOUT_MS;
    struct dkv_answer answer;
    stage_execute(s, node, op, &answer);
    enum dkv_status status = answer.status;
    *out_op_id = answer.op_id;
    report_check(&s->report, status == DKV_UNAVAILABLE || status == DKV_UNKNOWN,
                 "%s through node %u does not succeed (%s%s%s)", what, (unsigned)s->nodes[node].id,
                 dkv_status_text(status), answer.text[0] != '\0' ? ": " : "", answer.text);
    dkv_answer_fini(&answer);
    return status;
}

/* The same op with the same op_id: executed now, or known to have been. */
static void settle(struct stage *s, uint32_t node, struct dkv_op *op, uint64_t op_id)
{
    op->op_id = op_id;
    op->timeout_ms = 0;
    struct dkv_answer answer;
    stage_execute(s, node, op, &answer);
    report_check(&s->report, answer.status == DKV_OK,
                 "the same put again with op_id %llu settles what became of it: %s%s",
                 (unsigned long long)op_id,
                 answer.status != DKV_OK ? dkv_status_text(answer.status)
                 : answer.duplicate      ? "it had been applied"
                                         : "it had not been applied, and is now",
                 answer.status != DKV_OK ? answer.text : "");
    dkv_answer_fini(&answer);
}

void partition_play(struct stage *s)
{
    struct report *r = &s->report;
    uint32_t alone = s->nodes_count - 1;
    unsigned id = (unsigned)s->nodes[alone].id;
    char key[STAGE_KEY_SIZE_MAX];
    stage_key(s, "late", key);
    struct dkv_op put = {
        .kind = DKV_PUT, .key = {key, strlen(key)}, .value = {"from the minority", 17}};
    struct dkv_op get = {.kind = DKV_GET};
    char city[STAGE_KEY_SIZE_MAX];
    stage_key(s, "city", city);
    get.key = (struct dkv_bytes){city, strlen(city)};

    report_step(r, "all together");
    stage_put(s, 0, "city", "Paxos");
    stage_expect(s, alone, "city", "Paxos");

    report_step(r, "cut off node %u", id);
    if (!cut_off(s, alone))
        return;

    report_step(r, "the majority goes on");
    stage_put(s, 0, "city", "Antipaxos");
    stage_expect(s, 1, "city", "Antipaxos");

    report_step(r, "the minority does not: no write, and no read of what is old");
    uint64_t op_id = 0;
    uint64_t unused;
    enum dkv_status status = expect_failure(s, alone, &put, "put", &op_id);
    expect_failure(s, alone, &get, "get", &unused);

    report_step(r, "mend it");
    if (!mend(s, alone))
        return;
    stage_expect(s, alone, "city", "Antipaxos");
    if (status == DKV_UNKNOWN)
        settle(s, alone, &put, op_id);
    stage_converge(s);
}
