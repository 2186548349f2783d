/* report.c -- see report.h. */
#define _GNU_SOURCE
#include "cli/scenarios/report.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/scenarios/moment.h"

#define TEXT_SIZE_MAX 2048
#define RULER "────────────────────────────────────────────────────────────────────────"

/* jansson has one answer to everything that fails here: there is no memory. */
int report_init(struct report *r, const char *scenario, bool is_json, FILE *out)
{
    *r = (struct report){
        .out = out, .scenario = scenario, .is_json = is_json, .began_ns = moment_now_ns()};
    if (!is_json)
        return 0;
    r->object = json_pack("{s:s, s:[]}", "scenario", scenario, "steps");
    return r->object != NULL ? 0 : ERR_NO_MEMORY;
}

void report_fini(struct report *r)
{
    if (r != NULL)
        json_decref(r->object);
}

/* A line of several, for those who read it: what stands behind the first is indented as well. */
static void print_text(struct report *r, const char *indent, const char *text)
{
    while (text != NULL) {
        const char *end = strchr(text, '\n');
        int length = end != NULL ? (int)(end - text) : (int)strlen(text);
        fprintf(r->out, "%s%.*s\n", indent, length, text);
        text = end != NULL && end[1] != '\0' ? end + 1 : NULL;
        indent = "          ";
    }
    fflush(r->out);
}

static void step_add(struct report *r, const char *list, json_t *entry)
{
    json_t *array = json_object_get(r->step, list);
    if (array == NULL) {
        array = json_array();
        json_object_set_new(r->step, list, array);
    }
    json_array_append_new(array, entry);
}

static void on_step(struct report *r, const char *text)
{
    if (!r->is_json) {
        print_text(r, ">>> ", text);
        return;
    }
    r->step = json_pack("{s:s}", "step", text);
    json_array_append_new(json_object_get(r->object, "steps"), r->step);
}

static void on_check(struct report *r, bool ok, const char *text)
{
    r->checks++;
    r->failed += ok ? 0 : 1;
    if (r->is_json)
        step_add(r, "checks", json_pack("{s:b, s:s}", "ok", ok, "what", text));
    else
        print_text(r, ok ? "    ok    " : "    FAIL  ", text);
}

#define FORMAT_INTO(text, format)                    \
    char text[TEXT_SIZE_MAX];                        \
    do {                                             \
        va_list args;                                \
        va_start(args, format);                      \
        vsnprintf(text, sizeof(text), format, args); \
        va_end(args);                                \
    } while (0)

void report_step(struct report *r, const char *format, ...)
{
    FORMAT_INTO(text, format);
    on_step(r, text);
}

void report_saw(struct report *r, const char *format, ...)
{
    FORMAT_INTO(text, format);
    if (r->is_json)
        step_add(r, "saw", json_string(text));
    else
        print_text(r, "    ", text);
}

bool report_check(struct report *r, bool ok, const char *format, ...)
{
    FORMAT_INTO(text, format);
    on_check(r, ok, text);
    return ok;
}

void report_break(struct report *r, const char *format, ...)
{
    FORMAT_INTO(text, format);
    on_check(r, false, text);
    r->is_broken = true;
}

void report_figure(struct report *r, const char *name, json_t *value)
{
    if (r->is_json)
        json_object_set_new(r->object, name, value);
    else
        json_decref(value);
}

static void end_json(struct report *r, bool passed, double seconds)
{
    report_figure(r, "result", json_string(passed ? "pass" : "fail"));
    report_figure(r, "seconds", json_real(seconds));
    report_figure(r, "checks", json_integer(r->checks));
    report_figure(r, "failed", json_integer(r->failed));
    json_dumpf(r->object, r->out, JSON_REAL_PRECISION(6));
    fputc('\n', r->out);
}

static void end_text(struct report *r, bool passed, double seconds)
{
    fprintf(r->out, "%s\n", RULER);
    if (passed)
        fprintf(r->out, "PASS  %s: %u checks, %.1f s\n", r->scenario, (unsigned)r->checks, seconds);
    else
        fprintf(r->out, "FAIL  %s: %u of %u checks failed, %.1f s\n", r->scenario,
                (unsigned)r->failed, (unsigned)r->checks, seconds);
    fprintf(r->out, "%s\n", RULER);
}

bool report_end(struct report *r)
{
    bool passed = r->checks > 0 && r->failed == 0;
    double seconds = (double)(moment_now_ns() - r->began_ns) / (double)MOMENT_S;
    if (r->is_json)
        end_json(r, passed, seconds);
    else
        end_text(r, passed, seconds);
    fflush(r->out);
    return passed;
}
