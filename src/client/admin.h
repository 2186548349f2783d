/*
 * admin.h -- the Admin service of one node, as calls.
 *
 * Every call is answered by that node alone. What it gives lives in the handle and is good until
 * the next call on it or admin_close. One thread at a time; not from a callback.
 *
 * Every call returns DKV_OK, or else what dkv.h says of that status, and then *error says it in
 * words: DKV_UNAVAILABLE (there is no connection; what was to change may have changed if it broke
 * in between), DKV_UNKNOWN (it did not answer in time, and what was to change may have changed),
 * DKV_DENIED (the node was not started with --enable-fault-injection), DKV_INVALID (it refuses the
 * argument), DKV_UNSUPPORTED, DKV_FAILED (also: the answer does not parse), DKV_NO_MEMORY.
 */
#ifndef DKV_CLIENT_ADMIN_H
#define DKV_CLIENT_ADMIN_H

#include <stdint.h>

#include "dkv/dkv.h"
#include "wire/admin_wire.h"
#include "wire/log_wire.h"

struct admin;

struct admin_error {
    char text[512];
};

/*
 * address is "host:port"; nothing is dialled yet. timeout_ms is that of each call. io outlives the
 * handle. DKV_OK, DKV_NO_MEMORY.
 */
enum dkv_status admin_open(struct dkv_io *io, const char *address, uint32_t timeout_ms,
                           struct admin **out_admin);

/* NULL is fine. */
void admin_close(struct admin *a);

/* As given to admin_open; lives as long as the handle. */
const char *admin_address(const struct admin *a);

enum dkv_status admin_health(struct admin *a, struct wire_health *out, struct admin_error *error);
enum dkv_status admin_status(struct admin *a, struct wire_status *out, struct admin_error *error);
enum dkv_status admin_metrics(struct admin *a, struct wire_metrics *out, struct admin_error *error);

/* A part of the log, to be read with admin_next_slot. out->next is where to ask for more, or 0. */
enum dkv_status admin_fetch_log(struct admin *a, const struct wire_log_request *request,
                                struct wire_log *out, struct admin_error *error);

/* The next slot of it, good until the one after it. DKV_FAILED; *out_end: there is no more. */
enum dkv_status admin_next_slot(struct admin *a, struct wire_log *log, struct wire_log_slot *out,
                                bool *out_end, struct admin_error *error);

enum dkv_status admin_set_faults(struct admin *a, const struct wire_set_faults *faults,
                                 struct admin_error *error);
enum dkv_status admin_get_faults(struct admin *a, struct wire_faults *out,
                                 struct admin_error *error);
enum dkv_status admin_clear_faults(struct admin *a, struct admin_error *error);

/* DKV_OK: it said that it ends itself at once. */
enum dkv_status admin_die(struct admin *a, struct admin_error *error);

#endif
