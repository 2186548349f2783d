/*
 * report.h -- what a scenario tells: its steps, what it saw, what it checked, and how it ended.
 *
 * As text, line by line while it runs:
 *
 *     >>> put greeting through node 1
 *         node 1 answered: slot 4, revision 2, 1.3 ms
 *         ok    node 2 reads it
 *         FAIL  node 3 reads it: there is no such key
 *     ────────────────────
 *     FAIL  basic: 1 of 2 checks failed, 0.4 s
 *     ────────────────────
 *
 * or as one JSON object at the end:
 *
 *     {"scenario":"basic","result":"fail","seconds":0.4,"checks":2,"failed":1,
 *      "steps":[{"step":"…","saw":["…"],"checks":[{"ok":true,"what":"…"},…]},…], …figures…}
 *
 * Texts are for people and may hold any bytes that are UTF-8. One thread.
 */
#ifndef DKV_CLI_SCENARIOS_REPORT_H
#define DKV_CLI_SCENARIOS_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

struct report {
    FILE *out;
    const char *scenario;
    bool is_json;
    bool is_broken; /* The scenario could not be carried on: see report_break. */
    uint64_t began_ns;
    uint32_t checks;
    uint32_t failed;
    json_t *object; /* is_json: the answer so far. */
    json_t *step;   /* is_json: borrowed from it, the last step. */
};

/* scenario is kept. ERR_NO_MEMORY. */
int report_init(struct report *r, const char *scenario, bool is_json, FILE *out) MUST_CHECK;

/* NULL is fine. */
void report_fini(struct report *r);

/* A new step. */
void report_step(struct report *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Something seen in it. */
void report_saw(struct report *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Something checked: what should be, and is (ok) or is not. Returns ok. */
bool report_check(struct report *r, bool ok, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A check that failed so that there is no going on. */
void report_break(struct report *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A figure of the JSON object; the value is taken. Text: not printed. */
void report_figure(struct report *r, const char *name, json_t *value);

/* The ruler, PASS or FAIL, the ruler; or the JSON object. True: all checks were ok, and there was
 * one. Once, at the end. */
bool report_end(struct report *r);

#endif
