/*
 * etcd_wire.h -- as much of etcd's KV service (etcdserverpb, v3) as puts and gets of one key need.
 *
 * Written by hand after the published rpc.proto: two requests of a few fields, and one question to
 * an answer.
 */
#ifndef DKV_CLI_BENCH_ETCD_WIRE_H
#define DKV_CLI_BENCH_ETCD_WIRE_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/err.h"

#define ETCD_PUT "/etcdserverpb.KV/Put"
#define ETCD_RANGE "/etcdserverpb.KV/Range"

/* PutRequest. ERR_NO_MEMORY. */
int etcd_encode_put(struct bytes key, struct bytes value, struct buf *out) MUST_CHECK;

/* RangeRequest of one key. serializable: from what the node has, not linearizable. ERR_NO_MEMORY.
 */
int etcd_encode_get(struct bytes key, bool serializable, struct buf *out) MUST_CHECK;

/* Does a RangeResponse have a key? ERR_INVALID: it is none. */
int etcd_decode_get(struct bytes body, bool *out_found) MUST_CHECK;

#endif
