/*
 * basic.c -- any node takes any request, and what one has answered all others know.
 */
#include "cli/scenarios/scenario.h"

void basic_play(struct stage *s)
{
    struct report *r = &s->report;
    report_step(r, "put through node %u, read at once through the others",
                (unsigned)s->nodes[0].id);
    stage_put(s, 0, "greeting", "hello");
    stage_expect(s, 1, "greeting", "hello");
    stage_expect(s, 2, "greeting", "hello");

    report_step(r, "put through one node, append through another, read the whole through a third");
    stage_put(s, 1, "greeting", "good ");
    stage_append(s, 2, "greeting", "morning");
    stage_expect(s, 0, "greeting", "good morning");

    report_step(r, "delete through node %u, gone on node %u", (unsigned)s->nodes[2].id,
                (unsigned)s->nodes[0].id);
    stage_delete(s, 2, "greeting");
    stage_expect(s, 0, "greeting", NULL);
    stage_expect(s, 1, "greeting", NULL);

    report_step(r, "compare the replicas");
    stage_converge(s);
}
