/* stage.c -- operations, and looking in. See stage.h. */
#define _GNU_SOURCE
#include "cli/scenarios/stage.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "cli/scenarios/moment.h"

#define CONVERGE_TIMEOUT_MS 10000
#define POLL_MS 20
#define SHOWN_MAX 40 /* Bytes of a value that are shown. */
#define ADMIN_TIMEOUT_MS 2000

static struct dkv_bytes bytes_of_text(const char *text)
{
    return (struct dkv_bytes){.data = text, .size = strlen(text)};
}

/* ---- Operations ---------------------------------------------------------------------------- */

void stage_key(const struct stage *s, const char *name, char out_key[STAGE_KEY_SIZE_MAX])
{
    int n = snprintf(out_key, STAGE_KEY_SIZE_MAX, "%s%s", s->prefix, name);
    assert(n > 0 && n < STAGE_KEY_SIZE_MAX);
    (void)n;
}

void stage_execute(struct stage *s, uint32_t node, const struct dkv_op *op,
                   struct dkv_answer *out_answer)
{
    assert(node < s->nodes_count);
    struct dkv_client *client = s->nodes[node].client;
    uint64_t call_ns = moment_now_ns();
    dkv_execute(client, op, out_answer);
    journal_add(&s->journal, node, dkv_client_id(client), op, out_answer, call_ns, moment_now_ns());
}

/* The short form of an answer, for the end of a line. */
struct told {
    char text[320];
};

static struct told tell(const struct dkv_answer *a, uint64_t began_ns)
{
    struct told t;
    if (a->status == DKV_OK)
        snprintf(t.text, sizeof(t.text), "slot %llu, revision %llu, %.1f ms",
                 (unsigned long long)a->slot, (unsigned long long)a->revision,
                 (double)(moment_now_ns() - began_ns) / (double)MOMENT_MS);
    else
        snprintf(t.text, sizeof(t.text), "%s%s%s", dkv_status_text(a->status),
                 a->text[0] != '\0' ? ": " : "", a->text);
    return t;
}

/* A write: told as `what`, and checked. */
static bool write_and_check(struct stage *s, uint32_t node, const struct dkv_op *wanted,
                            const char *name, const char *what)
{
    char key[STAGE_KEY_SIZE_MAX];
    stage_key(s, name, key);
    struct dkv_op op = *wanted;
    op.key = bytes_of_text(key);
    struct dkv_answer answer;
    uint64_t began_ns = moment_now_ns();
    stage_execute(s, node, &op, &answer);
    struct told told = tell(&answer, began_ns);
    bool ok = report_check(&s->report, answer.status == DKV_OK, "%s through node %u (%s)", what,
                           (unsigned)s->nodes[node].id, told.text);
    dkv_answer_fini(&answer);
    return ok;
}

bool stage_put(struct stage *s, uint32_t node, const char *name, const char *value)
{
    char what[128];
    snprintf(what, sizeof(what), "put %s = \"%.*s\"", name, SHOWN_MAX, value);
    const struct dkv_op op = {.kind = DKV_PUT, .value = bytes_of_text(value)};
    return write_and_check(s, node, &op, name, what);
}

bool stage_append(struct stage *s, uint32_t node, const char *name, const char *value)
{
    char what[128];
    snprintf(what, sizeof(what), "append \"%.*s\" to %s", SHOWN_MAX, value, name);
    const struct dkv_op op = {.kind = DKV_APPEND, .value = bytes_of_text(value)};
    return write_and_check(s, node, &op, name, what);
}

bool stage_delete(struct stage *s, uint32_t node, const char *name)
{
    char what[128];
    snprintf(what, sizeof(what), "delete %s", name);
    const struct dkv_op op = {.kind = DKV_DELETE};
    return write_and_check(s, node, &op, name, what);
}

bool stage_expect(struct stage *s, uint32_t node, const char *name, const char *value)
{
    char key[STAGE_KEY_SIZE_MAX];
    stage_key(s, name, key);
    struct dkv_op op = {.kind = DKV_GET, .key = bytes_of_text(key)};
    struct dkv_answer a;
    uint64_t began_ns = moment_now_ns();
    stage_execute(s, node, &op, &a);
    struct told told = tell(&a, began_ns);
    bool ok = a.status == DKV_OK && a.found == (value != NULL);
    if (ok && value != NULL)
        ok = a.value.size == strlen(value) && memcmp(a.value.data, value, a.value.size) == 0;
    char got[SHOWN_MAX + 32] = "";
    if (a.status == DKV_OK && a.found)
        snprintf(got, sizeof(got), " gives \"%.*s\"",
                 (int)(a.value.size < SHOWN_MAX ? a.value.size : SHOWN_MAX),
                 (const char *)a.value.data);
    else if (a.status == DKV_OK)
        snprintf(got, sizeof(got), " finds no such key");
    char wanted[SHOWN_MAX + 32] = "";
    if (!ok && value != NULL)
        snprintf(wanted, sizeof(wanted), "; wanted \"%.*s\"", SHOWN_MAX, value);
    else if (!ok)
        snprintf(wanted, sizeof(wanted), "; wanted no such key");
    report_check(&s->report, ok, "get %s through node %u%s%s (%s)", name,
                 (unsigned)s->nodes[node].id, got, wanted, told.text);
    dkv_answer_fini(&a);
    return ok;
}

/* ---- Looking in ---------------------------------------------------------------------------- */

bool stage_metric(struct stage *s, uint32_t node, const char *name, double *out_value)
{
    struct stage_node *n = &s->nodes[node];
    struct wire_metrics metrics;
    struct admin_error error;
    if (admin_metrics(n->admin, &metrics, &error) != DKV_OK) {
        report_break(&s->report, "node %u tells its metrics: %s", (unsigned)n->id, error.text);
        return false;
    }
    bool found = false;
    double sum = 0;
    for (size_t i = 0; i < metrics.metrics_count; i++) {
        if (strcmp(metrics.metrics[i].name, name) != 0)
            continue;
        found = true;
        sum += metrics.metrics[i].value;
    }
    if (!found) {
        report_break(&s->report, "node %u has the metric %s", (unsigned)n->id, name);
        return false;
    }
    *out_value = sum;
    return true;
}

bool stage_is_ready(void *stage, const char *address)
{
    struct stage *s = stage;
    struct admin *admin = NULL;
    if (admin_open(s->io, address, ADMIN_TIMEOUT_MS, &admin) != DKV_OK)
        return false;
    struct wire_health health;
    struct admin_error error;
    bool ready = admin_health(admin, &health, &error) == DKV_OK && health.ready;
    admin_close(admin);
    return ready;
}

struct hashes {
    bool equal;
    char text[512]; /* What each node has. */
};

static struct hashes hashes_of_all(struct stage *s)
{
    struct hashes h = {.equal = true};
    struct wire_status first = {0};
    size_t used = 0;
    for (uint32_t i = 0; i < s->nodes_count; i++) {
        struct wire_status status;
        struct admin_error error;
        if (admin_status(s->nodes[i].admin, &status, &error) != DKV_OK) {
            h.equal = false;
            snprintf(h.text, sizeof(h.text), "\nnode %u: %.400s", (unsigned)s->nodes[i].id,
                     error.text);
            return h;
        }
        if (i == 0)
            first = status;
        h.equal =
            h.equal && status.applied == first.applied && status.state_hash == first.state_hash;
        int n = snprintf(h.text + used, sizeof(h.text) - used, "\nnode %u: slot %llu, hash %016llx",
                         (unsigned)status.id, (unsigned long long)status.applied,
                         (unsigned long long)status.state_hash);
        used += n > 0 && used + (size_t)n < sizeof(h.text) ? (size_t)n : 0;
    }
    return h;
}

bool stage_converge(struct stage *s)
{
    uint32_t timeout_ms = s->timeout_ms != 0 ? s->timeout_ms : CONVERGE_TIMEOUT_MS;
    uint64_t until_ns = moment_now_ns() + timeout_ms * MOMENT_MS;
    struct hashes h = hashes_of_all(s);
    while (!h.equal && moment_now_ns() < until_ns) {
        moment_sleep_ms(POLL_MS);
        h = hashes_of_all(s);
    }
    return report_check(&s->report, h.equal, "all nodes have the same state%s", h.text);
}
