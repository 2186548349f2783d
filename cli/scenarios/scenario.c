/* scenario.c -- see scenario.h. */
#define _GNU_SOURCE
#include "cli/scenarios/scenario.h"

#include <errno.h>
#include <string.h>

#include "cli/scenarios/stage_setup.h"

const struct scenario scenario_table[] = {
    {"basic", "what is written through one node is read at once through the others", 3, false,
     false, basic_play},
    {"duplicates", "one put sent 100 times is applied once", 3, false, false, duplicates_play},
    {"failover", "reads and writes go on while a node is killed and comes back", 3, true, false,
     failover_play},
    {"recovery", "a node that was away has everything when it comes back", 3, true, false,
     recovery_play},
    {"partition", "a majority goes on, the minority does not, and all agree again", 3, false, true,
     partition_play},
    {"loadtest", "throughput, latency, and a history that is checked for linearizability", 3, false,
     false, loadtest_play},
    {NULL, NULL, 0, false, false, NULL},
};

const struct scenario *scenario_find(const char *name)
{
    for (const struct scenario *s = scenario_table; s->name != NULL; s++)
        if (strcmp(s->name, name) == 0)
            return s;
    return NULL;
}

/* What all clients saw must make sense together, whatever the scenario. */
static void check_journal(struct stage *s)
{
    report_step(&s->report, "check what the clients saw");
    struct journal_verdict v;
    int err = journal_check(&s->journal, &v);
    if (err != 0) {
        report_break(&s->report, "the record of what clients saw can be checked: %s",
                     err_text(err));
        return;
    }
    report_check(&s->report, v.linearizable,
                 "%zu operations on %zu key%s, %zu of unknown outcome: linearizable%s%s",
                 v.operations, v.keys, v.keys == 1 ? "" : "s", v.unknown,
                 v.linearizable ? "" : "\n", v.order_text);
    report_check(&s->report, v.revisions_fit,
                 "revisions and slots are in the order of real time%s%s",
                 v.revisions_fit ? "" : "\n", v.revisions_text);
}

/* Also when a check failed: then more than ever. */
static enum cli_exit write_history(struct stage *s, const char *path, FILE *file)
{
    int err = journal_write(&s->journal, file);
    int reason = errno;
    if (fclose(file) != 0 && err == 0) {
        err = ERR_IO;
        reason = errno;
    }
    if (err == 0) {
        report_saw(&s->report, "written to %s", path);
        return CLI_OK;
    }
    fprintf(stderr, "cannot write %s: %s\n", path,
            err == ERR_IO ? strerror(reason) : err_text(err));
    return CLI_ERROR;
}

static enum cli_exit play(struct stage *s, const struct scenario *scenario, const char *history,
                          FILE *file)
{
    scenario->play(s);
    check_journal(s);
    enum cli_exit code = CLI_OK;
    if (file != NULL)
        code = write_history(s, history, file);
    bool passed = report_end(&s->report);
    if (!passed)
        return CLI_CHECK;
    return code;
}

enum cli_exit scenario_run(const struct scenario *scenario, const struct scenario_options *options)
{
    /* Before there is anything else to undo: a name that cannot be written to is told at once. */
    FILE *file = NULL;
    if (options->history != NULL) {
        file = fopen(options->history, "we");
        if (file == NULL) {
            fprintf(stderr, "cannot write %s: %s\n", options->history, strerror(errno));
            return CLI_ERROR;
        }
    }
    static struct stage stage; /* Too large for the stack, and for on_interrupt to find. */
    memset(&stage, 0, sizeof(stage));
    enum cli_exit code = stage_open(&stage, scenario, options);
    if (code == CLI_OK)
        code = play(&stage, scenario, options->history, file);
    else if (file != NULL)
        fclose(file);
    uint32_t unclean = stage_close(&stage);
    if (unclean > 0) {
        fprintf(stderr, "%u nodes did not stop cleanly\n", (unsigned)unclean);
        if (code == CLI_OK)
            code = CLI_CHECK;
    }
    return code;
}
