/*
 * watching.c -- which slots hold up the log in coordinated mode, who is to blame, and what is done.
 *
 * docs/protocol.md, section 7, rule C7. "Is the coordinator alive?" and "are the acceptors' disks
 * slow?" are two questions. So there are two clocks:
 *
 *   - for each member, since when its lowest slot of which nothing is known here has been at or
 *     below the frontier. After a little, everybody is asked; after the member's patience, its
 *     slots are taken over.
 *   - for the log, since when the slot above chosen_to has been a hole. Where its value is at hand,
 *     its Accept is said again, for whoever missed it; taking it over comes much later.
 *
 * Both cost nothing while all goes well: a few comparisons a turn.
 */
#include <assert.h>

#include "base/planted.h"
#include "replica/internal.h"

#define ASK_AFTER_NS (3 * NS_PER_MS)
/* The first time; who was asked may just not have heard of it yet. Then twice as long each time. */
#define ASK_AGAIN_NS (2 * NS_PER_MS)
#define PATIENCE_MIN_NS (6 * NS_PER_MS)
/* At most so long; or so many round trips, where nodes are far apart. */
#define PATIENCE_MAX_NS (12 * NS_PER_MS)
#define PATIENCE_TRIPS 2
/* One live node after the other sets out to take slots over, at least so far apart. */
#define TURN_NS (6 * NS_PER_MS)
/* Of the slots above chosen_to, so many are looked at when the log is stuck, */
#define STUCK_SPAN 4096
/* and so many values among them are said again. */
#define STUCK_VALUES_MAX 64
/* Four commits are waited for, but no longer than this. */
#define STUCK_COMMITS_MAX_NS (200 * NS_PER_MS)
/* What waits for a disk takes no commit for longer than this. */
#define COMMIT_MAX_NS (500 * NS_PER_MS)
/* Lateness that comes again within so long is one; it is no excuse for longer than that. */
#define UNEASY_GAP_NS (200 * NS_PER_MS)
#define UNEASY_MAX_NS (300 * NS_PER_MS)
#define FETCH_AFTER_NS (30 * NS_PER_MS)
#define ASK_SPAN 2048
#define ASK_WAIT_MAX_NS (100 * NS_PER_MS)

void watching_start(struct replica *r)
{
    for (uint32_t i = 0; i < replica_members(r)->count; i++) {
        struct watch *w = &r->watches[i];
        delays_init(&w->passing, PATIENCE_MIN_NS / 4);
        w->known = replica_slot_of(r, i, r->slots.first);
        w->width = r->options.tuning.ahead_slots_min;
    }
    /* What this node may have used before its start, it recovers without being asked. */
    r->watches[r->self].width = r->options.tuning.ahead_slots_max;
}

uint64_t watching_patience(const struct replica *r, uint32_t index)
{
    uint64_t patience = 4 * delays_p99(&r->watches[index].passing);
    uint64_t most = max_u64(PATIENCE_MAX_NS, PATIENCE_TRIPS * heartbeat_round_trip(r));
    return min_u64(max_u64(patience, PATIENCE_MIN_NS), most);
}

uint64_t watching_commit(const struct replica *r)
{
    return min_u64(delays_recent(&r->commit_delays), COMMIT_MAX_NS);
}

void watching_on_sign(struct replica *r, uint32_t index, bool proposes)
{
    struct watch *w = &r->watches[index];
    w->suspected = false;
    w->relayed = false;
    w->heard = true;
    w->suspect_ns = 0;
    if (proposes)
        w->width = r->options.tuning.ahead_slots_min;
}

void watching_on_skip(struct replica *r, uint32_t index, uint64_t last)
{
    r->watches[index].lead = last > r->frontier ? last - r->frontier : 0;
}

struct member_set watching_broken(const struct replica *r)
{
    struct member_set broken = {0};
    for (uint32_t i = 0; i < replica_members(r)->count; i++) {
        if (i != r->self && !r->peers[i].connected)
            member_set_add(&broken, i);
    }
    return broken;
}

/* More than half of all report their stream to it as broken. */
static bool watching_is_cut_off(const struct replica *r, uint32_t index)
{
    if (index == r->self || r->peers[index].connected)
        return false;
    struct member_set reporters = {0};
    member_set_add(&reporters, r->self);
    for (uint32_t i = 0; i < replica_members(r)->count; i++) {
        if (i != r->self && i != index && r->peers[i].connected &&
            member_set_has(r->peers[i].progress.broken, index))
            member_set_add(&reporters, i);
    }
    return members_is_majority(replica_members(r), reporters);
}

/* How many live nodes set out before this one to take over that member's slots. */
static uint64_t watching_rank(const struct replica *r, uint32_t index)
{
    uint32_t n = replica_members(r)->count;
    uint64_t rank = 0;
    if (PLANTED(PLANTED_REVOKERS_DUEL))
        return 0;
    for (uint32_t step = 1; step < n; step++) {
        uint32_t other = (index + step) % n;
        if (other == r->self)
            return rank;
        rank += r->peers[other].connected && !r->watches[other].suspected;
    }
    return rank;
}

/* How long it leaves to these. */
static uint64_t watching_turn(const struct replica *r, uint32_t index)
{
    return watching_rank(r, index) * max_u64(TURN_NS, heartbeat_round_trip(r));
}

/* ---- Is this node itself to blame? --------------------------------------------------------- */

/*
 * What was not heard meanwhile says nothing. But a node that is late again and again (it gets too
 * little of a processor, say) must not leave holes alone for ever.
 */
static void watching_calm(struct replica *r)
{
    if (r->now_ns >= r->uneasy_ns + UNEASY_GAP_NS)
        r->uneasy_from_ns = r->now_ns;
    r->uneasy_ns = r->now_ns;
    if (r->now_ns < r->uneasy_from_ns + UNEASY_MAX_NS)
        r->calm_ns = r->now_ns;
}

/* A late turn, or a commit that takes long. */
static void watching_check_self(struct replica *r)
{
    uint64_t late = r->promised_wake_ns != 0 && r->now_ns > r->promised_wake_ns
                        ? r->now_ns - r->promised_wake_ns
                        : 0;
    if (late >= PATIENCE_MIN_NS / 2)
        watching_calm(r);
    bool is_long = r->commit_sequence != 0 && r->now_ns - r->commit_began_ns >= PATIENCE_MIN_NS;
    if (is_long && r->calmed_commit_ns != r->commit_began_ns) {
        r->calmed_commit_ns = r->commit_began_ns;
        watching_calm(r);
    }
}

static uint64_t watching_since(const struct replica *r, uint64_t since_ns)
{
    return max_u64(since_ns, r->calm_ns);
}

/* ---- What is on its way -------------------------------------------------------------------- */

/*
 * A large value may be longer on its way than the patience, and its announcement is there before
 * it. Announcements are believed while what they announce comes: a node whose queue has room for
 * small messages only is not to hold everybody up.
 */

static bool watching_is_here(const struct replica *r, uint64_t number)
{
    const struct slot *slot = slots_find(&r->slots, number);
    return number < r->slots.first ||
           (slot != NULL && (slot->chosen != NULL || slot->acceptor.value != NULL));
}

int watching_on_coming(struct replica *r, uint32_t from, const struct message *m)
{
    struct watch *w = &r->watches[from];
    bool is_believed = w->coming_slot == 0 || w->coming_came;
    if (replica_coordinator(r, m->slot) != from || !is_believed || watching_is_here(r, m->slot))
        return 0;
    w->lead = 0;
    w->coming_slot = m->slot;
    w->coming_came = false;
    w->coming_ns = r->now_ns + m->to * r->options.tuning.travel_ns_per_byte;
    return 0;
}

void watching_on_came(struct replica *r, uint32_t index, uint64_t number)
{
    struct watch *w = &r->watches[index];
    w->coming_came = w->coming_came || number >= w->coming_slot;
}

/*
 * Since when the member's lowest slot of which nothing is known is a hole that somebody should see
 * to. A value that its stream still carries is none; a broken stream carries nothing.
 */
static uint64_t watching_hole_since(const struct replica *r, uint32_t index)
{
    const struct watch *w = &r->watches[index];
    uint64_t since = watching_since(r, w->since_ns);
    if (w->known > w->coming_slot || !r->peers[index].connected)
        return since;
    /* No hole is excused for longer than the largest value may take. */
    uint64_t longest_ns = VALUE_BYTES_MAX * r->options.tuning.travel_ns_per_byte;
    return max_u64(since, min_u64(w->coming_ns, w->since_ns + longest_ns));
}

/* ---- One member's slots -------------------------------------------------------------------- */

void watching_advance(struct replica *r, uint32_t index)
{
    struct watch *w = &r->watches[index];
    uint32_t n = replica_members(r)->count;
    uint64_t before = w->known;
    if (w->known < r->slots.first)
        w->known = replica_slot_of(r, index, r->slots.first);
    for (;;) {
        const struct slot *slot = slots_find(&r->slots, w->known);
        if (slot == NULL || (slot->chosen == NULL && slot->acceptor.value == NULL))
            break;
        w->known += n;
    }
    if (w->known != before && w->ask_due_ns != 0 && !w->heard && w->known > w->revoked_to + n) {
        /* We cannot hear it, but somebody can: it lives. */
        w->relayed = true;
        w->suspected = false;
        w->suspect_ns = 0;
    }
    if (w->known != before)
        w->failures = 0;
    if (w->known > r->frontier)
        w->since_ns = 0;
    else if (w->since_ns == 0 || w->known != before) {
        w->since_ns = r->now_ns;
        w->ask_due_ns = 0;
    }
    if (w->sample_slot != 0 && w->known > w->sample_slot) {
        delays_add(&w->passing, r->now_ns - w->sample_ns);
        w->sample_slot = 0;
    }
    if (w->sample_slot == 0 && w->known <= r->frontier) {
        w->sample_slot = r->frontier;
        w->sample_ns = r->now_ns;
    }
}

/* Rule C7 (b): nothing seen. */
static int watching_ask(struct replica *r, uint32_t index)
{
    struct watch *w = &r->watches[index];
    uint64_t since = watching_hole_since(r, index);
    uint64_t after = max_u64(ASK_AFTER_NS, heartbeat_round_trip(r));
    uint64_t due = w->ask_due_ns != 0 ? w->ask_due_ns : since + (w->relayed ? 0 : after);
    if (r->now_ns < due) {
        replica_wake_at(r, due);
        return 0;
    }
    if (w->ask_due_ns == 0)
        w->heard = false;
    w->ask_wait_ns = w->ask_due_ns == 0 ? ASK_AGAIN_NS : 2 * w->ask_wait_ns;
    w->ask_wait_ns = min_u64(w->ask_wait_ns, ASK_WAIT_MAX_NS);
    w->ask_due_ns = r->now_ns + w->ask_wait_ns;
    replica_wake_at(r, w->ask_due_ns);
    uint64_t last = min_u64(r->frontier, replica_window_end(r));
    if (last < w->known)
        return 0;
    struct interval i = {.first = w->known, .last = last, .stride = replica_members(r)->count};
    i.last = i.first + (i.last - i.first) / i.stride * i.stride;
    return asking_send(r, interval_clip(i, i.first, i.first + ASK_SPAN));
}

/*
 * Who lacked one decision may lack more, and others lack other ones: then each is ahead of the rest
 * by a slot or two in turn, and without this the log would move on by those with each heartbeat.
 */
int watching_ask_rest(struct replica *r)
{
    uint32_t n = replica_members(r)->count;
    uint64_t last = min_u64(r->frontier, replica_window_end(r));
    for (uint32_t i = 0; i < n; i++) {
        uint64_t first = replica_slot_of(r, i, r->chosen_to + 1);
        if (first > last)
            continue;
        struct interval rest = {.first = first, .stride = n};
        rest.last = first + (last - first) / n * n;
        TRY(asking_send(r, interval_clip(rest, first, first + ASK_SPAN)));
    }
    return 0;
}

/* is_silent: else the member did what it had to; no more is taken over the next time. */
static int watching_revoke(struct replica *r, uint32_t index, uint64_t first, bool is_silent)
{
    struct watch *w = &r->watches[index];
    if (watching_is_cut_off(r, index))
        w->width = r->options.tuning.ahead_slots_max;
    uint64_t last = min_u64(max_u64(r->frontier, first) + w->width - 1, replica_window_end(r));
    if (index == r->self) {
        /* All that this node, or an earlier life of it, may have used: others refused the first. */
        last = max_u64(max_u64(r->own.restart_to, r->own.last_used), first);
        last = min_u64(last, replica_window_end(r));
    }
    if (last < first)
        return 0;
    if (is_silent) {
        w->suspected = index != r->self;
        w->width = min_u64(4 * w->width, r->options.tuning.ahead_slots_max);
    }
    w->revoked_to = max_u64(w->revoked_to, last);
    return revoking_begin(r, index, first, last);
}

/*
 * When the member's slots are to be taken over because it is silent; NEVER: no reason.
 */
static uint64_t watching_due(struct replica *r, uint32_t index)
{
    struct watch *w = &r->watches[index];
    bool cut_off = watching_is_cut_off(r, index);
    bool is_hole = w->since_ns != 0;
    if (index == r->self) {
        /* Rule C9: own slots that an earlier life may have used. Others are skipped, not fought
           for, and what this life used is at hand. */
        uint64_t window_end = replica_window_end(r);
        if (w->known > r->own.restart_to || w->known > window_end)
            return NEVER;
        /* Not slot by slot, as the window moves. */
        bool is_little = window_end - w->known < r->options.tuning.alpha / 4;
        if (!is_hole && window_end < r->own.restart_to && is_little)
            return NEVER;
        if (w->suspect_ns == 0)
            w->suspect_ns = r->now_ns;
        return watching_since(r, w->suspect_ns) + 2 * watching_patience(r, index);
    }
    /* Of who is known to be silent, some is taken over ahead, before anyone waits for it. */
    bool is_short = w->known < r->frontier + w->width / 4;
    bool ahead = (w->suspected || cut_off) && is_short && w->known <= replica_window_end(r);
    if (!is_hole && !ahead) {
        w->suspect_ns = 0;
        return NEVER;
    }
    if (ahead && w->suspect_ns == 0)
        w->suspect_ns = r->now_ns;
    uint64_t turn = watching_turn(r, index);
    if (ahead)
        return watching_since(r, w->suspect_ns) + turn;
    return watching_hole_since(r, index) + watching_patience(r, index) + turn;
}

/*
 * Rule C5: a member that has skipped ahead goes on when half of that is left. When it has not at a
 * quarter, for as long as its patience, it may have died: all of that is taken over, before anyone
 * waits for it. It does not count as silent for that.
 */
static uint64_t watching_renewal_due(struct replica *r, uint32_t index)
{
    struct watch *w = &r->watches[index];
    bool is_short = w->known < r->frontier + w->lead / 4 && w->known <= replica_window_end(r);
    if (!is_short || w->since_ns != 0 || index == r->self || !r->peers[index].connected) {
        w->short_ns = 0;
        return NEVER;
    }
    if (w->short_ns == 0)
        w->short_ns = r->now_ns;
    return watching_since(r, w->short_ns) + watching_patience(r, index) + watching_turn(r, index);
}

static int watching_renew(struct replica *r, uint32_t index)
{
    struct watch *w = &r->watches[index];
    uint64_t due = watching_renewal_due(r, index);
    if (due == NEVER || w->revocation != NULL)
        return 0;
    due = max_u64(due, revoking_retry(r, index));
    if (r->now_ns < due) {
        replica_wake_at(r, due);
        return 0;
    }
    uint64_t last = min_u64(r->frontier + w->lead, replica_window_end(r));
    w->revoked_to = max_u64(w->revoked_to, last);
    return revoking_begin(r, index, w->known, last);
}

static int watching_member(struct replica *r, uint32_t index)
{
    struct watch *w = &r->watches[index];
    watching_advance(r, index);
    TRY(revoking_tick(r, index));
    TRY(watching_renew(r, index));
    if (w->since_ns != 0 && !(PLANTED(PLANTED_LINK_STARVES) && index != r->self))
        TRY(watching_ask(r, index));
    uint64_t due = watching_due(r, index);
    if (due == NEVER || w->revocation != NULL)
        return 0;
    if (!PLANTED(PLANTED_REVOKERS_DUEL))
        due = max_u64(due, revoking_retry(r, index));
    if (r->now_ns < due) {
        replica_wake_at(r, due);
        return 0;
    }
    /* A peer has it for sure: then it is fetched, not fought for. */
    bool asked = false;
    if (w->since_ns != 0 && w->known == r->chosen_to + 1)
        TRY(learning_fetch_from(r, w->known, &asked));
    return asked ? 0 : watching_revoke(r, index, w->known, true);
}

/* ---- The log is stuck ---------------------------------------------------------------------- */

/* The Accept of each slot of one coordinator that this peer is not known to have voted in. */
static int watching_echo_to(struct replica *r, uint32_t to, uint32_t coordinator, uint64_t last)
{
    uint32_t n = replica_members(r)->count;
    struct vote_run run = {0};
    for (uint64_t s = replica_slot_of(r, coordinator, r->chosen_to + 1); s <= last; s += n) {
        const struct slot *slot = slots_find(&r->slots, s);
        if (slot == NULL || slot->chosen != NULL || slot->acceptor.value == NULL || slot->echoed)
            continue;
        bool same = ballot_cmp(slot->learner.ballot, slot->acceptor.accepted) == 0;
        if (!same || !member_set_has(slot->learner.voters, to))
            TRY(asking_echo(r, to, s, slot, &run));
    }
    return asking_echo_run(r, to, run);
}

/* Rule C7 (a): say each Accept once again to whoever has not voted; NOOPs in runs. */
static int watching_echo(struct replica *r)
{
    uint64_t end = min_u64(r->frontier, r->chosen_to + STUCK_SPAN);
    uint64_t last = r->chosen_to;
    uint32_t values = 0;
    bool any = false;
    while (last < end && values < STUCK_VALUES_MAX) {
        last++;
        const struct slot *slot = slots_find(&r->slots, last);
        if (slot == NULL || slot->chosen != NULL || slot->acceptor.value == NULL || slot->echoed)
            continue;
        values += slot->acceptor.value->kind != VALUE_NOOP;
        any = true;
    }
    uint32_t n = replica_members(r)->count;
    for (uint32_t i = 0; i < n * n && any; i++) {
        if (i / n != r->self)
            TRY(watching_echo_to(r, i / n, i % n, last));
    }
    for (uint64_t s = r->chosen_to + 1; s <= last && any; s++) {
        struct slot *slot = slots_find(&r->slots, s);
        if (slot != NULL && slot->chosen == NULL && slot->acceptor.value != NULL)
            slot->echoed = true;
    }
    if (any)
        r->echoed_ns = r->now_ns;
    return 0;
}

/* Value seen, not chosen: the coordinator is not to blame. */
static int watching_stuck(struct replica *r)
{
    uint64_t number = r->stuck_slot;
    uint32_t index = replica_coordinator(r, number);
    uint64_t patience = max_u64(watching_patience(r, index), heartbeat_round_trip(r));
    uint64_t travel_ns = replica_travel_ns(r, slots_find(&r->slots, number)->acceptor.value);
    uint64_t echo_due = watching_since(r, r->stuck_ns) + max_u64(patience, travel_ns);
    if (r->now_ns < echo_due) {
        replica_wake_at(r, echo_due);
        return 0;
    }
    TRY(watching_echo(r));
    /* Slow disks are no reason to take anything over. This one's is no reason to begin anew. */
    uint64_t commits_ns = min_u64(4 * watching_commit(r), STUCK_COMMITS_MAX_NS);
    uint64_t due = r->stuck_value_ns + max_u64(5 * patience, max_u64(commits_ns, 2 * travel_ns));
    due += watching_turn(r, index);
    due = max_u64(due, revoking_retry(r, index));
    if (r->now_ns < due) {
        replica_wake_at(r, due);
        return 0;
    }
    if (r->watches[index].revocation != NULL)
        return 0;
    bool asked = false;
    TRY(learning_fetch_from(r, number, &asked));
    return asked ? 0 : watching_revoke(r, index, number, false);
}

static int watching_log(struct replica *r)
{
    uint64_t number = r->chosen_to + 1;
    if (number > r->frontier || number > replica_window_end(r)) {
        r->stuck_ns = 0;
        return 0;
    }
    if (r->stuck_ns == 0 || r->stuck_slot != number) {
        r->stuck_ns = r->now_ns;
        r->stuck_slot = number;
        /* It was said again when the log was stuck below it: all that time counts. After bad times
           there are many such slots, and each would cost as much as the first. */
        const struct slot *next = slots_find(&r->slots, number);
        r->stuck_value_ns = next != NULL && next->echoed ? r->echoed_ns : r->now_ns;
    }
    /* Nobody has it in memory, by now: somebody may have it on disk. */
    const struct slot *slot = slots_find(&r->slots, number);
    bool is_here = slot != NULL && slot->acceptor.value != NULL;
    uint64_t since = watching_since(r, r->stuck_ns);
    if (!is_here)
        since = max_u64(since, watching_hole_since(r, replica_coordinator(r, number)));
    uint64_t fetch_due = max_u64(since + FETCH_AFTER_NS, r->stuck_fetch_ns);
    if (r->now_ns >= fetch_due) {
        bool asked = false;
        TRY(learning_fetch_from(r, number, &asked));
        r->stuck_fetch_ns = r->now_ns + FETCH_AFTER_NS;
        fetch_due = r->stuck_fetch_ns;
    }
    replica_wake_at(r, fetch_due);
    return is_here ? watching_stuck(r) : 0;
}

static bool watching_is_idle(const struct replica *r)
{
    return !proposing_has_work(r) && r->batches == 0;
}

int watching_tick(struct replica *r)
{
    if (PLANTED(PLANTED_TAIL_HOLE) && watching_is_idle(r))
        return 0;
    watching_check_self(r);
    TRY(learning_tick_fetch(r));
    for (uint32_t i = 0; i < replica_members(r)->count; i++)
        TRY(watching_member(r, i));
    return watching_log(r);
}
