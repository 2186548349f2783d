/*
 * log_serving.c -- Admin.FetchLog: what this node holds of a range of slots.
 *
 * As with peers: the loop takes references of what is in memory, the reader reads the rest from
 * the disk, and encodes.
 */
#include <assert.h>

#include "base/mem.h"
#include "node/internal.h"

#define SLOTS_MAX 1024 /* Of one answer. */
/* On the loop so many slots are looked at, most of which may have nothing to show. */
#define SLOTS_WALKED_MAX 4096

/* One slot, from memory or from disk. */
struct row {
    uint64_t slot;
    struct ballot promised;
    struct ballot accepted;
    struct value *vote;       /* A reference, or NULL. */
    struct value *chosen;     /* The same. */
    struct member_set voters; /* Who is known to have voted at `accepted`. */
};

struct request {
    struct mail mail;
    struct node *node;
    struct rpc_call *call;
    struct wire_log_request wire;
    uint64_t applied;
    uint64_t chosen_to;
    bool on_disk;
    uint64_t next; /* Where to ask again; 0: all was looked at. */
    struct row *rows;
    size_t rows_count;
};

static void row_fini(struct row *row)
{
    value_unref(row->vote);
    value_unref(row->chosen);
}

static void request_free(struct request *r)
{
    for (size_t i = 0; i < r->rows_count; i++)
        row_fini(&r->rows[i]);
    mem_free(r->rows);
    mem_free(r);
}

static void request_fail(struct request *r, enum rpc_status status, const char *text)
{
    rpc_call_fail(r->call, status, text, NULL, 0);
    request_free(r);
}

/* This node itself, and whoever told it (in classic mode: where it was the proposer). */
static struct member_set voters_of(const struct node *n, const struct slot_view *view)
{
    struct member_set voters = {0};
    if (ballot_is_none(view->accepted))
        return voters;
    if (ballot_cmp(view->voted_at, view->accepted) == 0)
        voters = view->voters;
    member_set_add(&voters, n->self);
    return voters;
}

/* ---- On the reader ------------------------------------------------------------------------- */

static int row_encode(const struct node *n, const struct row *row, struct wire_arena *arena,
                      struct wire_list *list)
{
    const struct value *value = row->chosen != NULL ? row->chosen : row->vote;
    struct wire_log_slot slot = {
        .slot = row->slot,
        .chosen = row->chosen != NULL,
        .learnt =
            row->chosen != NULL && (row->vote == NULL || !value_equal(row->vote, row->chosen)),
        .promised = row->promised,
        .accepted = row->accepted,
    };
    for (uint32_t i = 0; i < n->config.members.count; i++) {
        if (member_set_has(row->voters, i))
            slot.voters[slot.voters_count++] = n->config.members.ids[i];
    }
    if (value != NULL) {
        slot.value_kind = value->kind;
        slot.tag = value->tag;
        slot.value_size = value->size;
    }
    if (value != NULL && value->kind == VALUE_BATCH)
        TRY(wire_log_commands(value_bytes(value), arena, &slot.commands, &slot.commands_count));
    return wire_log_add(list, &slot);
}

static bool row_is_empty(const struct row *row)
{
    return ballot_is_none(row->promised) && row->vote == NULL && row->chosen == NULL;
}

/* *out_row holds references of its own. */
static int row_read(struct node *n, uint64_t number, struct row *out_row, struct store_error *error)
{
    struct acceptor_store_slot slot;
    TRY(acceptor_store_read_slot(n->acceptor, number, &slot, error));
    *out_row = (struct row){
        .slot = number,
        .promised = slot.promised,
        .accepted = slot.accepted,
        .vote = value_ref(slot.voted),
        .chosen = value_ref(slot.chosen),
    };
    if (!ballot_is_none(slot.accepted))
        member_set_add(&out_row->voters, n->self);
    acceptor_store_slot_fini(&slot);
    return 0;
}

/* Encode slots from..to; *out_next is the first one that did not fit, or 0. */
static int request_encode_disk(struct request *r, struct wire_arena *arena, struct wire_list *list,
                               struct store_error *error)
{
    uint64_t slot = r->wire.from;
    for (uint32_t n = 0; slot <= r->wire.to; n++, slot++) {
        if (n == r->wire.limit) {
            r->next = slot;
            return 0;
        }
        struct row row;
        TRY(row_read(r->node, slot, &row, error));
        int err = row_is_empty(&row) ? 0 : row_encode(r->node, &row, arena, list);
        row_fini(&row);
        if (err == ERR_FULL) {
            r->next = slot;
            return 0;
        }
        TRY(err);
    }
    return 0;
}

static int request_encode_memory(struct request *r, struct wire_arena *arena,
                                 struct wire_list *list)
{
    for (size_t i = 0; i < r->rows_count; i++) {
        int err = row_encode(r->node, &r->rows[i], arena, list);
        if (err == ERR_FULL) {
            r->next = r->rows[i].slot;
            return 0;
        }
        TRY(err);
    }
    return 0;
}

static void request_encode(struct mail *mail, void *owner)
{
    (void)owner;
    struct request *r = LIST_ENTRY(mail, struct request, mail);
    struct wire_arena arena;
    struct wire_list list = {0};
    reads_end(r->node);
    struct store_error error = {.text = "no memory"};
    wire_arena_init(&arena);
    int err = r->on_disk ? request_encode_disk(r, &arena, &list, &error)
                         : request_encode_memory(r, &arena, &list);
    if (err == 0)
        err = wire_log_end(&list, r->next, r->applied, r->chosen_to);
    if (err == 0) {
        rpc_call_answer(r->call, &list.buf);
        request_free(r);
    } else {
        request_fail(r, err == ERR_NO_MEMORY ? RPC_RESOURCE_EXHAUSTED : RPC_DATA_LOSS, error.text);
    }
    wire_list_fini(&list);
    wire_arena_fini(&arena);
}

/* ---- On the loop --------------------------------------------------------------------------- */

static int request_take_memory(struct node *n, struct request *r)
{
    r->rows = mem_alloc_zero(r->wire.limit * sizeof(struct row));
    if (r->rows == NULL)
        return ERR_NO_MEMORY;
    uint64_t slot = r->wire.from;
    uint64_t end = slot + SLOTS_WALKED_MAX;
    for (; slot <= r->wire.to && slot < end && r->rows_count < r->wire.limit; slot++) {
        struct slot_view view;
        replica_get_slot(n->replica, slot, &view);
        if (!view.in_memory)
            continue;
        struct row row = {
            .slot = slot,
            .promised = view.promised,
            .accepted = view.accepted,
            .vote = value_ref(view.vote),
            .chosen = value_ref(view.chosen),
            .voters = voters_of(n, &view),
        };
        if (row_is_empty(&row))
            continue;
        r->rows[r->rows_count++] = row;
    }
    r->next = slot <= r->wire.to ? slot : 0;
    return 0;
}

static void request_on_mail(struct mail *mail, void *owner)
{
    struct node *n = owner;
    struct request *r = LIST_ENTRY(mail, struct request, mail);
    if (atomic_load(&n->phase) == NODE_STOPPED) {
        request_fail(r, RPC_UNAVAILABLE, "this node is stopping");
        return;
    }
    struct replica_status status;
    replica_get_status(n->replica, &status);
    r->applied = status.applied;
    r->chosen_to = status.chosen_to;
    uint64_t last = status.frontier > status.chosen_to ? status.frontier : status.chosen_to;
    struct wire_log_request *w = &r->wire;
    w->from = w->from > 0 ? w->from : 1;
    w->to = w->to > 0 && w->to < last ? w->to : last;
    w->limit = w->limit > 0 && w->limit < SLOTS_MAX ? w->limit : SLOTS_MAX;
    r->on_disk = w->from <= status.durable_applied;
    if (!reads_begin(n)) {
        request_fail(r, RPC_RESOURCE_EXHAUSTED, "too many read the log at once: try again");
        return;
    }
    if (r->on_disk && w->to > status.durable_applied) {
        w->to = status.durable_applied;
        r->next = status.durable_applied + 1;
    } else if (!r->on_disk && request_take_memory(n, r) != 0) {
        reads_end(n);
        request_fail(r, RPC_RESOURCE_EXHAUSTED, "no memory");
        return;
    }
    r->mail.run = request_encode;
    worker_push(&n->reader, &r->mail);
}

void node_serve_log(struct node *n, const struct wire_log_request *request, struct rpc_call *call)
{
    struct request *r = node_is_serving(n) ? mem_alloc_zero(sizeof(*r)) : NULL;
    if (r == NULL) {
        rpc_call_fail(call, RPC_UNAVAILABLE, "this node is starting or stopping: try again", NULL,
                      0);
        return;
    }
    r->node = n;
    r->call = call;
    r->wire = *request;
    r->mail.run = request_on_mail;
    mailbox_push(&n->mailbox, &r->mail);
}
