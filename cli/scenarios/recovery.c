/*
 * recovery.c -- a node that was killed and missed writes has them all when it comes back, from its
 * own disk and from its peers.
 */
#include <stdio.h>
#include <string.h>

#include "cli/scenarios/moment.h"
#include "cli/scenarios/scenario.h"

#define MISSED 500
#define MISSED_QUICK 50

static struct dkv_bytes text_bytes(const char *text)
{
    return (struct dkv_bytes){.data = text, .size = strlen(text)};
}

/* A key and the value that belongs to it. */
struct pair {
    char key[STAGE_KEY_SIZE_MAX];
    char value[32];
};

static struct pair pair_at(const struct stage *s, uint32_t index)
{
    struct pair p;
    char name[16];
    snprintf(name, sizeof(name), "k%05u", (unsigned)index);
    stage_key(s, name, p.key);
    snprintf(p.value, sizeof(p.value), "value %u", (unsigned)index);
    return p;
}

static bool write_pairs(struct stage *s, uint32_t node, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        struct pair p = pair_at(s, i);
        const struct dkv_op op = {
            .kind = DKV_PUT, .key = text_bytes(p.key), .value = text_bytes(p.value)};
        struct dkv_answer answer;
        stage_execute(s, node, &op, &answer);
        enum dkv_status status = answer.status;
        if (status != DKV_OK)
            report_break(&s->report, "put %u of %u through node %u: %s %s", (unsigned)(i - from),
                         (unsigned)(to - from), (unsigned)s->nodes[node].id,
                         dkv_status_text(status), answer.text);
        dkv_answer_fini(&answer);
        if (status != DKV_OK)
            return false;
    }
    return report_check(&s->report, true, "%u keys written through node %u", (unsigned)(to - from),
                        (unsigned)s->nodes[node].id);
}

/* What the node has itself, without asking anybody. */
static void read_pairs(struct stage *s, uint32_t node, uint32_t count)
{
    uint32_t right = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct pair p = pair_at(s, i);
        const struct dkv_op op = {
            .kind = DKV_GET, .key = text_bytes(p.key), .consistency = DKV_SEQUENTIAL};
        struct dkv_answer answer;
        stage_execute(s, node, &op, &answer);
        right += answer.status == DKV_OK && answer.found && answer.value.size == strlen(p.value) &&
                 memcmp(answer.value.data, p.value, answer.value.size) == 0;
        dkv_answer_fini(&answer);
    }
    report_check(&s->report, right == count, "node %u itself has %u of %u keys, with their values",
                 (unsigned)s->nodes[node].id, (unsigned)right, (unsigned)count);
}

void recovery_play(struct stage *s)
{
    struct report *r = &s->report;
    uint32_t missed = s->quick ? MISSED_QUICK : MISSED;
    uint32_t victim = 1;
    unsigned id = (unsigned)s->nodes[victim].id;
    report_step(r, "write with all nodes there");
    if (!write_pairs(s, 0, 0, 10))
        return;

    report_step(r, "kill node %u", id);
    if (!stage_kill(s, victim))
        return;

    report_step(r, "write through another node");
    if (!write_pairs(s, 0, 10, 10 + missed))
        return;

    report_step(r, "start node %u again", id);
    if (!stage_restart(s, victim))
        return;
    stage_expect(s, victim, "k00010", "value 10");
    if (!stage_converge(s))
        return;
    read_pairs(s, victim, 10 + missed);

    report_step(r, "what node %u says of its catching up", id);
    static const char *const names[] = {"catchup_entries_applied", "frontier_index",
                                        "last_applied_index"};
    double values[3];
    for (size_t i = 0; i < 3; i++) {
        if (!stage_metric(s, victim, names[i], &values[i]))
            return;
        report_saw(r, "%s %.0f", names[i], values[i]);
    }
    /* Each write waited for the one before: no two share a slot. */
    report_check(r, values[0] >= missed, "it learnt the %u slots that it had missed from its peers",
                 (unsigned)missed);
    report_check(r, values[2] >= values[1], "it has applied all that it knows to be in use");
}
