/* admin.c -- see admin.h. */
#include "client/admin.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "client/answer.h"
#include "client/endpoints.h"
#include "client/io.h"
#include "rpc/client.h"

#define MS_NS UINT64_C(1000000)

struct admin {
    struct rpc_channel *channel;
    uint64_t timeout_ns;
    char address[ENDPOINT_SIZE_MAX];
    struct rpc_result result; /* Of the last call. */
    struct wire_arena arena;
};

enum dkv_status admin_open(struct dkv_io *io, const char *address, uint32_t timeout_ms,
                           struct admin **out_admin)
{
    struct admin *a = mem_alloc_zero(sizeof(*a));
    if (a == NULL)
        return DKV_NO_MEMORY;
    wire_arena_init(&a->arena);
    a->timeout_ns = timeout_ms * MS_NS;
    snprintf(a->address, sizeof(a->address), "%s", address);
    if (rpc_channel_open(io_rpc(io), address, NULL, &a->channel) != 0) {
        admin_close(a);
        return DKV_NO_MEMORY;
    }
    *out_admin = a;
    return DKV_OK;
}

void admin_close(struct admin *a)
{
    if (a == NULL)
        return;
    rpc_channel_close(a->channel);
    buf_fini(&a->result.body);
    wire_arena_fini(&a->arena);
    mem_free(a);
}

const char *admin_address(const struct admin *a)
{
    return a->address;
}

static enum dkv_status admin_fail(enum dkv_status status, const char *text,
                                  struct admin_error *error)
{
    snprintf(error->text, sizeof(error->text), "%s", text);
    return status;
}

/* The request moves in, also on failure. The answer's body is a->result.body. */
static enum dkv_status admin_call(struct admin *a, const char *method, struct buf *request,
                                  bool is_change, struct admin_error *error)
{
    buf_fini(&a->result.body);
    int err = rpc_channel_call_wait(a->channel, method, request, a->timeout_ns, &a->result);
    buf_fini(request);
    if (err != 0)
        return admin_fail(DKV_NO_MEMORY, err_text(err), error);
    if (a->result.status == RPC_OK)
        return DKV_OK;
    const struct rpc_reply reply = {
        .status = a->result.status,
        .text = a->result.text,
        .reason = a->result.reason,
        .retry_after_ms = a->result.retry_after_ms,
    };
    enum dkv_status status;
    enum verdict verdict = answer_judge(&reply, &status);
    if (verdict == VERDICT_OPEN && is_change && reply.status != RPC_UNAVAILABLE)
        status = DKV_UNKNOWN;
    return admin_fail(status, a->result.text, error);
}

static enum dkv_status admin_ask(struct admin *a, const char *method, struct admin_error *error)
{
    struct buf nothing = {0};
    return admin_call(a, method, &nothing, false, error);
}

/* What a decoder said. */
static enum dkv_status admin_decoded(int err, const struct wire_error *why,
                                     struct admin_error *error)
{
    if (err == 0)
        return DKV_OK;
    return err == ERR_NO_MEMORY ? admin_fail(DKV_NO_MEMORY, err_text(err), error)
                                : admin_fail(DKV_FAILED, why->text, error);
}

enum dkv_status admin_health(struct admin *a, struct wire_health *out, struct admin_error *error)
{
    struct wire_error why = {.text = ""};
    enum dkv_status status = admin_ask(a, WIRE_ADMIN_HEALTH, error);
    if (status != DKV_OK)
        return status;
    int err = wire_decode_health(buf_bytes(&a->result.body), &a->arena, out, &why);
    return admin_decoded(err, &why, error);
}

enum dkv_status admin_status(struct admin *a, struct wire_status *out, struct admin_error *error)
{
    struct wire_error why = {.text = ""};
    enum dkv_status status = admin_ask(a, WIRE_ADMIN_STATUS, error);
    if (status != DKV_OK)
        return status;
    int err = wire_decode_status(buf_bytes(&a->result.body), &a->arena, out, &why);
    return admin_decoded(err, &why, error);
}

enum dkv_status admin_metrics(struct admin *a, struct wire_metrics *out, struct admin_error *error)
{
    struct wire_error why = {.text = ""};
    enum dkv_status status = admin_ask(a, WIRE_ADMIN_METRICS, error);
    if (status != DKV_OK)
        return status;
    int err = wire_decode_metrics(buf_bytes(&a->result.body), &a->arena, out, &why);
    return admin_decoded(err, &why, error);
}

enum dkv_status admin_fetch_log(struct admin *a, const struct wire_log_request *request,
                                struct wire_log *out, struct admin_error *error)
{
    struct wire_error why = {.text = ""};
    struct buf encoded = {0};
    if (wire_encode_log_request(request, &encoded) != 0)
        return admin_fail(DKV_NO_MEMORY, err_text(ERR_NO_MEMORY), error);
    enum dkv_status status = admin_call(a, WIRE_ADMIN_FETCH_LOG, &encoded, false, error);
    if (status != DKV_OK)
        return status;
    return admin_decoded(wire_log_begin(buf_bytes(&a->result.body), out, &why), &why, error);
}

enum dkv_status admin_next_slot(struct admin *a, struct wire_log *log, struct wire_log_slot *out,
                                bool *out_end, struct admin_error *error)
{
    struct wire_error why = {.text = ""};
    int err = wire_log_next(log, &a->arena, out, &why);
    *out_end = err == ERR_NOT_FOUND;
    return err == ERR_NOT_FOUND ? DKV_OK : admin_decoded(err, &why, error);
}

enum dkv_status admin_set_faults(struct admin *a, const struct wire_set_faults *faults,
                                 struct admin_error *error)
{
    struct buf encoded = {0};
    if (wire_encode_set_faults(faults, &encoded) != 0)
        return admin_fail(DKV_NO_MEMORY, err_text(ERR_NO_MEMORY), error);
    return admin_call(a, WIRE_ADMIN_SET_FAULTS, &encoded, true, error);
}

enum dkv_status admin_get_faults(struct admin *a, struct wire_faults *out,
                                 struct admin_error *error)
{
    struct wire_error why = {.text = ""};
    enum dkv_status status = admin_ask(a, WIRE_ADMIN_GET_FAULTS, error);
    if (status != DKV_OK)
        return status;
    int err = wire_decode_faults(buf_bytes(&a->result.body), &a->arena, out, &why);
    return admin_decoded(err, &why, error);
}

static enum dkv_status admin_change(struct admin *a, const char *method, struct admin_error *error)
{
    struct buf nothing = {0};
    return admin_call(a, method, &nothing, true, error);
}

enum dkv_status admin_clear_faults(struct admin *a, struct admin_error *error)
{
    return admin_change(a, WIRE_ADMIN_CLEAR_FAULTS, error);
}

enum dkv_status admin_die(struct admin *a, struct admin_error *error)
{
    return admin_change(a, WIRE_ADMIN_DIE, error);
}
