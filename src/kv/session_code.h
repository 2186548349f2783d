/*
 * session_code.h -- how many bytes a session takes when it is encoded.
 */
#ifndef DKV_KV_SESSION_CODE_H
#define DKV_KV_SESSION_CODE_H

#include <stdint.h>

#include "kv/session.h"

/* Of a session without results. */
#define SESSION_HEADER_SIZE 32U

/* One result, its entries included. */
uint64_t stored_encoded_size(const struct stored *r);

#endif
