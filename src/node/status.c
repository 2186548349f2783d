/* status.c -- looking in: how this node is, in the words of Admin. */
#include <stdio.h>

#include "node/internal.h"
#include "node/monotime.h"

#define FRESH_NS MONOTIME_S

static void peer_get_status(struct node *n, const struct replica_status *replica, uint32_t index,
                            struct wire_peer_status *out)
{
    struct peer *p = &n->peers[index];
    const struct replica_peer *r = &replica->peers[index];
    p->refused_text[0] = '\0';
    if (p->we_refuse != REFUSAL_NONE)
        snprintf(p->refused_text, sizeof(p->refused_text), "this node refuses it: %s",
                 refusal_text(p->we_refuse));
    else if (r->refused_us != REFUSAL_NONE)
        snprintf(p->refused_text, sizeof(p->refused_text), "it refuses this node: %s",
                 refusal_text(r->refused_us));
    *out = (struct wire_peer_status){
        .id = r->id,
        .address = n->config.addresses[index],
        .connected = index == n->self || r->connected,
        .accepted = index == n->self || r->accepted,
        .refused = p->refused_text,
        .applied = r->progress.applied,
        .chosen_to = r->progress.chosen_to,
        .lag = replica->applied > r->progress.applied ? replica->applied - r->progress.applied : 0,
        .sent = p->sent,
        .dropped = p->dropped,
        .faulted = n->faults.dropped[index],
        .position = r->progress.position,
    };
}

static uint64_t disk_bytes(struct node *n)
{
    struct store_usage acceptor;
    struct store_usage state;
    acceptor_store_get_usage(n->acceptor, &acceptor);
    state_store_get_usage(n->state, &state);
    return acceptor.used_bytes + state.used_bytes;
}

void node_get_status(struct node *n, struct wire_status *out_status)
{
    struct replica_status r;
    replica_get_status(n->replica, &r);
    const struct machine *machine = replica_machine(n->replica);
    *out_status = (struct wire_status){
        .id = n->config.id,
        .cluster = n->config.cluster,
        .mode = n->config.mode,
        .members = n->config.members,
        .boot = r.boot,
        .applied = r.applied,
        .chosen_to = r.chosen_to,
        .frontier = r.frontier,
        .position = r.position,
        .reserved_to = r.reserved_to,
        .admitted = r.admitted,
        .queued_ops = r.stats.queued_ops,
        .queued_bytes = r.stats.queued_bytes,
        .state_hash = machine_hash(machine),
        .revision = machine_revision(machine),
        .keys = machine_keys(machine),
        .clients = machine_clients(machine),
        .peers_count = r.peers_count,
        .version = NODE_VERSION,
        .uptime_ms = (n->now_ns - n->started_ns) / MONOTIME_MS,
        .disk_bytes = disk_bytes(n),
        .state_bytes = machine_bytes(machine),
        .log_bytes = r.stats.log_bytes,
        .durable_applied = r.durable_applied,
    };
    for (uint32_t i = 0; i < r.peers_count; i++) {
        peer_get_status(n, &r, i, &out_status->peers[i]);
        if (!r.admitted && i != n->self && !r.peers[i].recorded_us)
            out_status->awaited[out_status->awaited_count++] = r.peers[i].id;
    }
}

bool node_is_ready(struct node *n, const char **out_why)
{
    struct replica_status r;
    replica_get_status(n->replica, &r);
    struct member_set near = {0};
    member_set_add(&near, n->self);
    for (uint32_t i = 0; i < r.peers_count; i++) {
        uint64_t heard_ns = n->peers[i].heard_ns;
        if (i != n->self && r.peers[i].connected && r.peers[i].accepted && heard_ns > 0 &&
            n->now_ns - heard_ns < FRESH_NS)
            member_set_add(&near, i);
    }
    if (!node_is_serving(n))
        *out_why = "it is stopping";
    else if (!r.admitted)
        *out_why = "its disk is new, and most of the others have not recorded it yet";
    else if (!members_is_majority(&n->config.members, near))
        *out_why = "it cannot reach a majority of the members";
    else
        *out_why = "";
    return **out_why == '\0';
}
