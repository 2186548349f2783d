/*
 * duplicates.c -- one put, sent a hundred times under one (client_id, op_id) through all nodes, and
 * through several at once: it is executed once, and everybody gets the answer of the first time.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "cli/scenarios/moment.h"
#include "cli/scenarios/scenario.h"

#define SENT 100
#define VALUE "only once"

/* What came back so far. */
struct tally {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint32_t waiting;
    uint32_t answered; /* With OK. */
    uint32_t duplicates;
    uint32_t same; /* With the slot and revision of the first. */
    uint64_t attempts;
    uint64_t slot;
    uint64_t revision;
    uint64_t born;
    char error[320];
};

static void on_answer(void *context, struct dkv_answer *answer)
{
    struct tally *t = context;
    pthread_mutex_lock(&t->lock);
    t->attempts += answer->attempts;
    if (answer->status == DKV_OK) {
        t->answered++;
        t->duplicates += answer->duplicate;
        t->same += answer->slot == t->slot && answer->revision == t->revision;
    } else if (t->error[0] == '\0') {
        snprintf(t->error, sizeof(t->error), "%s: %s", dkv_status_text(answer->status),
                 answer->text);
    }
    t->waiting--;
    pthread_cond_signal(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

/* The first time: through one node, and into the journal. The others are retries of it. */
static bool send_first(struct stage *s, struct dkv_client *client, const struct dkv_op *op,
                       struct tally *t)
{
    uint64_t call_ns = moment_now_ns();
    struct dkv_answer answer;
    dkv_execute(client, op, &answer);
    journal_add(&s->journal, s->nodes_count, dkv_client_id(client), op, &answer, call_ns,
                moment_now_ns());
    bool ok = answer.status == DKV_OK && !answer.duplicate;
    report_check(&s->report, ok, "the first is executed (slot %llu, revision %llu)%s%s",
                 (unsigned long long)answer.slot, (unsigned long long)answer.revision,
                 ok ? "" : ": ", ok ? "" : answer.text);
    t->attempts = answer.attempts;
    t->slot = answer.slot;
    t->revision = answer.revision;
    t->born = answer.born;
    dkv_answer_fini(&answer);
    return ok;
}

/* The rest, to all nodes at once each time. */
static void send_again(struct dkv_client *const *clients, uint32_t clients_count,
                       const struct dkv_op *op, struct tally *t)
{
    for (uint32_t sent = 1; sent < SENT;) {
        pthread_mutex_lock(&t->lock);
        t->waiting = SENT - sent < clients_count ? SENT - sent : clients_count;
        uint32_t together = t->waiting;
        pthread_mutex_unlock(&t->lock);
        for (uint32_t i = 0; i < together; i++) {
            struct dkv_answer refused = {0};
            const char *text = "";
            refused.status = dkv_submit(clients[i], op, on_answer, t, &text);
            if (refused.status == DKV_OK)
                continue;
            snprintf(refused.text, sizeof(refused.text), "%s", text);
            on_answer(t, &refused);
        }
        pthread_mutex_lock(&t->lock);
        while (t->waiting > 0)
            pthread_cond_wait(&t->changed, &t->lock);
        pthread_mutex_unlock(&t->lock);
        sent += together;
    }
}

/* All are one client to the cluster: the same id, the same born, the same floor. */
static bool open_client(struct stage *s, uint32_t node, const uint8_t id[16], const uint64_t *born,
                        struct dkv_client **out_client)
{
    const struct dkv_options options = {
        .endpoints = s->nodes[node].address,
        .io = s->io,
        .client_id = {id, 16},
        .floor = 1,
        .born_is_given = born != NULL,
        .born = born != NULL ? *born : 0,
        .timeout_ms = s->timeout_ms,
    };
    enum dkv_status status = dkv_open(&options, out_client);
    if (status != DKV_OK)
        report_break(&s->report, "a client can be made: %s", dkv_status_text(status));
    return status == DKV_OK;
}

static bool send_all(struct stage *s, const struct dkv_op *op, struct tally *t)
{
    uint8_t id[16];
    if (getrandom(id, sizeof(id), 0) != sizeof(id)) {
        report_break(&s->report, "the system gives 16 random bytes");
        return false;
    }
    struct dkv_client *clients[STAGE_NODES_MAX + 1] = {NULL};
    struct dkv_client **first = &clients[s->nodes_count];
    bool ok = open_client(s, 0, id, NULL, first) && send_first(s, *first, op, t);
    for (uint32_t i = 0; ok && i < s->nodes_count; i++)
        ok = open_client(s, i, id, &t->born, &clients[i]);
    if (ok)
        send_again(clients, s->nodes_count, op, t);
    for (uint32_t i = 0; i <= s->nodes_count; i++)
        dkv_close(clients[i]);
    return ok;
}

struct counts {
    double applied;
    double suppressed;
};

static bool read_counts(struct stage *s, struct counts *counts)
{
    for (uint32_t i = 0; i < s->nodes_count; i++)
        if (!stage_metric(s, i, "applied_ops_total", &counts[i].applied) ||
            !stage_metric(s, i, "duplicate_suppressed_total", &counts[i].suppressed))
            return false;
    return true;
}

/* On a cluster of our own nobody else writes; on a given one others may. */
static void check_counts(struct stage *s, const struct counts *before, const struct counts *after,
                         double expected)
{
    for (uint32_t i = 0; i < s->nodes_count; i++) {
        double applied = after[i].applied - before[i].applied;
        double suppressed = after[i].suppressed - before[i].suppressed;
        bool ok = s->cluster != NULL ? applied == 1 && suppressed == expected
                                     : applied >= 1 && suppressed >= expected;
        report_check(&s->report, ok,
                     "node %u: applied_ops_total +%.0f, duplicate_suppressed_total +%.0f",
                     (unsigned)s->nodes[i].id, applied, suppressed);
    }
}

static void check_key(struct stage *s, struct dkv_bytes key)
{
    const struct dkv_op get = {.kind = DKV_GET, .key = key};
    struct dkv_answer answer;
    stage_execute(s, 1, &get, &answer);
    bool ok = answer.status == DKV_OK && answer.found && answer.version == 1 &&
              answer.value.size == strlen(VALUE) &&
              memcmp(answer.value.data, VALUE, strlen(VALUE)) == 0;
    report_check(&s->report, ok, "the key says that it was written once (version %llu): \"%.*s\"",
                 (unsigned long long)answer.version, (int)answer.value.size,
                 answer.value.size > 0 ? (const char *)answer.value.data : "");
    dkv_answer_fini(&answer);
}

void duplicates_play(struct stage *s)
{
    struct report *r = &s->report;
    char key[STAGE_KEY_SIZE_MAX];
    stage_key(s, "once", key);
    const struct dkv_op op = {
        .kind = DKV_PUT, .key = {key, strlen(key)}, .value = {VALUE, strlen(VALUE)}, .op_id = 1};

    report_step(r, "read the counters of all nodes");
    struct counts before[STAGE_NODES_MAX] = {{0}};
    struct counts after[STAGE_NODES_MAX] = {{0}};
    if (!stage_converge(s) || !read_counts(s, before))
        return;

    report_step(r, "send one put %d times under one (client_id, op_id)", SENT);
    struct tally t = {0};
    pthread_mutex_init(&t.lock, NULL);
    pthread_cond_init(&t.changed, NULL);
    if (send_all(s, &op, &t)) {
        report_check(r, t.answered == SENT - 1, "%u of %d others are answered with OK%s%s",
                     (unsigned)t.answered, SENT - 1, t.error[0] != '\0' ? ": " : "", t.error);
        report_check(r, t.duplicates == SENT - 1 && t.same == SENT - 1,
                     "%u are called duplicates, %u with the slot and the revision of the first",
                     (unsigned)t.duplicates, (unsigned)t.same);
        check_key(s, op.key);
        report_step(r, "read the counters again");
        /* A request that a client had to send again counts as well. */
        if (stage_converge(s) && read_counts(s, after))
            check_counts(s, before, after, (double)(t.attempts - 1));
    }
    pthread_cond_destroy(&t.changed);
    pthread_mutex_destroy(&t.lock);
}
