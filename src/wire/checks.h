/*
 * checks.h -- parts that messages between nodes share, validated. Of wire/ only.
 *
 * Each returns 0, or ERR_INVALID with a sentence; ERR_NO_MEMORY where a value is made.
 */
#ifndef DKV_WIRE_CHECKS_H
#define DKV_WIRE_CHECKS_H

#include "dkv/v1/paxos.pb-c.h"
#include "paxos/message.h"
#include "wire/pack.h"

/* min .. WIRE_NUMBER_MAX. */
int check_number(const char *what, uint64_t v, uint64_t min, struct wire_error *error) MUST_CHECK;

int check_ballot(const char *what, struct ballot b, bool may_be_none,
                 struct wire_error *error) MUST_CHECK;

int check_tag(struct tag t, struct wire_error *error) MUST_CHECK;

/* What interval.h and paxos.proto say of one; not none. stride is as wide as it came. */
int check_interval(uint64_t first, uint64_t last, uint64_t stride,
                   struct wire_error *error) MUST_CHECK;

/* A value's parts, of which the kind may be 0: then there is none, and *out_value is NULL. */
int check_value(uint64_t kind, struct tag tag, struct bytes bytes, struct value **out_value,
                struct wire_error *error) MUST_CHECK;

/* ---- Hello: rare, so protobuf-c does it ----------------------------------------------------- */

/* `ids` has room for MEMBERS_MAX. The result borrows from h and ids. */
void hello_to_pb(const struct hello *h, uint32_t *ids, Dkv__V1__Hello *out);

int hello_from_pb(const Dkv__V1__Hello *in, struct hello *out, struct wire_error *error) MUST_CHECK;

#endif
