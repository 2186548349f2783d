/* planted_list.c -- see planted_list.h. */
#include "planted_list.h"

#include <string.h>

enum planted planted_bug = PLANTED_NONE;

const struct planted_name planted_list[] = {
    {PLANTED_BARRIER_IS_NOOP, "barrier-is-noop", true, true},
    {PLANTED_ANSWER_BEFORE_SYNC, "answer-before-sync", true, true},
    {PLANTED_ACCEPT_NO_PROMISE, "accept-no-promise", true, true},
    {PLANTED_ADOPT_NEWEST, "adopt-newest", true, true},
    {PLANTED_COUNT_REPLIES, "count-replies", true, true},
    {PLANTED_BALLOT_REUSED, "ballot-reused", true, true},
    {PLANTED_SUCCESS_ANY_VALUE, "success-any-value", true, true},
    {PLANTED_LAST_OP_ID, "last-op-id", true, true},
    {PLANTED_DEDUP_AT_PROPOSE, "dedup-at-propose", true, true},
    {PLANTED_APPLY_BY_HASH, "apply-by-hash", true, true},
    {PLANTED_WIPED_DISK, "wiped-disk", true, true},
    {PLANTED_TAIL_HOLE, "tail-hole", true, true},
    {PLANTED_SYNC_RETRIED, "sync-retried", true, true},
    {PLANTED_LITTLE_ENDIAN, "little-endian", true, true},
    {PLANTED_ACCEPT_IS_VOTE, "accept-is-vote", true, true},
    {PLANTED_ANY_VALUE_IS_CHOSEN, "any-value-is-chosen", true, true},
    {PLANTED_PROMISE_FROM_DISK, "promise-from-disk", true, true},
    {PLANTED_IDLE_MOVES, "idle-moves", true, true},
    {PLANTED_EVICTED_AGAIN, "evicted-again", true, true},
    {PLANTED_LINK_STARVES, "link-starves", true, true},
    {PLANTED_ANSWER_AT_CHOSEN, "answer-at-chosen", true, true},
    {PLANTED_APPLY_TWICE_ON_REPLAY, "apply-twice-on-replay", true, true},
    {PLANTED_CHOSEN_TO_AHEAD, "chosen-to-ahead", true, true},
    {PLANTED_REQUEUE_EARLY, "requeue-early", true, true},
    {PLANTED_READ_JOINS_OLD_BATCH, "read-joins-old-batch", true, true},
    {PLANTED_MINORITY_QUORUM, "minority-quorum", true, true},
    {PLANTED_FLOOR_IGNORED, "floor-ignored", true, true},
    {PLANTED_COORDINATOR_AMNESIA, "coordinator-amnesia", false, true},
    {PLANTED_RESTART_SKIPS, "restart-skips", false, true},
    {PLANTED_SKIP_WATERMARK, "skip-watermark", false, true},
    {PLANTED_RANGE_FORGOTTEN, "range-forgotten", false, true},
    {PLANTED_REQUEUE_REFUSED, "requeue-refused", false, true},
    {PLANTED_CLIENT_VALUE_LATE, "client-value-late", false, true},
    {PLANTED_READ_AT_CHOSEN, "read-at-chosen", false, true},
    {PLANTED_NOOP_NOT_REPORTED, "noop-not-reported", false, true},
    {PLANTED_RECORD_HIDES_NOOP, "record-hides-noop", false, true},
    {PLANTED_NOOP_COVERS_ADOPTED, "noop-covers-adopted", false, true},
    {PLANTED_REVOKERS_DUEL, "revokers-duel", false, true},
    {PLANTED_BALLOT_OVERLAPS, "ballot-overlaps", false, true},
    {PLANTED_SKIP_UNRESERVED, "skip-unreserved", false, true},
    {PLANTED_RECEIVER_OWNERSHIP, "receiver-ownership", false, true},
    {PLANTED_SKIP_COVERS_USED, "skip-covers-used", false, true},
};

const size_t planted_list_count = sizeof(planted_list) / sizeof(planted_list[0]);

enum planted planted_find(const char *name)
{
    for (size_t i = 0; i < planted_list_count; i++) {
        if (strcmp(planted_list[i].name, name) == 0)
            return planted_list[i].bug;
    }
    return PLANTED_NONE;
}

const char *planted_name(enum planted bug)
{
    for (size_t i = 0; i < planted_list_count; i++) {
        if (planted_list[i].bug == bug)
            return planted_list[i].name;
    }
    return "none";
}
