/*
 * failover.c -- a node is killed while a client talks to it: the others serve on, the client moves
 * over, and the node that comes back reads what was written without it.
 */
#include "cli/scenarios/moment.h"
#include "cli/scenarios/pulse.h"
#include "cli/scenarios/scenario.h"

#define GAP_MAX_MS 2000
#define QUIET_MS 500 /* How long the pulse beats before, between and after. */
#define QUIET_QUICK_MS 100

/* Let the pulse go on until it has had some answers more. */
static void beat(struct stage *s, struct pulse *p)
{
    uint64_t until_done = pulse_done(p) + 10;
    moment_sleep_ms(s->quick ? QUIET_QUICK_MS : QUIET_MS);
    for (int tries = 0; tries < 100 && pulse_done(p) < until_done; tries++)
        moment_sleep_ms(50);
}

static void play_with_pulse(struct stage *s, uint32_t victim, struct pulse *p)
{
    struct report *r = &s->report;
    unsigned id = (unsigned)s->nodes[victim].id;
    beat(s, p);
    report_step(r, "kill node %u, which that client talks to", id);
    if (!stage_kill(s, victim))
        return;

    report_step(r, "%u of %u go on", (unsigned)s->nodes_count - 1, (unsigned)s->nodes_count);
    stage_put(s, 0, "colour", "green");
    stage_expect(s, 2, "colour", "green");
    stage_put(s, 2, "colour", "blue");
    stage_expect(s, 0, "colour", "blue");
    beat(s, p);

    report_step(r, "start node %u again: it reads what was written without it", id);
    if (!stage_restart(s, victim))
        return;
    stage_expect(s, victim, "colour", "blue");
    stage_put(s, victim, "colour", "white");
    stage_expect(s, 0, "colour", "white");
    beat(s, p);
}

void failover_play(struct stage *s)
{
    struct report *r = &s->report;
    uint32_t victim = 1;
    report_step(r, "write through node %u, read through node %u", (unsigned)s->nodes[0].id,
                (unsigned)s->nodes[2].id);
    stage_put(s, 0, "colour", "red");
    stage_expect(s, 2, "colour", "red");

    report_step(r, "another client writes and reads without a pause, through node %u while it can",
                (unsigned)s->nodes[victim].id);
    struct pulse *pulse = NULL;
    if (!pulse_start(s, victim, &pulse))
        return;
    play_with_pulse(s, victim, pulse);
    struct pulse_result result;
    pulse_stop(pulse, &result);
    if (r->is_broken)
        return;

    report_step(r, "what the other client had of it");
    double gap_ms = (double)result.longest_gap_ns / (double)MOMENT_MS;
    report_check(r, result.failed == 0 && result.done > 0,
                 "%llu operations answered, %llu failed%s%s", (unsigned long long)result.done,
                 (unsigned long long)result.failed, result.failed > 0 ? ": " : "", result.error);
    report_check(r, gap_ms <= GAP_MAX_MS, "the longest gap between two answers was %.1f ms",
                 gap_ms);
    report_figure(r, "longest_gap_ms", json_real(gap_ms));
    stage_converge(s);
}
