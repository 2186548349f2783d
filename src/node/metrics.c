/* metrics.c -- counting, and the answer of Admin.Metrics. */
#include "node/metrics.h"

#include <assert.h>
#include <stdio.h>

#include "base/mem.h"
#include "node/internal.h"
#include "node/monotime.h"

static const char *const op_labels[NODE_OP_KINDS] = {
    [NODE_OP_GET] = "op=\"get\"",       [NODE_OP_PUT] = "op=\"put\"",
    [NODE_OP_APPEND] = "op=\"append\"", [NODE_OP_DELETE] = "op=\"delete\"",
    [NODE_OP_CAS] = "op=\"cas\"",
};

static const char *const end_labels[METRICS_ENDS] = {
    [METRICS_OK] = "outcome=\"ok\"",
    [METRICS_UNAVAILABLE] = "outcome=\"unavailable\"",
    [METRICS_UNKNOWN] = "outcome=\"unknown\"",
    [METRICS_OVERLOAD] = "outcome=\"overload\"",
};

static enum metrics_end end_of(enum node_op_end end, const struct answer *answer)
{
    switch (end) {
    case NODE_OP_REFUSED:
        return METRICS_OVERLOAD;
    case NODE_OP_LOADING:
    case NODE_OP_STOPPING:
        return METRICS_UNAVAILABLE;
    case NODE_OP_ABANDONED:
        return METRICS_UNKNOWN;
    case NODE_OP_ANSWERED:
        break;
    }
    switch (answer->status) {
    case ANSWER_OK:
        return METRICS_OK;
    case ANSWER_OUTCOME_UNKNOWN:
        return METRICS_UNKNOWN;
    case ANSWER_QUEUE_FULL:
    case ANSWER_STATE_FULL:
        return METRICS_OVERLOAD;
    case ANSWER_NOT_APPLIED:
    case ANSWER_NO_QUORUM:
        break;
    }
    return METRICS_UNAVAILABLE;
}

void metrics_count_op(struct metrics *m, const struct node_op *op, enum node_op_end end,
                      const struct answer *answer, uint64_t now_ns)
{
    assert(op->kind < NODE_OP_KINDS);
    enum metrics_end ended = end_of(end, answer);
    atomic_fetch_add_explicit(&m->ended[ended], 1, memory_order_relaxed);
    if (ended == METRICS_OK)
        histogram_record(&m->latency[op->kind], now_ns > op->began_ns ? now_ns - op->began_ns : 0);
}

/* ---- The answer ---------------------------------------------------------------------------- */

#define METRICS_MAX (64 + 4 * MEMBERS_MAX)
#define HISTOGRAMS_MAX (NODE_OP_KINDS + 2)

struct report {
    struct wire_metric metrics[METRICS_MAX];
    size_t count;
    struct wire_histogram histograms[HISTOGRAMS_MAX];
    size_t histograms_count;
    char peer_labels[MEMBERS_MAX][24];
    struct histogram merged;
};

static void report_add(struct report *r, enum wire_metric_kind kind, const char *name,
                       const char *labels, const char *help, double value)
{
    assert(r->count < METRICS_MAX);
    r->metrics[r->count++] = (struct wire_metric){
        .name = name, .labels = labels, .help = help, .kind = kind, .value = value};
}

static void counter(struct report *r, const char *name, const char *help, uint64_t value)
{
    report_add(r, WIRE_COUNTER, name, "", help, (double)value);
}

static void gauge(struct report *r, const char *name, const char *help, uint64_t value)
{
    report_add(r, WIRE_GAUGE, name, "", help, (double)value);
}

static void report_histogram(struct report *r, const char *name, const char *labels,
                             const char *help, const struct histogram *from)
{
    struct histogram *h = &r->merged; /* Figures that fit together. */
    *h = (struct histogram){0};
    histogram_merge(h, from);
    assert(r->histograms_count < HISTOGRAMS_MAX);
    r->histograms[r->histograms_count++] = (struct wire_histogram){
        .name = name,
        .labels = labels,
        .help = help,
        .count = histogram_count(h),
        .sum = histogram_sum_ns(h),
        .max = histogram_max_ns(h),
        .p50 = histogram_quantile_ns(h, 500000),
        .p90 = histogram_quantile_ns(h, 900000),
        .p95 = histogram_quantile_ns(h, 950000),
        .p99 = histogram_quantile_ns(h, 990000),
        .p999 = histogram_quantile_ns(h, 999000),
    };
}

static void report_protocol(struct report *r, const struct replica_status *status)
{
    const struct replica_stats *s = &status->stats;
    counter(r, "applied_ops_total", "Writes executed here, without duplicates and replay",
            s->executed_total);
    counter(r, "duplicate_suppressed_total", "Repeated writes that were not executed again",
            s->suppressed_total);
    counter(r, "paxos_prepare_total", "Prepare requests processed as an acceptor",
            s->prepare_total);
    counter(r, "paxos_accept_total", "Accept requests processed as an acceptor", s->accept_total);
    counter(r, "paxos_propose_total", "Proposals begun", s->propose_total);
    gauge(r, "chosen_index", "Highest slot up to which all are known to be chosen",
          status->chosen_to);
    gauge(r, "last_applied_index", "Highest slot applied", status->applied);
    counter(r, "catchup_entries_applied",
            "Slots whose value came from a peer after it was chosen, and applied",
            s->catchup_total);
    counter(r, "refused_ballots_total",
            "Own attempts (coordinated mode: to take slots over) that a higher ballot refused",
            s->refused_total);
    counter(r, "recovered_slots_total",
            "Holes that this node set out to fill (coordinated mode: attempts to take over a run "
            "of a member's slots)",
            s->recovered_total);
    counter(r, "skipped_slots_total", "Own slots skipped, in coordinated mode", s->skipped_total);
    counter(r, "asked_total",
            "Questions about slots that nothing was known of, in coordinated mode", s->asked_total);
    counter(r, "requeued_batches_total", "Batches that lost their slot and went to a later one",
            s->requeued_total);
    counter(r, "batches_total", "Own batches chosen", s->batches_total);
    counter(r, "batch_ops_total", "Operations in them", s->batch_ops_total);
    counter(r, "barriers_total", "Own read barriers chosen", s->barriers_total);
    report_add(r, WIRE_GAUGE, "batch_size", "", "Operations in a batch, on average",
               s->batches_total > 0 ? (double)s->batch_ops_total / (double)s->batches_total : 0);
    gauge(r, "queued_ops", "Operations under way", s->queued_ops);
    gauge(r, "queued_bytes", "Bytes of them", s->queued_bytes);
    gauge(r, "log_memory_bytes", "Values of the log in memory, without its slots", s->log_bytes);
    gauge(r, "frontier_index", "Highest slot known to hold a value, or that somebody waits for",
          status->frontier);
    gauge(r, "durable_applied_index", "Slot of the last checkpoint on disk",
          status->durable_applied);
}

static void report_node(struct report *r, struct node *n)
{
    const struct machine *machine = replica_machine(n->replica);
    struct store_usage acceptor;
    struct store_usage state;
    acceptor_store_get_usage(n->acceptor, &acceptor);
    state_store_get_usage(n->state, &state);
    const char *why;
    gauge(r, "node_ready", "1 if a linearizable read would be served now", node_is_ready(n, &why));
    gauge(r, "keys", "Keys", machine_keys(machine));
    gauge(r, "clients", "Sessions known", machine_clients(machine));
    gauge(r, "state_memory_bytes", "Keys, values and sessions in memory", machine_bytes(machine));
    gauge(r, "log_disk_bytes", "Data file of the log", acceptor.used_bytes);
    gauge(r, "state_disk_bytes", "Data file of the state", state.used_bytes);
    gauge(r, "journal_unmerged_bytes", "Committed, and not yet merged into the log's data file",
          acceptor_store_unmerged(n->acceptor));
    for (size_t i = 0; i < METRICS_ENDS; i++)
        report_add(r, WIRE_COUNTER, "requests_total", end_labels[i],
                   "Operations of clients, by how they ended",
                   (double)atomic_load_explicit(&n->metrics.ended[i], memory_order_relaxed));
    counter(r, "faults_dropped_total", "Messages that fault rules dropped",
            faults_dropped(&n->faults));
    counter(r, "faults_delayed_total", "Messages that fault rules delayed", n->faults.delayed);
    counter(r, "faults_duplicated_total", "Messages that fault rules sent twice",
            n->faults.duplicated);
    counter(r, "loop_turns_total", "Turns of the loop", n->metrics.turns);
    report_add(r, WIRE_COUNTER, "process_cpu_seconds_total", "",
               "Processor time used, user and system", (double)monotime_cpu_ns() / 1e9);
    report_add(r, WIRE_GAUGE, "uptime_seconds", "", "Since the start",
               (double)(n->now_ns - n->started_ns) / 1e9);
}

/* A metric's rows stand together, so each has a walk of its own. */
static void report_peers(struct report *r, struct node *n, const struct replica_status *status)
{
    for (uint32_t i = 0; i < status->peers_count; i++)
        snprintf(r->peer_labels[i], sizeof(r->peer_labels[i]), "peer=\"%u\"",
                 (unsigned)status->peers[i].id);
    for (uint32_t i = 0; i < status->peers_count; i++) {
        uint64_t applied = status->peers[i].progress.applied;
        if (i != n->self)
            report_add(r, WIRE_GAUGE, "peer_lag_slots", r->peer_labels[i],
                       "Slots that a peer is behind this node",
                       status->applied > applied ? (double)(status->applied - applied) : 0);
    }
    for (uint32_t i = 0; i < status->peers_count; i++)
        if (i != n->self)
            report_add(r, WIRE_COUNTER, "peer_sent_total", r->peer_labels[i],
                       "Messages sent to a peer", (double)n->peers[i].sent);
    for (uint32_t i = 0; i < status->peers_count; i++)
        if (i != n->self)
            report_add(r, WIRE_COUNTER, "peer_dropped_total", r->peer_labels[i],
                       "Messages to a peer that its full queue cost", (double)n->peers[i].dropped);
}

static int report_encode(struct report *r, struct node *n, struct buf *out)
{
    struct replica_status status;
    replica_get_status(n->replica, &status);
    report_protocol(r, &status);
    report_node(r, n);
    report_peers(r, n, &status);
    for (size_t i = 0; i < NODE_OP_KINDS; i++)
        report_histogram(r, "request_duration_ns", op_labels[i],
                         "From the arrival of an operation to its answer", &n->metrics.latency[i]);
    report_histogram(r, "commit_duration_ns", "", "Of one transaction with its sync",
                     &n->metrics.commit);
    report_histogram(r, "checkpoint_duration_ns", "", "Of one checkpoint", &n->metrics.checkpoint);
    const struct wire_metrics metrics = {r->metrics, r->count, r->histograms, r->histograms_count};
    return wire_encode_metrics(&metrics, out);
}

int node_encode_metrics(struct node *n, struct buf *out)
{
    struct report *r = mem_alloc_zero(sizeof(*r)); /* Some 20 KiB. */
    if (r == NULL)
        return ERR_NO_MEMORY;
    int err = report_encode(r, n, out);
    mem_free(r);
    return err;
}
