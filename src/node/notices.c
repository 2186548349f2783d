/* notices.c -- what a person should know about peers. */
#include <stdio.h>

#include "base/log.h"
#include "node/internal.h"
#include "node/monotime.h"

#define REMIND_NS (5 * MONOTIME_S)

const char *refusal_text(enum refusal refusal)
{
    switch (refusal) {
    case REFUSAL_NONE:
        break;
    case REFUSAL_VERSION:
        return "it speaks another version of the protocol: run the same version of dkv on all "
               "members";
    case REFUSAL_CLUSTER:
        return "it is of another cluster: check --cluster and --peers on both sides";
    case REFUSAL_MODE:
        return "it runs in another mode: check --mode on both sides";
    case REFUSAL_MEMBERS:
        return "it has another list of members: give all nodes the same ids in --id and --peers";
    case REFUSAL_ID:
        return "its id is no other member's: check --id and --peers on both sides";
    case REFUSAL_DISK:
        return "its id has voted with another disk, which was lost, emptied or swapped: put the "
               "old data directory back; this version cannot replace a voter, and the others go "
               "on without it";
    }
    return "";
}

static void notice_refuse(struct node *n, const struct notice *notice)
{
    unsigned peer = n->config.members.ids[notice->peer];
    const char *why = refusal_text(notice->refusal);
    n->peers[notice->peer].we_refuse = notice->refusal;
    char text[RPC_TEXT_SIZE_MAX + 1];
    snprintf(text, sizeof(text), "node %u refuses node %u: %s", (unsigned)n->config.id, peer, why);
    links_refuse(n, notice->link, text);
}

void notices_carry_out(struct node *n, const struct notice *notice)
{
    unsigned peer = n->config.members.ids[notice->peer];
    switch (notice->kind) {
    case NOTICE_PEER_REFUSED:
        notice_refuse(n, notice);
        return;
    case NOTICE_REFUSED_BY_PEER:
        log_line(LOG_WARN, LOG_FIELDS(log_u64("peer", peer)), "node %u refuses this node: %s", peer,
                 refusal_text(notice->refusal));
        return;
    case NOTICE_PEER_ACCEPTED:
        n->peers[notice->peer].we_refuse = REFUSAL_NONE;
        log_line(LOG_INFO, LOG_FIELDS(log_u64("peer", peer)), "peer's Hello is accepted");
        return;
    case NOTICE_ADMITTED:
        log_info("this node may vote: enough others have recorded its disk");
        return;
    }
}

void notices_remind(struct node *n)
{
    if (n->now_ns < n->complain_ns + REMIND_NS)
        return;
    n->complain_ns = n->now_ns;
    struct replica_status status;
    replica_get_status(n->replica, &status);
    if (status.admitted)
        return;
    char ids[16 * MEMBERS_MAX] = "";
    size_t used = 0;
    for (uint32_t i = 0; i < status.peers_count; i++) {
        if (i != n->self && !status.peers[i].recorded_us)
            used += (size_t)snprintf(ids + used, sizeof(ids) - used, "%s%u", used > 0 ? ", " : "",
                                     (unsigned)status.peers[i].id);
    }
    log_warn("this node's disk is new, and it may not vote before most of the others know it: "
             "waiting for node %s",
             ids);
}
