/* planted_list.c -- see planted_list.h. */
#include "planted_list.h"

#include <string.h>

enum planted planted_bug = PLANTED_NONE;

const struct planted_name planted_list[] = {
    {PLANTED_BARRIER_IS_NOOP, "barrier-is-noop"},
    {PLANTED_ANSWER_BEFORE_SYNC, "answer-before-sync"},
    {PLANTED_ACCEPT_NO_PROMISE, "accept-no-promise"},
    {PLANTED_ADOPT_NEWEST, "adopt-newest"},
    {PLANTED_COUNT_REPLIES, "count-replies"},
    {PLANTED_BALLOT_REUSED, "ballot-reused"},
    {PLANTED_SUCCESS_ANY_VALUE, "success-any-value"},
    {PLANTED_LAST_OP_ID, "last-op-id"},
    {PLANTED_DEDUP_AT_PROPOSE, "dedup-at-propose"},
    {PLANTED_APPLY_BY_HASH, "apply-by-hash"},
    {PLANTED_WIPED_DISK, "wiped-disk"},
    {PLANTED_TAIL_HOLE, "tail-hole"},
    {PLANTED_SYNC_RETRIED, "sync-retried"},
    {PLANTED_LITTLE_ENDIAN, "little-endian"},
    {PLANTED_ACCEPT_IS_VOTE, "accept-is-vote"},
    {PLANTED_ANY_VALUE_IS_CHOSEN, "any-value-is-chosen"},
    {PLANTED_PROMISE_FROM_DISK, "promise-from-disk"},
    {PLANTED_IDLE_MOVES, "idle-moves"},
    {PLANTED_EVICTED_AGAIN, "evicted-again"},
    {PLANTED_LINK_STARVES, "link-starves"},
    {PLANTED_ANSWER_AT_CHOSEN, "answer-at-chosen"},
    {PLANTED_APPLY_TWICE_ON_REPLAY, "apply-twice-on-replay"},
    {PLANTED_CHOSEN_TO_AHEAD, "chosen-to-ahead"},
    {PLANTED_REQUEUE_EARLY, "requeue-early"},
    {PLANTED_READ_JOINS_OLD_BATCH, "read-joins-old-batch"},
    {PLANTED_MINORITY_QUORUM, "minority-quorum"},
    {PLANTED_FLOOR_IGNORED, "floor-ignored"},
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
