/*
 * alone.h -- one replica in coordinated mode, and the test plays all the others.
 *
 * Node 0 of the bench is under test. The others are dead: what it says to them waits in the bench's
 * queue for the test to look at, and the test speaks for them. Slot s is coordinated by node
 * s % count: of three nodes, 3, 6 and 9 are node 0's own slots, 1 and 4 node 1's, 2 and 5 node 2's.
 */
#ifndef DKV_UNIT_REPLICA_ALONE_H
#define DKV_UNIT_REPLICA_ALONE_H

#include "bench.h"

/* With `count` members, of which each has heard the others' Hello. Nothing is reserved yet. */
struct bench *alone_open(uint32_t count);

/*
 * Three nodes; node 0's first put is in slot 3, and all up to there is decided and applied. Slots
 * are reserved from 6 on, and for 20 ms the node is not idle (rule C5).
 */
struct bench *alone_open_busy(void);

/* It loses power and starts again; the others have heard of that. */
void alone_restart(struct bench *b);

/* Time goes by, in turns of 1 ms; node 0's disk syncs in each, unless it is stalled. */
void alone_run(struct bench *b, uint64_t ms);

/* By the node's index, in its first boot. */
struct ballot alone_ballot(uint64_t round, uint32_t node);

/* Every third slot. */
struct interval alone_thirds(uint64_t first, uint64_t last);

/* A batch of that node's, with one put of so many bytes; the reference is the caller's. */
struct value *alone_value(uint32_t node, uint64_t sequence, size_t bytes);

/* Accept from that node, at its own ballot of that round; what it passed over, or none. */
void alone_accept(struct bench *b, uint32_t from, uint64_t round, uint64_t slot, struct value *v,
                  struct interval passed_over);

/* The same with a small value of the slot's own coordinator, at round 0. */
void alone_propose(struct bench *b, uint64_t slot);

/* What node 0 has said to `to` since alone_forget: how often, and the last one (or NULL), which is
   good until the next step. */
uint32_t alone_count(const struct bench *b, uint32_t to, enum message_kind kind);
const struct message *alone_said(const struct bench *b, uint32_t to, enum message_kind kind);
void alone_forget(struct bench *b);

/* How many ms go by until it is said to `to`; ends the test when they are more than max_ms. */
uint64_t alone_wait(struct bench *b, uint32_t to, enum message_kind kind, uint64_t max_ms);

struct slot_view alone_slot(const struct bench *b, uint64_t slot);
struct replica_status alone_status(const struct bench *b);

/* NOOP is known to be chosen there. */
bool alone_is_noop(const struct bench *b, uint64_t slot);

void alone_assert_interval(struct interval i, struct interval expected);

#endif
