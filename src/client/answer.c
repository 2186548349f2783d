/* answer.c -- see answer.h. */
#include "client/answer.h"

#include <string.h>

#include "base/pool.h"
#include "wire/kv_wire.h"

const char *dkv_status_text(enum dkv_status status)
{
    switch (status) {
    case DKV_OK:
        return "ok";
    case DKV_INVALID:
        return "invalid argument";
    case DKV_UNAVAILABLE:
        return "unavailable";
    case DKV_UNKNOWN:
        return "outcome unknown";
    case DKV_BUSY:
        return "too busy";
    case DKV_STALE:
        return "stale op_id";
    case DKV_EXPIRED:
        return "session expired";
    case DKV_MISMATCH:
        return "another operation under this op_id";
    case DKV_TOO_LARGE:
        return "too large";
    case DKV_DENIED:
        return "denied";
    case DKV_UNSUPPORTED:
        return "not supported";
    case DKV_FAILED:
        return "failed";
    case DKV_NO_MEMORY:
        return "out of memory";
    }
    return "unknown status";
}

/* The public struct says const: its reader does not own the bytes, the answer does. */
static void answer_bytes_free(struct dkv_bytes *b)
{
    pool_free((void *)(uintptr_t)b->data, b->size + 1);
    *b = (struct dkv_bytes){0};
}

void dkv_answer_fini(struct dkv_answer *answer)
{
    answer_bytes_free(&answer->value);
    answer_bytes_free(&answer->previous);
}

/* With a NUL behind it, for a caller that knows it to be text. */
static int answer_copy(struct bytes from, bool *out_has, struct dkv_bytes *out)
{
    uint8_t *copy = pool_alloc(from.size + 1);
    if (copy == NULL)
        return ERR_NO_MEMORY;
    if (from.size > 0)
        memcpy(copy, from.data, from.size);
    copy[from.size] = '\0';
    *out_has = true;
    *out = (struct dkv_bytes){.data = copy, .size = from.size};
    return 0;
}

static int answer_take_get(struct dkv_answer *out, const struct wire_get_answer *a)
{
    out->slot = a->slot;
    out->revision = a->revision;
    out->node = a->node;
    out->found = a->found;
    out->mod_revision = a->mod_revision;
    out->create_revision = a->create_revision;
    out->version = a->version;
    return a->found ? answer_copy(a->value, &out->has_value, &out->value) : 0;
}

int answer_read_get(struct dkv_answer *out, struct bytes body, struct wire_error *error)
{
    struct wire_arena arena;
    struct wire_get_answer a;
    wire_arena_init(&arena);
    int err = wire_decode_get_answer(body, &arena, &a, error);
    if (err == 0)
        err = answer_take_get(out, &a);
    wire_arena_fini(&arena);
    return err;
}

static int answer_take_write(struct dkv_answer *out, const struct wire_write_answer *a)
{
    out->slot = a->slot;
    out->revision = a->revision;
    out->node = a->node;
    out->applied = a->applied;
    out->found = a->found;
    out->duplicate = a->duplicate;
    out->omitted = a->omitted;
    if (a->has_output)
        TRY(answer_copy(a->output, &out->has_value, &out->value));
    if (a->has_previous)
        TRY(answer_copy(a->previous, &out->has_previous, &out->previous));
    return 0;
}

int answer_read_write(struct dkv_answer *out, struct bytes body, struct wire_error *error)
{
    struct wire_arena arena;
    struct wire_write_answer a;
    wire_arena_init(&arena);
    int err = wire_decode_write_answer(body, &arena, &a, error);
    if (err == 0)
        err = answer_take_write(out, &a);
    wire_arena_fini(&arena);
    return err;
}

/* FAILED_PRECONDITION says which one. */
static enum dkv_status status_of_reason(const char *reason)
{
    switch (wire_reason_parse(bytes_of(reason))) {
    case RESULT_STALE:
        return DKV_STALE;
    case RESULT_SESSION_EXPIRED:
        return DKV_EXPIRED;
    case RESULT_MISMATCH:
        return DKV_MISMATCH;
    default:
        return DKV_FAILED;
    }
}

enum verdict answer_judge(const struct rpc_reply *reply, enum dkv_status *out_status)
{
    switch (reply->status) {
    case RPC_UNAVAILABLE:
        *out_status = DKV_UNAVAILABLE;
        return strcmp(reply->reason, WIRE_REASON_NOT_APPLIED) == 0 ? VERDICT_DENIED : VERDICT_OPEN;
    case RPC_RESOURCE_EXHAUSTED:
        *out_status = DKV_BUSY;
        return reply->retry_after_ms > 0 ? VERDICT_BUSY : VERDICT_OVER;
    case RPC_INVALID_ARGUMENT:
        *out_status = DKV_INVALID;
        return VERDICT_REFUSED;
    case RPC_OUT_OF_RANGE:
        *out_status = DKV_TOO_LARGE;
        return VERDICT_REFUSED;
    case RPC_PERMISSION_DENIED:
    case RPC_UNAUTHENTICATED:
        *out_status = DKV_DENIED;
        return VERDICT_OVER;
    case RPC_UNIMPLEMENTED:
        *out_status = DKV_UNSUPPORTED;
        return VERDICT_OVER;
    case RPC_FAILED_PRECONDITION:
        *out_status = status_of_reason(reply->reason);
        return *out_status == DKV_FAILED ? VERDICT_OVER : VERDICT_REFUSED;
    default:
        /* DEADLINE_EXCEEDED, CANCELLED, a connection that broke, and what should not happen. */
        *out_status = DKV_UNAVAILABLE;
        return VERDICT_OPEN;
    }
}
