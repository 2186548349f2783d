/* sessions.c -- see sessions.h. */
#include "kv/sessions.h"

#include <assert.h>

#include "base/mem.h"
#include "base/planted.h"

/* Per session: the allocator's, its place in the table, the room for its first results. */
#define SESSION_OVERHEAD 256

void sessions_init(struct sessions *s, const struct machine_limits *limits)
{
    assert(limits->clients_max >= 1 && limits->window >= 1);
    *s = (struct sessions){.limits = *limits};
    list_init(&s->by_use);
    list_init(&s->dirty);
    names_init(&s->gone);
}

static struct session *session_of(struct table_node *node)
{
    return node == NULL ? NULL : LIST_ENTRY(node, struct session, node);
}

void sessions_fini(struct sessions *s)
{
    while (!list_is_empty(&s->by_use)) {
        struct session *session = LIST_ENTRY(s->by_use.next, struct session, by_use);
        list_remove(&session->by_use);
        list_remove(&session->dirty);
        session_free(session);
    }
    table_fini(&s->table);
    names_clear(&s->gone);
}

/* ---- The sums over all sessions ------------------------------------------------------------ */

/* Take a session that is about to change out of the sums; sums_add puts it back. */
static void sums_subtract(struct sessions *s, const struct session *session)
{
    s->hash -= session_hash(session);
    s->results_bytes -= session->results_bytes;
    if (!list_is_empty(&session->dirty))
        s->dirty_bytes -= session->encoded_size;
}

static void sums_add(struct sessions *s, const struct session *session)
{
    s->hash += session_hash(session);
    s->results_bytes += session->results_bytes;
    if (!list_is_empty(&session->dirty))
        s->dirty_bytes += session->encoded_size;
}

static void mark_dirty(struct sessions *s, struct session *session)
{
    if (list_is_empty(&session->dirty))
        list_push_back(&s->dirty, &session->dirty);
}

/* ---- Eviction ------------------------------------------------------------------------------ */

/* The session to go next, or NULL if there is none but the one to keep. */
static struct session *victim_of(const struct sessions *s, const struct session *keep)
{
    if (PLANTED(PLANTED_APPLY_BY_HASH)) {
        struct session *any = session_of(table_any(&s->table));
        if (any != NULL && any != keep)
            return any;
    }
    if (list_is_empty(&s->by_use))
        return NULL;
    struct session *oldest = LIST_ENTRY(s->by_use.next, struct session, by_use);
    return oldest == keep ? NULL : oldest;
}

static int evict(struct sessions *s, struct session *victim)
{
    TRY(names_add(&s->gone, session_id(victim)));
    if (victim->used_slot > s->evicted_to)
        s->evicted_to = victim->used_slot;
    sums_subtract(s, victim);
    table_remove(&s->table, &victim->node);
    list_remove(&victim->by_use);
    list_remove(&victim->dirty);
    session_free(victim);
    return 0;
}

/* ---- Admission ----------------------------------------------------------------------------- */

/* Rule 1. The session is out of the sums afterwards. */
static void use(struct sessions *s, struct session *session, const struct command *c, uint64_t slot,
                uint32_t place)
{
    assert(session->used_slot < slot ||
           (session->used_slot == slot && session->used_place < place) ||
           PLANTED(PLANTED_APPLY_TWICE_ON_REPLAY));
    sums_subtract(s, session);
    mark_dirty(s, session);
    session_raise_floor(session, c->floor);
    session->used_slot = slot;
    session->used_place = place;
    list_remove(&session->by_use);
    list_push_back(&s->by_use, &session->by_use);
}

/* Rules 2 to 5, for a client in the table or, session NULL, not in it. Is it to be executed? */
static bool judge(const struct sessions *s, const struct session *session,
                  const struct stored *stored, const struct command *c,
                  enum result_code *out_refusal)
{
    uint64_t floor = session == NULL ? c->floor : session->floor;
    if (c->op_id < floor && !PLANTED(PLANTED_FLOOR_IGNORED)) {
        *out_refusal = RESULT_STALE;
        return false;
    }
    if (stored != NULL) {
        bool same = stored->fingerprint == command_fingerprint(c);
        *out_refusal = same ? RESULT_OK : RESULT_MISMATCH;
        return false;
    }
    if (c->born < s->evicted_to && !PLANTED(PLANTED_EVICTED_AGAIN)) {
        *out_refusal = RESULT_SESSION_EXPIRED;
        return false;
    }
    if (c->op_id >= floor && c->op_id - floor >= s->limits.window) {
        *out_refusal = RESULT_BEYOND_WINDOW;
        return false;
    }
    return true;
}

static struct result answer_again(const struct stored *stored)
{
    return (struct result){
        .code = (enum result_code)stored->code,
        .applied = stored->applied,
        .found = stored->found,
        .duplicate = true,
        .omitted = stored->omitted,
        .revision = stored->revision,
        .slot = stored->slot,
        .previous = entry_ref(stored->previous),
        .output = entry_ref(stored->output),
    };
}

static int session_make(struct sessions *s, const struct command *c, uint64_t slot, uint32_t place,
                        struct session **out_session)
{
    while (s->table.count >= s->limits.clients_max)
        TRY(evict(s, victim_of(s, NULL)));
    struct session *session;
    TRY(table_reserve(&s->table));
    TRY(session_new(c->client_id, c->floor, &session));
    session->used_slot = slot;
    session->used_place = place;
    table_add(&s->table, &session->node, session_id(session));
    list_push_back(&s->by_use, &session->by_use);
    names_drop(&s->gone, c->client_id);
    mark_dirty(s, session);
    *out_session = session;
    return 0;
}

#ifdef DKV_PLANTED
const struct session *sessions_find(const struct sessions *s, struct bytes client_id)
{
    return session_of(table_find(&s->table, client_id));
}
#endif

int sessions_admit(struct sessions *s, const struct command *c, uint64_t slot, uint32_t place,
                   struct session **out_session, struct result *out_answer)
{
    assert(c->client_id.size > 0);
    struct session *session = session_of(table_find(&s->table, c->client_id));
    const struct stored *stored = NULL;
    if (session != NULL) {
        use(s, session, c, slot, place);
        stored = session_find(session, c->op_id);
        if (PLANTED(PLANTED_LAST_OP_ID) && stored == NULL && c->op_id <= session->last_op_id) {
            sums_add(s, session);
            *out_session = NULL;
            *out_answer = (struct result){.applied = true, .duplicate = true};
            return 0;
        }
    }

    enum result_code refusal;
    if (judge(s, session, stored, c, &refusal)) {
        if (session == NULL)
            TRY(session_make(s, c, slot, place, &session));
        *out_session = session;
        return 0;
    }
    if (session != NULL)
        sums_add(s, session);
    *out_session = NULL;
    *out_answer = refusal == RESULT_OK ? answer_again(stored) : (struct result){.code = refusal};
    return 0;
}

/* ---- Completion ---------------------------------------------------------------------------- */

static uint64_t value_size(const struct entry *e)
{
    return e == NULL ? 0 : e->value_size;
}

int sessions_complete(struct sessions *s, struct session *session, const struct command *c,
                      const struct result *result)
{
    struct stored stored = {
        .op_id = c->op_id,
        .fingerprint = command_fingerprint(c),
        .slot = result->slot,
        .revision = result->revision,
        .code = (uint8_t)result->code,
        .applied = result->applied,
        .found = result->found,
    };
    uint64_t size = value_size(result->previous) + value_size(result->output);
    stored.omitted = size > s->limits.result_size_max;
    if (!stored.omitted) {
        stored.previous = entry_ref(result->previous);
        stored.output = entry_ref(result->output);
    }
    int err = session_store(session, &stored);
    if (err != 0) {
        entry_unref(stored.previous);
        entry_unref(stored.output);
        return err;
    }

    sums_add(s, session);
    while (s->results_bytes > s->limits.results_bytes_max) {
        struct session *victim = victim_of(s, session);
        if (victim == NULL)
            break;
        TRY(evict(s, victim));
    }
    return 0;
}

/* ---- Checkpoints --------------------------------------------------------------------------- */

int sessions_restore(struct sessions *s, struct bytes client_id, struct bytes encoded)
{
    struct session *session;
    if (table_find(&s->table, client_id) != NULL)
        return ERR_CORRUPT;
    TRY(table_reserve(&s->table));
    TRY(session_decode(client_id, encoded, s->limits.window, &session));
    table_add(&s->table, &session->node, session_id(session));
    list_push_back(&s->by_use, &session->by_use);
    sums_add(s, session);
    return 0;
}

static bool used_before(struct list *a, struct list *b)
{
    const struct session *x = LIST_ENTRY(a, struct session, by_use);
    const struct session *y = LIST_ENTRY(b, struct session, by_use);
    return x->used_slot < y->used_slot ||
           (x->used_slot == y->used_slot && x->used_place < y->used_place);
}

/* Merge two ascending lists into `to`, which is empty; both are empty afterwards. */
static void merge(struct list *to, struct list *a, struct list *b)
{
    while (!list_is_empty(a) && !list_is_empty(b)) {
        struct list *from = used_before(b->next, a->next) ? b : a;
        struct list *link = from->next;
        list_remove(link);
        list_push_back(to, link);
    }
    list_splice_back(to, a);
    list_splice_back(to, b);
}

/* Merge sort from the bottom up: sorted[i] is empty or has 2^i sessions. No recursion, no memory.
 */
static void sort_by_use(struct list *l)
{
    struct list sorted[64];
    for (size_t i = 0; i < 64; i++)
        list_init(&sorted[i]);
    while (!list_is_empty(l)) {
        struct list carry;
        struct list *link = l->next;
        list_remove(link);
        list_init(&carry);
        list_push_back(&carry, link);
        size_t i = 0;
        for (; !list_is_empty(&sorted[i]); i++) {
            struct list merged;
            list_init(&merged);
            merge(&merged, &sorted[i], &carry);
            list_splice_back(&carry, &merged);
        }
        list_splice_back(&sorted[i], &carry);
    }
    for (size_t i = 0; i < 64; i++) {
        struct list merged;
        list_init(&merged);
        merge(&merged, &sorted[i], l);
        list_splice_back(l, &merged);
    }
}

int sessions_restored(struct sessions *s, uint64_t applied, uint64_t evicted_to)
{
    sort_by_use(&s->by_use);
    for (struct list *at = s->by_use.next; at != &s->by_use; at = at->next) {
        if (at->next != &s->by_use && !used_before(at, at->next))
            return ERR_CORRUPT;
        if (LIST_ENTRY(at, struct session, by_use)->used_slot > applied &&
            !PLANTED(PLANTED_APPLY_TWICE_ON_REPLAY))
            return ERR_CORRUPT;
    }
    s->evicted_to = evicted_to;
    return 0;
}

void sessions_clean(struct sessions *s)
{
    while (!list_is_empty(&s->dirty))
        list_remove(s->dirty.next);
    s->dirty_bytes = 0;
    names_clear(&s->gone);
}

uint64_t sessions_bytes(const struct sessions *s)
{
    return s->table.count * (sizeof(struct session) + SESSION_OVERHEAD) + s->results_bytes;
}
