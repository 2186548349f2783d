/*
 * admin_wire.h -- the Admin service as bytes, but for FetchLog, which is in log_wire.h.
 *
 * The requests of Health, Status, Metrics, GetFaults, ClearFaults and Die are empty, and so are
 * the answers of SetFaults, ClearFaults and Die: wire_decode_nothing. All text is NUL-terminated,
 * never NULL, borrowed when encoding and of the arena when decoded.
 */
#ifndef DKV_WIRE_ADMIN_WIRE_H
#define DKV_WIRE_ADMIN_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "paxos/members.h"
#include "paxos/message.h"
#include "wire/wire.h"

#define WIRE_ADMIN_HEALTH "/dkv.v1.Admin/Health"
#define WIRE_ADMIN_STATUS "/dkv.v1.Admin/Status"
#define WIRE_ADMIN_METRICS "/dkv.v1.Admin/Metrics"
#define WIRE_ADMIN_FETCH_LOG "/dkv.v1.Admin/FetchLog"
#define WIRE_ADMIN_SET_FAULTS "/dkv.v1.Admin/SetFaults"
#define WIRE_ADMIN_GET_FAULTS "/dkv.v1.Admin/GetFaults"
#define WIRE_ADMIN_CLEAR_FAULTS "/dkv.v1.Admin/ClearFaults"
#define WIRE_ADMIN_DIE "/dkv.v1.Admin/Die"

/* ---- Health -------------------------------------------------------------------------------- */

struct wire_health {
    bool ready; /* It would serve a linearizable read now. */
    uint32_t node;
    const char *detail; /* Why not. */
};

int wire_encode_health(const struct wire_health *h, struct buf *out) MUST_CHECK;
int wire_decode_health(struct bytes in, struct wire_arena *arena, struct wire_health *out_health,
                       struct wire_error *error) MUST_CHECK;

/* ---- Status -------------------------------------------------------------------------------- */

struct wire_peer_status {
    uint32_t id;
    const char *address;
    bool connected;
    bool accepted;
    const char *refused; /* Why one refuses the other; empty when none does. */
    uint64_t applied;
    uint64_t chosen_to;
    uint64_t lag; /* Slots that it is behind this node, applied. */
    uint64_t sent;
    uint64_t dropped;
    uint64_t faulted;
    uint64_t position; /* Coordinated mode: see below. */
};

struct wire_status {
    uint32_t id;
    const char *cluster;
    enum mode mode;
    struct members members;
    uint64_t boot;
    uint64_t applied;
    uint64_t chosen_to;
    uint64_t frontier;
    bool admitted;
    uint32_t awaited_count; /* <= MEMBERS_MAX, as peers_count. */
    uint32_t awaited[MEMBERS_MAX];
    uint64_t queued_ops;
    uint64_t queued_bytes;
    uint64_t state_hash;
    uint64_t revision;
    uint64_t keys;
    uint64_t clients;
    uint32_t peers_count;
    struct wire_peer_status peers[MEMBERS_MAX];
    const char *version;
    uint64_t uptime_ms;
    uint64_t disk_bytes;
    uint64_t state_bytes;
    uint64_t log_bytes;
    uint64_t durable_applied;
    /* Coordinated mode; else 0. */
    uint64_t position;    /* Its lowest own slot that is neither used, skipped nor revoked. */
    uint64_t reserved_to; /* Up to where it may use own slots. */
};

int wire_encode_status(const struct wire_status *s, struct buf *out) MUST_CHECK;
int wire_decode_status(struct bytes in, struct wire_arena *arena, struct wire_status *out_status,
                       struct wire_error *error) MUST_CHECK;

/* ---- Metrics ------------------------------------------------------------------------------- */

enum wire_metric_kind {
    WIRE_COUNTER = 1,
    WIRE_GAUGE = 2,
};

struct wire_metric {
    const char *name;
    const char *labels; /* As Prometheus writes them, without braces; often empty. */
    const char *help;
    enum wire_metric_kind kind;
    double value;
};

struct wire_histogram {
    const char *name;
    const char *labels;
    const char *help;
    uint64_t count;
    uint64_t sum;
    uint64_t max;
    uint64_t p50;
    uint64_t p90;
    uint64_t p95;
    uint64_t p99;
    uint64_t p999;
};

struct wire_metrics {
    const struct wire_metric *metrics;
    size_t metrics_count;
    const struct wire_histogram *histograms;
    size_t histograms_count;
};

int wire_encode_metrics(const struct wire_metrics *m, struct buf *out) MUST_CHECK;
int wire_decode_metrics(struct bytes in, struct wire_arena *arena, struct wire_metrics *out_metrics,
                        struct wire_error *error) MUST_CHECK;

/* ---- Faults -------------------------------------------------------------------------------- */

#define WIRE_FAULT_RULES_MAX 64
#define WIRE_FAULT_DELAY_MS_MAX 60000
#define WIRE_PPM_MAX 1000000

enum wire_direction {
    WIRE_IN = 1,  /* From the peer to the node that is asked. */
    WIRE_OUT = 2, /* From that node to the peer. */
    WIRE_BOTH = 3,
};

struct wire_fault_rule {
    uint32_t peer; /* Id, > 0. Whether there is such a peer is for the node to say. */
    enum wire_direction direction;
    uint32_t drop_ppm;      /* <= WIRE_PPM_MAX, as duplicate_ppm. */
    uint32_t delay_ms;      /* <= WIRE_FAULT_DELAY_MS_MAX, as jitter_ms. */
    uint32_t jitter_ms;     /* As much as this, at random, on top of the delay. */
    uint32_t duplicate_ppm; /* Sent twice. */
};

struct wire_set_faults {
    bool replace; /* Forget all rules there were; else only those of these peers and directions. */
    uint32_t rules_count;
    struct wire_fault_rule rules[WIRE_FAULT_RULES_MAX];
};

int wire_encode_set_faults(const struct wire_set_faults *f, struct buf *out) MUST_CHECK;
int wire_decode_set_faults(struct bytes in, struct wire_arena *arena,
                           struct wire_set_faults *out_faults, struct wire_error *error) MUST_CHECK;

struct wire_faults {
    bool enabled;
    uint32_t rules_count;
    struct wire_fault_rule rules[WIRE_FAULT_RULES_MAX];
    uint64_t dropped; /* Messages, since start, as the next two. */
    uint64_t delayed;
    uint64_t duplicated;
};

int wire_encode_faults(const struct wire_faults *f, struct buf *out) MUST_CHECK;
int wire_decode_faults(struct bytes in, struct wire_arena *arena, struct wire_faults *out_faults,
                       struct wire_error *error) MUST_CHECK;

#endif
