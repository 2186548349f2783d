/* load_check.c -- see load_check.h. */
#include "load_check.h"

#include <stdio.h>

#include "history/exactly_once.h"
#include "history/history_json.h"
#include "history/linearizable.h"
#include "history/revisions.h"

#define FINAL_TIMEOUT_MS 20000

static void complain(const struct load *load, const char *what, size_t index)
{
    struct buf line = {0};
    fprintf(stderr, "history-load: %s\n", what);
    if (index < load->history.count && history_json_write(&load->history.ops[index], &line) == 0)
        fprintf(stderr, "  %.*s", (int)(line.size < 2000 ? line.size : 2000), line.data);
    buf_fini(&line);
}

/* Read a key when all is over, and check its appends if it has nothing else. */
static int check_key(struct load_client *reader, const char *key, bool appends_only)
{
    struct load *load = reader->load;
    struct dkv_answer answer;
    const struct dkv_op get = {
        .kind = DKV_GET, .key = load_text(key), .timeout_ms = FINAL_TIMEOUT_MS};
    load_client_do(reader, &get, &answer);
    int status = 0;
    if (answer.status != DKV_OK) {
        fprintf(stderr, "history-load: %s cannot be read at the end: %s\n", key, answer.text);
        status = EXIT_UNAVAILABLE;
    } else if (appends_only) {
        struct exactly_once_report report;
        struct bytes value = answer.found ? load_bytes(answer.value) : (struct bytes){0};
        if (exactly_once_check(&load->history, load_bytes(get.key), value, &report) != 0)
            load_die("appends cannot be checked");
        if (report.fault != EXACTLY_ONCE_FINE) {
            complain(load, exactly_once_text(report.fault), report.op);
            fprintf(stderr, "  at offset %zu of key %s: %.*s\n", report.offset, key,
                    (int)(value.size < 2000 ? value.size : 2000), (const char *)value.data);
            status = EXIT_WRONG;
        }
    }
    dkv_answer_fini(&answer);
    return status;
}

int load_check_keys(struct load_client *reader)
{
    struct load *load = reader->load;
    uint64_t last = (load->end_ns - load->begin_ns) / (LOAD_PERIOD_MS * MS_NS);
    for (uint64_t period = 0; period <= last; period++) {
        for (uint32_t i = 0; i < 2 * load->options.keys; i++) {
            char key[LOAD_KEY_SIZE];
            load_key(load, period, i % 2 == 0, i / 2, key);
            int status = check_key(reader, key, i % 2 == 0);
            if (status != 0)
                return status;
        }
    }
    return 0;
}

int load_check_history(struct load *load)
{
    struct revisions_report revisions;
    if (revisions_check(&load->history, &revisions) != 0)
        load_die("no memory to check the revisions");
    if (revisions.fault != REVISIONS_FINE) {
        complain(load, revisions_text(revisions.fault), revisions.first);
        complain(load, "and this one:", revisions.second);
        return EXIT_WRONG;
    }
    struct linearizable_report report;
    if (linearizable_check(&load->history, &linearizable_budget_default, &report) != 0)
        load_die("no memory to check the history");
    if (report.verdict == LINEARIZABLE_UNDECIDED)
        load_die("the history is too tangled to be checked");
    if (report.verdict == LINEARIZABLE_YES)
        return 0;
    complain(load, "not linearizable: no order explains this answer", report.op);
    if (report.writer != LINEARIZABLE_NOBODY)
        complain(load, "the last write that explains what came before it:", report.writer);
    return EXIT_WRONG;
}
