/* admin_wire.c -- see admin_wire.h. */
#include "wire/admin_wire.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "dkv/v1/admin.pb-c.h"
#include "wire/pack.h"

#define STATUS_FIELDS_MAX ((size_t)1024)
#define METRICS_FIELDS_MAX ((size_t)32768)
#define FAULTS_FIELDS_MAX ((size_t)1024)

/* ---- Health -------------------------------------------------------------------------------- */

int wire_encode_health(const struct wire_health *h, struct buf *out)
{
    Dkv__V1__HealthResponse m = DKV__V1__HEALTH_RESPONSE__INIT;
    m.ready = h->ready;
    m.node = h->node;
    m.detail = wire_string(h->detail);
    return wire_pack(&m.base, out);
}

int wire_decode_health(struct bytes in, struct wire_arena *arena, struct wire_health *out_health,
                       struct wire_error *error)
{
    const void *unpacked;
    TRY(wire_unpack(&dkv__v1__health_response__descriptor, in, WIRE_FIELDS_MAX, arena, &unpacked,
                    error));
    const Dkv__V1__HealthResponse *m = unpacked;
    *out_health =
        (struct wire_health){.ready = m->ready != 0, .node = m->node, .detail = m->detail};
    return 0;
}

/* ---- Status -------------------------------------------------------------------------------- */

static void put_peer(const struct wire_peer_status *p, Dkv__V1__PeerStatus *m)
{
    *m = (Dkv__V1__PeerStatus)DKV__V1__PEER_STATUS__INIT;
    m->id = p->id;
    m->address = wire_string(p->address);
    m->connected = p->connected;
    m->accepted = p->accepted;
    m->refused = wire_string(p->refused);
    m->applied = p->applied;
    m->chosen_to = p->chosen_to;
    m->lag = p->lag;
    m->sent = p->sent;
    m->dropped = p->dropped;
    m->faulted = p->faulted;
    m->position = p->position;
}

static void put_figures(const struct wire_status *s, Dkv__V1__StatusResponse *m)
{
    m->id = s->id;
    m->cluster = wire_string(s->cluster);
    m->mode = (Dkv__V1__Mode)s->mode;
    m->boot = s->boot;
    m->applied = s->applied;
    m->chosen_to = s->chosen_to;
    m->frontier = s->frontier;
    m->admitted = s->admitted;
    m->queued_ops = s->queued_ops;
    m->queued_bytes = s->queued_bytes;
    m->state_hash = s->state_hash;
    m->revision = s->revision;
    m->keys = s->keys;
    m->clients = s->clients;
    m->version = wire_string(s->version);
    m->uptime_ms = s->uptime_ms;
    m->disk_bytes = s->disk_bytes;
    m->state_bytes = s->state_bytes;
    m->log_bytes = s->log_bytes;
    m->durable_applied = s->durable_applied;
    m->position = s->position;
    m->reserved_to = s->reserved_to;
}

int wire_encode_status(const struct wire_status *s, struct buf *out)
{
    assert(s->awaited_count <= MEMBERS_MAX && s->peers_count <= MEMBERS_MAX);
    Dkv__V1__StatusResponse m = DKV__V1__STATUS_RESPONSE__INIT;
    uint32_t members[MEMBERS_MAX];
    uint32_t awaited[MEMBERS_MAX];
    Dkv__V1__PeerStatus peers[MEMBERS_MAX];
    Dkv__V1__PeerStatus *pointers[MEMBERS_MAX];
    put_figures(s, &m);
    memcpy(members, s->members.ids, sizeof(members));
    m.n_members = s->members.count;
    m.members = members;
    memcpy(awaited, s->awaited, sizeof(awaited));
    m.n_awaited = s->awaited_count;
    m.awaited = awaited;
    for (uint32_t i = 0; i < s->peers_count; i++) {
        put_peer(&s->peers[i], &peers[i]);
        pointers[i] = &peers[i];
    }
    m.n_peers = s->peers_count;
    m.peers = pointers;
    return wire_pack(&m.base, out);
}

static struct wire_peer_status take_peer(const Dkv__V1__PeerStatus *m)
{
    return (struct wire_peer_status){
        .id = m->id,
        .address = m->address,
        .connected = m->connected != 0,
        .accepted = m->accepted != 0,
        .refused = m->refused,
        .applied = m->applied,
        .chosen_to = m->chosen_to,
        .lag = m->lag,
        .sent = m->sent,
        .dropped = m->dropped,
        .faulted = m->faulted,
        .position = m->position,
    };
}

static struct wire_status take_figures(const Dkv__V1__StatusResponse *m)
{
    return (struct wire_status){
        .id = m->id,
        .cluster = m->cluster,
        .mode = (enum mode)m->mode,
        .boot = m->boot,
        .applied = m->applied,
        .chosen_to = m->chosen_to,
        .frontier = m->frontier,
        .admitted = m->admitted != 0,
        .queued_ops = m->queued_ops,
        .queued_bytes = m->queued_bytes,
        .state_hash = m->state_hash,
        .revision = m->revision,
        .keys = m->keys,
        .clients = m->clients,
        .version = m->version,
        .uptime_ms = m->uptime_ms,
        .disk_bytes = m->disk_bytes,
        .state_bytes = m->state_bytes,
        .log_bytes = m->log_bytes,
        .durable_applied = m->durable_applied,
        .position = m->position,
        .reserved_to = m->reserved_to,
    };
}

int wire_decode_status(struct bytes in, struct wire_arena *arena, struct wire_status *out_status,
                       struct wire_error *error)
{
    const void *unpacked;
    TRY(wire_unpack(&dkv__v1__status_response__descriptor, in, STATUS_FIELDS_MAX, arena, &unpacked,
                    error));
    const Dkv__V1__StatusResponse *m = unpacked;
    if (m->n_members > MEMBERS_MAX || m->n_awaited > MEMBERS_MAX || m->n_peers > MEMBERS_MAX)
        return wire_refuse(error, "status lists more than %d nodes", MEMBERS_MAX);
    struct wire_status s = take_figures(m);
    s.members.count = (uint32_t)m->n_members;
    for (size_t i = 0; i < m->n_members; i++)
        s.members.ids[i] = m->members[i];
    s.awaited_count = (uint32_t)m->n_awaited;
    for (size_t i = 0; i < m->n_awaited; i++)
        s.awaited[i] = m->awaited[i];
    s.peers_count = (uint32_t)m->n_peers;
    for (size_t i = 0; i < m->n_peers; i++)
        s.peers[i] = take_peer(m->peers[i]);
    if (!members_is_valid(&s.members))
        return wire_refuse(error, "member ids are not above 0 and ascending");
    *out_status = s;
    return 0;
}

/* ---- Metrics ------------------------------------------------------------------------------- */

/* Each of them is one element of a repeated field, so the answer is these, one by one. */
static int add_metric(const struct wire_metric *in, struct buf *out)
{
    Dkv__V1__MetricsResponse list = DKV__V1__METRICS_RESPONSE__INIT;
    Dkv__V1__Metric m = DKV__V1__METRIC__INIT;
    Dkv__V1__Metric *one = &m;
    m.name = wire_string(in->name);
    m.labels = wire_string(in->labels);
    m.help = wire_string(in->help);
    m.kind = (Dkv__V1__MetricKind)in->kind;
    m.value = in->value;
    list.n_metrics = 1;
    list.metrics = &one;
    return wire_pack(&list.base, out);
}

static int add_histogram(const struct wire_histogram *in, struct buf *out)
{
    Dkv__V1__MetricsResponse list = DKV__V1__METRICS_RESPONSE__INIT;
    Dkv__V1__Histogram m = DKV__V1__HISTOGRAM__INIT;
    Dkv__V1__Histogram *one = &m;
    m.name = wire_string(in->name);
    m.labels = wire_string(in->labels);
    m.help = wire_string(in->help);
    m.count = in->count;
    m.sum = in->sum;
    m.max = in->max;
    m.p50 = in->p50;
    m.p90 = in->p90;
    m.p95 = in->p95;
    m.p99 = in->p99;
    m.p999 = in->p999;
    list.n_histograms = 1;
    list.histograms = &one;
    return wire_pack(&list.base, out);
}

int wire_encode_metrics(const struct wire_metrics *m, struct buf *out)
{
    size_t before = out->size;
    int err = 0;
    for (size_t i = 0; err == 0 && i < m->metrics_count; i++)
        err = add_metric(&m->metrics[i], out);
    for (size_t i = 0; err == 0 && i < m->histograms_count; i++)
        err = add_histogram(&m->histograms[i], out);
    if (err != 0)
        out->size = before;
    return err;
}

static int take_metrics(const Dkv__V1__MetricsResponse *m, struct wire_arena *arena,
                        struct wire_metrics *out, struct wire_error *error)
{
    void *array;
    TRY(wire_array(arena, m->n_metrics, sizeof(struct wire_metric), &array, error));
    struct wire_metric *metrics = array;
    for (size_t i = 0; i < m->n_metrics; i++) {
        const Dkv__V1__Metric *in = m->metrics[i];
        if (in->kind < DKV__V1__METRIC_KIND__METRIC_KIND_COUNTER ||
            in->kind > DKV__V1__METRIC_KIND__METRIC_KIND_GAUGE)
            return wire_refuse(error, "metric kind %d is unknown", (int)in->kind);
        metrics[i] = (struct wire_metric){
            .name = in->name,
            .labels = in->labels,
            .help = in->help,
            .kind = (enum wire_metric_kind)in->kind,
            .value = in->value,
        };
    }
    out->metrics = metrics;
    out->metrics_count = m->n_metrics;
    return 0;
}

static int take_histograms(const Dkv__V1__MetricsResponse *m, struct wire_arena *arena,
                           struct wire_metrics *out, struct wire_error *error)
{
    void *array;
    TRY(wire_array(arena, m->n_histograms, sizeof(struct wire_histogram), &array, error));
    struct wire_histogram *histograms = array;
    for (size_t i = 0; i < m->n_histograms; i++) {
        const Dkv__V1__Histogram *in = m->histograms[i];
        histograms[i] = (struct wire_histogram){
            .name = in->name,
            .labels = in->labels,
            .help = in->help,
            .count = in->count,
            .sum = in->sum,
            .max = in->max,
            .p50 = in->p50,
            .p90 = in->p90,
            .p95 = in->p95,
            .p99 = in->p99,
            .p999 = in->p999,
        };
    }
    out->histograms = histograms;
    out->histograms_count = m->n_histograms;
    return 0;
}

int wire_decode_metrics(struct bytes in, struct wire_arena *arena, struct wire_metrics *out_metrics,
                        struct wire_error *error)
{
    const void *unpacked;
    TRY(wire_unpack(&dkv__v1__metrics_response__descriptor, in, METRICS_FIELDS_MAX, arena,
                    &unpacked, error));
    const Dkv__V1__MetricsResponse *m = unpacked;
    struct wire_metrics metrics;
    TRY(take_metrics(m, arena, &metrics, error));
    TRY(take_histograms(m, arena, &metrics, error));
    *out_metrics = metrics;
    return 0;
}

/* ---- Faults -------------------------------------------------------------------------------- */

/* rules and pointers have room for WIRE_FAULT_RULES_MAX. */
static void put_rules(const struct wire_fault_rule *in, uint32_t count, Dkv__V1__FaultRule *rules,
                      Dkv__V1__FaultRule **pointers)
{
    assert(count <= WIRE_FAULT_RULES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        rules[i] = (Dkv__V1__FaultRule)DKV__V1__FAULT_RULE__INIT;
        rules[i].peer = in[i].peer;
        rules[i].direction = (Dkv__V1__Direction)in[i].direction;
        rules[i].drop_ppm = in[i].drop_ppm;
        rules[i].delay_ms = in[i].delay_ms;
        rules[i].jitter_ms = in[i].jitter_ms;
        rules[i].duplicate_ppm = in[i].duplicate_ppm;
        pointers[i] = &rules[i];
    }
}

static int check_at_most(const char *what, uint32_t v, uint32_t max, struct wire_error *error)
{
    if (v <= max)
        return 0;
    return wire_refuse(error, "%s is %" PRIu32 "; it is at most %" PRIu32, what, v, max);
}

static int take_rule(const Dkv__V1__FaultRule *in, struct wire_fault_rule *out,
                     struct wire_error *error)
{
    int direction = (int)in->direction;
    if (in->peer == 0)
        return wire_refuse(error, "a fault rule has no peer");
    if (direction < 0 || direction > WIRE_BOTH)
        return wire_refuse(error, "direction %d is unknown; there are IN, OUT and BOTH", direction);
    TRY(check_at_most("drop_ppm", in->drop_ppm, WIRE_PPM_MAX, error));
    TRY(check_at_most("duplicate_ppm", in->duplicate_ppm, WIRE_PPM_MAX, error));
    TRY(check_at_most("delay_ms", in->delay_ms, WIRE_FAULT_DELAY_MS_MAX, error));
    TRY(check_at_most("jitter_ms", in->jitter_ms, WIRE_FAULT_DELAY_MS_MAX, error));
    *out = (struct wire_fault_rule){
        .peer = in->peer,
        .direction = direction == 0 ? WIRE_BOTH : (enum wire_direction)direction,
        .drop_ppm = in->drop_ppm,
        .delay_ms = in->delay_ms,
        .jitter_ms = in->jitter_ms,
        .duplicate_ppm = in->duplicate_ppm,
    };
    return 0;
}

static int take_rules(size_t count, Dkv__V1__FaultRule *const *in, struct wire_fault_rule *out,
                      struct wire_error *error)
{
    if (count > WIRE_FAULT_RULES_MAX)
        return wire_refuse(error, "there are %zu fault rules; there can be %d", count,
                           WIRE_FAULT_RULES_MAX);
    for (size_t i = 0; i < count; i++)
        TRY(take_rule(in[i], &out[i], error));
    return 0;
}

int wire_encode_set_faults(const struct wire_set_faults *f, struct buf *out)
{
    Dkv__V1__SetFaultsRequest m = DKV__V1__SET_FAULTS_REQUEST__INIT;
    Dkv__V1__FaultRule rules[WIRE_FAULT_RULES_MAX];
    Dkv__V1__FaultRule *pointers[WIRE_FAULT_RULES_MAX];
    put_rules(f->rules, f->rules_count, rules, pointers);
    m.n_rules = f->rules_count;
    m.rules = pointers;
    m.replace = f->replace;
    return wire_pack(&m.base, out);
}

int wire_decode_set_faults(struct bytes in, struct wire_arena *arena,
                           struct wire_set_faults *out_faults, struct wire_error *error)
{
    const void *unpacked;
    TRY(wire_unpack(&dkv__v1__set_faults_request__descriptor, in, FAULTS_FIELDS_MAX, arena,
                    &unpacked, error));
    const Dkv__V1__SetFaultsRequest *m = unpacked;
    struct wire_set_faults f = {.replace = m->replace != 0};
    TRY(take_rules(m->n_rules, m->rules, f.rules, error));
    f.rules_count = (uint32_t)m->n_rules;
    *out_faults = f;
    return 0;
}

int wire_encode_faults(const struct wire_faults *f, struct buf *out)
{
    Dkv__V1__GetFaultsResponse m = DKV__V1__GET_FAULTS_RESPONSE__INIT;
    Dkv__V1__FaultRule rules[WIRE_FAULT_RULES_MAX];
    Dkv__V1__FaultRule *pointers[WIRE_FAULT_RULES_MAX];
    put_rules(f->rules, f->rules_count, rules, pointers);
    m.enabled = f->enabled;
    m.n_rules = f->rules_count;
    m.rules = pointers;
    m.dropped = f->dropped;
    m.delayed = f->delayed;
    m.duplicated = f->duplicated;
    return wire_pack(&m.base, out);
}

int wire_decode_faults(struct bytes in, struct wire_arena *arena, struct wire_faults *out_faults,
                       struct wire_error *error)
{
    const void *unpacked;
    TRY(wire_unpack(&dkv__v1__get_faults_response__descriptor, in, FAULTS_FIELDS_MAX, arena,
                    &unpacked, error));
    const Dkv__V1__GetFaultsResponse *m = unpacked;
    struct wire_faults f = {
        .enabled = m->enabled != 0,
        .dropped = m->dropped,
        .delayed = m->delayed,
        .duplicated = m->duplicated,
    };
    TRY(take_rules(m->n_rules, m->rules, f.rules, error));
    f.rules_count = (uint32_t)m->n_rules;
    *out_faults = f;
    return 0;
}
