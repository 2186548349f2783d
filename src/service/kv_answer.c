/* kv_answer.c -- see kv_answer.h. */
#include "service/kv_answer.h"

#include <assert.h>

#include "node/monotime.h"
#include "service/unread.h"

#define RETRY_AFTER_MS 100

const struct kv_failure kv_failure_memory = {
    .status = RPC_RESOURCE_EXHAUSTED,
    .text = "not applied: this node has no memory for it",
};

const struct kv_failure kv_failure_unread = {
    .status = RPC_RESOURCE_EXHAUSTED,
    .text = "too many answers of this node wait for their readers; read them, and try again",
    .retry_after_ms = RETRY_AFTER_MS,
};

/* ---- Operations ---------------------------------------------------------------------------- */

static enum node_op_kind op_kind_of(enum command_kind kind)
{
    switch (kind) {
    case COMMAND_PUT:
        return NODE_OP_PUT;
    case COMMAND_APPEND:
        return NODE_OP_APPEND;
    case COMMAND_DELETE:
        return NODE_OP_DELETE;
    case COMMAND_CAS:
        return NODE_OP_CAS;
    }
    assert(!"a known kind");
    return NODE_OP_PUT;
}

static enum consistency consistency_of(enum wire_consistency c)
{
    switch (c) {
    case WIRE_BARRIER:
        return CONSISTENCY_BARRIER;
    case WIRE_SEQUENTIAL:
        return CONSISTENCY_SEQUENTIAL;
    case WIRE_QUORUM:
        return CONSISTENCY_QUORUM;
    }
    assert(!"a known consistency");
    return CONSISTENCY_BARRIER;
}

int kv_fill_write(struct node_op *op, const struct command *c, uint64_t client_deadline_ns,
                  struct buf *bytes)
{
    assert(bytes->size == 0);
    TRY(command_encode(c, bytes));
    op->kind = op_kind_of(c->kind);
    op->size = bytes->size;
    op->op = (struct replica_op){
        .kind = OP_WRITE,
        .deadline_ns = node_deadline_ns(monotime_ns(), client_deadline_ns),
        .command = buf_bytes(bytes),
    };
    return 0;
}

int kv_fill_read(struct node_op *op, const struct wire_get *get, uint64_t client_deadline_ns,
                 struct buf *bytes)
{
    assert(bytes->size == 0);
    TRY(buf_append(bytes, get->key));
    op->kind = NODE_OP_GET;
    op->size = bytes->size;
    op->op = (struct replica_op){
        .kind = OP_READ,
        .deadline_ns = node_deadline_ns(monotime_ns(), client_deadline_ns),
        .key = buf_bytes(bytes),
        .consistency = consistency_of(get->consistency),
        .min_slot = get->min_slot,
    };
    return 0;
}

/* ---- Failures ------------------------------------------------------------------------------ */

static struct kv_failure overload(void)
{
    return (struct kv_failure){
        .status = RPC_RESOURCE_EXHAUSTED,
        .text = "too many operations are under way at this node; not applied: try again after a "
                "while, or at another node",
        .retry_after_ms = RETRY_AFTER_MS,
    };
}

/* The reason tells a client library that a write may be sent again, whatever it carries. */
static struct kv_failure not_applied(const char *text)
{
    return (struct kv_failure){
        .status = RPC_UNAVAILABLE, .text = text, .reason = WIRE_REASON_NOT_APPLIED};
}

#define IN_DOUBT "; the write may have been applied, or may be yet: "
#define SESSION_SETTLES "the same client_id and op_id, at any node, settles it"
#define READ_SETTLES "read the key to find out, and give a client_id next time"
#define NO_MAJORITY "no majority answered in time" IN_DOUBT
#define STOPPING "this node is stopping" IN_DOUBT

static struct kv_failure in_doubt(const char *text)
{
    return (struct kv_failure){.status = RPC_DEADLINE_EXCEEDED, .text = text};
}

/* What the operation's end says about it when there is no result. */
static struct kv_failure failure_of_status(enum answer_status status, bool has_session)
{
    switch (status) {
    case ANSWER_NOT_APPLIED:
        return not_applied(
            "not applied: this node could not propose it in time, as it cannot reach a majority or "
            "is overloaded; try again, or at another node");
    case ANSWER_OUTCOME_UNKNOWN:
        return in_doubt(has_session ? NO_MAJORITY SESSION_SETTLES : NO_MAJORITY READ_SETTLES);
    case ANSWER_NO_QUORUM:
        return (struct kv_failure){
            .status = RPC_UNAVAILABLE,
            .text = "the read could not be confirmed by a majority in time: try again, or at "
                    "another node",
        };
    case ANSWER_QUEUE_FULL:
        return overload();
    case ANSWER_STATE_FULL:
        return (struct kv_failure){
            .status = RPC_RESOURCE_EXHAUSTED,
            .text = "not applied: keys and values have reached this node's --state-max; delete "
                    "some, or raise it",
        };
    case ANSWER_OK:
        break;
    }
    assert(!"a status that is no failure");
    return overload();
}

static struct kv_failure failure_of_code(enum result_code code)
{
    struct kv_failure f = {.status = RPC_FAILED_PRECONDITION, .reason = wire_reason_of(code)};
    switch (code) {
    case RESULT_STALE:
        f.text =
            "op_id is below the client's floor: its answer was had already; not executed again";
        break;
    case RESULT_SESSION_EXPIRED:
        f.text =
            "this client's session was forgotten, and the write may have been executed before: "
            "not executed; if it was never sent before, say Hello for a new born and send it "
            "again, else read the key";
        break;
    case RESULT_MISMATCH:
        f.text = "another write came under this client_id and op_id before: not executed; give "
                 "each write its own op_id";
        break;
    case RESULT_BEYOND_WINDOW:
        f.status = RPC_INVALID_ARGUMENT;
        f.text = "op_id is too far above floor: not executed; raise floor to the lowest op_id "
                 "whose answer is missing";
        break;
    case RESULT_TOO_LARGE:
        f.status = RPC_OUT_OF_RANGE;
        f.text = "the value would pass 1 MiB: nothing was changed";
        break;
    case RESULT_OK:
        assert(!"a code that is no failure");
        break;
    }
    return f;
}

static struct kv_failure failure_of_end(enum node_op_end end, bool is_write, bool has_session)
{
    switch (end) {
    case NODE_OP_REFUSED:
        return overload();
    case NODE_OP_LOADING:
        return not_applied("not applied: this node is loading its state; try again, or at another "
                           "node");
    case NODE_OP_STOPPING:
        return not_applied("not applied: this node is stopping; try again at another node");
    case NODE_OP_ABANDONED:
        if (is_write)
            return in_doubt(has_session ? STOPPING SESSION_SETTLES : STOPPING READ_SETTLES);
        return (struct kv_failure){.status = RPC_UNAVAILABLE,
                                   .text = "this node is stopping: read at another node"};
    case NODE_OP_ANSWERED:
        break;
    }
    assert(!"an end that is no failure");
    return overload();
}

bool kv_find_failure(const struct node_op *op, bool has_session, enum node_op_end end,
                     const struct answer *answer, struct kv_failure *out)
{
    bool is_write = op->op.kind == OP_WRITE;
    if (end != NODE_OP_ANSWERED)
        *out = failure_of_end(end, is_write, has_session);
    else if (answer->status != ANSWER_OK)
        *out = failure_of_status(answer->status, has_session);
    else if (is_write && answer->result.code != RESULT_OK)
        *out = failure_of_code(answer->result.code);
    else
        return false;
    return true;
}

/* ---- Answers ------------------------------------------------------------------------------- */

struct wire_get_answer kv_get_answer_of(const struct node *n, const struct answer *answer)
{
    struct wire_get_answer a = {
        .slot = answer->slot,
        .revision = answer->revision,
        .node = node_config(n)->id,
    };
    const struct entry *e = answer->entry;
    if (e != NULL) {
        a.found = true;
        a.value = entry_value(e);
        a.create_revision = e->create_revision;
        a.mod_revision = e->mod_revision;
        a.version = e->version;
    }
    return a;
}

struct wire_write_answer kv_write_answer_of(const struct node *n, const struct answer *answer)
{
    return wire_write_answer_of(&answer->result, node_config(n)->id);
}

struct wire_write_answer kv_write_answer_kept(struct node *n, const struct wire_write_answer *write,
                                              size_t own)
{
    struct wire_write_answer kept = *write;
    size_t size = kept.previous.size + kept.output.size;
    if (size > 0 && !unread_has_room(n, own, size)) {
        kept.has_previous = false;
        kept.has_output = false;
        kept.omitted = true;
    }
    return kept;
}
