/*
 * history_json.h -- an operation as one line of JSON, for any checker to read.
 *
 *   {"client":3,"op":"put","key":"k1","value":"abc","call":17,"return":99,"outcome":"ok",
 *    "found":true,"output":"…","revision":17,"slot":99,"client_id":"…","op_id":7,"node":2}
 *
 * (without the break). op is get, put, append, delete or cas; outcome is ok, fail or unknown; call
 * and return are nanoseconds. value stands in put, append and cas; a cas has expect_found, expect
 * if that is true, and applied if its outcome is ok. return is absent from what never returned;
 * found, output, revision, slot, client_id, op_id and node are absent when not told. The fields'
 * meaning is that of history.h.
 *
 * Keys, values and ids are bytes: those that are UTF-8 become strings, others {"b64":"…"} with the
 * standard alphabet and padding (RFC 4648). Text is escaped after RFC 8259.
 */
#ifndef DKV_HISTORY_HISTORY_JSON_H
#define DKV_HISTORY_HISTORY_JSON_H

#include "base/bytes.h"
#include "base/err.h"
#include "history/history.h"

/* Append op, which is valid, and a newline. ERR_NO_MEMORY leaves out as it was. */
int history_json_write(const struct history_op *op, struct buf *out) MUST_CHECK;

/*
 * Parse one line, with or without its newline. Strict: fields that are not known are skipped
 * (their JSON must be right, nested at most 32 deep), everything else must be as said above.
 * *out_op borrows its bytes from scratch, which is overwritten; history_add copies them.
 * ERR_INVALID: this is not such a line. ERR_NO_MEMORY.
 */
int history_json_parse(struct bytes line, struct buf *scratch,
                       struct history_op *out_op) MUST_CHECK;

#endif
