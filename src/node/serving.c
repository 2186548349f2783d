/*
 * serving.c -- peers that ask what was chosen.
 *
 * What is above the durable applied slot is in memory, what is at or below it is on the disk: the
 * loop decides which, and takes references of what it has; the reader reads, encodes and answers.
 *
 * In coordinated mode whole runs of one coordinator's slots hold NOOP: they go as intervals, ahead
 * of the slots that are told one by one.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "node/internal.h"

#define SLOTS_MAX 4096 /* Of one answer. */
/* Of values, but for the last one: who asks over 5 MB/s has it before it turns to another node. */
#define BYTES_MAX ((size_t)1 << 20)

struct request {
    struct mail mail;
    struct later_item later;
    struct node *node;
    struct rpc_call *call;
    struct wire_fetch fetch;
    bool on_disk;
    struct value **values; /* Of slots fetch.from, fetch.from + 1, ...; NULL: not known. */
    size_t values_count;
    size_t values_max;
};

static void request_free(struct request *r)
{
    assert(r->values != NULL || r->values_count == 0);
    for (size_t i = 0; i < r->values_count; i++)
        value_unref(r->values[i]);
    mem_free(r->values);
    mem_free(r);
}

static void request_fail(struct request *r, enum rpc_status status, const char *text)
{
    rpc_call_fail(r->call, status, text, NULL, 0);
    request_free(r);
}

/* ---- Bounds -------------------------------------------------------------------------------- */

bool reads_begin(struct node *n)
{
    if (atomic_fetch_add(&n->reads, 1) < READS_MAX)
        return true;
    atomic_fetch_sub(&n->reads, 1);
    return false;
}

void reads_end(struct node *n)
{
    unsigned before = atomic_fetch_sub(&n->reads, 1);
    assert(before > 0);
    (void)before;
}

/* ---- On the reader ------------------------------------------------------------------------- */

static int request_on_value(void *context, uint64_t slot, struct value *value)
{
    struct request *r = context;
    assert(r->values_count < r->values_max && slot == r->fetch.from + r->values_count);
    r->values[r->values_count++] = value_ref(value);
    return 0;
}

static int request_read(struct request *r, struct store_error *error)
{
    uint64_t to = r->fetch.from + r->values_max - 1;
    return acceptor_store_read_chosen(r->node->acceptor, r->fetch.from, to, BYTES_MAX,
                                      request_on_value, r, error);
}

/* How many values from `at` on, every stride-th, are NOOP. */
static size_t noops_from(const struct request *r, size_t at, size_t stride)
{
    size_t count = 0;
    for (; at < r->values_count && r->values[at] == value_noop(); at += stride)
        count++;
    return count;
}

/* Add runs of NOOPs as intervals, and take them out of the values. */
static int encode_noops(struct request *r, struct wire_list *list)
{
    uint32_t stride = r->node->config.members.count;
    if (r->node->config.mode != MODE_COORDINATED)
        return 0;
    for (size_t i = 0; i < r->values_count; i++) {
        size_t count = noops_from(r, i, stride);
        if (count < 2)
            continue; /* One alone is as short as a slot. */
        uint64_t first = r->fetch.from + i;
        struct interval run = {
            .first = first, .last = first + (count - 1) * stride, .stride = stride};
        TRY(wire_chosen_add_noops(list, run));
        for (size_t k = 0; k < count; k++)
            r->values[i + k * stride] = NULL; /* The one NOOP is not counted. */
    }
    return 0;
}

/* *out_next is where to ask again; 0: nowhere. */
static int request_encode_values(struct request *r, struct wire_list *list, uint64_t *out_next)
{
    /* What follows the last value that is known may be known to others. */
    size_t count = r->values_count;
    while (count > 0 && r->values[count - 1] == NULL)
        count--;
    uint64_t end = r->fetch.from + count; /* The first slot that is not in the answer. */
    TRY(encode_noops(r, list));
    for (size_t i = 0; i < count; i++) {
        const struct value *v = r->values[i];
        if (v == NULL)
            continue;
        int err = wire_chosen_add(list, r->fetch.from + i, v->kind, v->tag, value_bytes(v));
        if (err == ERR_FULL) {
            end = r->fetch.from + i;
            break;
        }
        TRY(err);
    }
    *out_next = end > r->fetch.from && end <= r->fetch.to ? end : 0;
    return 0;
}

static void request_encode(struct mail *mail, void *owner)
{
    (void)owner;
    struct request *r = LIST_ENTRY(mail, struct request, mail);
    struct wire_list list = {0};
    uint64_t next = 0;
    reads_end(r->node);
    struct store_error error = {.text = "no memory"};
    int err = r->on_disk ? request_read(r, &error) : 0;
    if (err == 0)
        err = request_encode_values(r, &list, &next);
    if (err == 0)
        err = wire_chosen_end(&list, next);
    if (err == 0) {
        rpc_call_answer(r->call, &list.buf);
        request_free(r);
    } else {
        request_fail(r, err == ERR_NO_MEMORY ? RPC_RESOURCE_EXHAUSTED : RPC_DATA_LOSS, error.text);
    }
    wire_list_fini(&list);
}

/* ---- On the loop --------------------------------------------------------------------------- */

/* Take references of what is chosen from fetch.from on. */
static void request_take_memory(struct node *n, struct request *r)
{
    size_t bytes = 0;
    while (r->values_count < r->values_max && bytes < BYTES_MAX) {
        struct slot_view view;
        replica_get_slot(n->replica, r->fetch.from + r->values_count, &view);
        if (!view.in_memory)
            break;
        if (view.chosen != NULL) {
            r->values[r->values_count] = value_ref(view.chosen);
            bytes += view.chosen->size;
        }
        r->values_count++;
    }
}

static void request_serve(struct node *n, struct request *r)
{
    struct replica_status status;
    replica_get_status(n->replica, &status);
    r->on_disk = r->fetch.from <= status.durable_applied;
    uint64_t slots = r->fetch.to - r->fetch.from + 1;
    r->values_max = slots < SLOTS_MAX ? slots : SLOTS_MAX;
    r->values = mem_alloc_zero(r->values_max * sizeof(struct value *));
    if (r->values == NULL) {
        request_fail(r, RPC_RESOURCE_EXHAUSTED, "no memory");
        return;
    }
    if (!r->on_disk)
        request_take_memory(n, r);
    if (!reads_begin(n)) {
        request_fail(r, RPC_RESOURCE_EXHAUSTED, "too many read the log at once: try again");
        return;
    }
    r->mail.run = request_encode;
    worker_push(&n->reader, &r->mail);
}

static void request_on_due(struct later_item *item, void *owner, bool lost)
{
    struct request *r = LIST_ENTRY(item, struct request, later);
    if (lost)
        request_fail(r, RPC_UNAVAILABLE, "this node is stopping");
    else
        request_serve(owner, r);
}

/* Why the asker is none of ours, or NONE. Its disk is a matter for the stream: reading is no vote.
 */
static enum refusal request_judge(const struct node *n, const struct hello *hello)
{
    const struct members *members = &n->config.members;
    if (hello->protocol_version != PROTOCOL_VERSION)
        return REFUSAL_VERSION;
    if (strcmp(hello->cluster, n->config.cluster) != 0)
        return REFUSAL_CLUSTER;
    if (hello->mode != n->config.mode)
        return REFUSAL_MODE;
    if (hello->members.count != members->count ||
        memcmp(hello->members.ids, members->ids, members->count * sizeof(members->ids[0])) != 0)
        return REFUSAL_MEMBERS;
    if (hello->id == n->config.id || members_index(members, hello->id) == MEMBER_NONE)
        return REFUSAL_ID;
    return REFUSAL_NONE;
}

static void request_on_mail(struct mail *mail, void *owner)
{
    struct node *n = owner;
    struct request *r = LIST_ENTRY(mail, struct request, mail);
    if (atomic_load(&n->phase) == NODE_STOPPED) {
        request_fail(r, RPC_UNAVAILABLE, "this node is stopping");
        return;
    }
    enum refusal refusal = request_judge(n, &r->fetch.hello);
    if (refusal != REFUSAL_NONE) {
        request_fail(r, RPC_FAILED_PRECONDITION, refusal_text(refusal));
        return;
    }
    uint32_t index = members_index(&n->config.members, r->fetch.hello.id);
    struct fault_fate in = faults_roll(&n->faults, index, FAULT_IN);
    struct fault_fate out = {0};
    if (in.copies > 0)
        out = faults_roll(&n->faults, index, FAULT_OUT);
    uint64_t delay_ns = in.delay_ns[0] + out.delay_ns[0];
    r->later.run = request_on_due;
    r->later.size = sizeof(*r);
    bool lost = in.copies == 0 || out.copies == 0;
    if (!lost && delay_ns == 0)
        request_serve(n, r);
    else if (lost || later_add(&n->later, &r->later, n->now_ns + delay_ns) != 0)
        request_fail(r, RPC_UNAVAILABLE, "lost by a fault rule");
}

void node_serve_chosen(struct node *n, const struct wire_fetch *fetch, struct rpc_call *call)
{
    struct request *r = node_is_serving(n) ? mem_alloc_zero(sizeof(*r)) : NULL;
    if (r == NULL) {
        rpc_call_fail(call, RPC_UNAVAILABLE, "this node is starting or stopping: ask another", NULL,
                      0);
        return;
    }
    r->node = n;
    r->call = call;
    r->fetch = *fetch;
    r->mail.run = request_on_mail;
    mailbox_push(&n->mailbox, &r->mail);
}
