/*
 * faults.h -- a bad network on purpose: messages dropped, delayed, sent twice.
 *
 * A rule is for one peer and one direction, and one coin is thrown for each protocol message, also
 * inside a coalesced envelope. Streams stay up: a fault never looks like a broken connection.
 *
 * Pure: time stays with the caller, who keeps a delayed message until it is due. The loop's.
 */
#ifndef DKV_NODE_FAULTS_H
#define DKV_NODE_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/prng.h"
#include "paxos/members.h"

#define FAULTS_PPM_MAX 1000000
#define FAULTS_DELAY_MS_MAX 60000
#define FAULTS_RULES_MAX (2 * MEMBERS_MAX)

enum fault_direction {
    FAULT_IN = 1,  /* From the peer to this node. */
    FAULT_OUT = 2, /* From this node to the peer. */
    FAULT_BOTH = FAULT_IN | FAULT_OUT,
};

struct fault_rule {
    uint32_t peer; /* Id. */
    enum fault_direction direction;
    uint32_t drop_ppm;      /* Of a million messages: up to FAULTS_PPM_MAX. */
    uint32_t delay_ms;      /* Up to FAULTS_DELAY_MS_MAX, as jitter_ms. */
    uint32_t jitter_ms;     /* Up to as much more, at random: messages overtake each other. */
    uint32_t duplicate_ppm; /* Sent twice, each copy with a delay of its own. */
};

/* One direction of one peer. All zero does nothing. */
struct fault {
    uint32_t drop_ppm;
    uint32_t delay_ms;
    uint32_t jitter_ms;
    uint32_t duplicate_ppm;
};

struct faults {
    struct prng prng;
    struct fault in[MEMBERS_MAX]; /* By the peer's index. */
    struct fault out[MEMBERS_MAX];
    bool any;                      /* Is there a rule at all? */
    uint64_t dropped[MEMBERS_MAX]; /* Messages, in both directions, since start. */
    uint64_t delayed;
    uint64_t duplicated;
};

/* What becomes of one message. */
struct fault_fate {
    uint32_t copies;      /* 0: dropped; 1; or 2. */
    uint64_t delay_ns[2]; /* Of each copy. */
};

void faults_init(struct faults *f, uint64_t seed);

/*
 * Set rules, the later over the earlier; `replace` forgets all that were there before. All or
 * nothing. ERR_NOT_FOUND: *out_peer is no peer of this node; ERR_INVALID: a figure is too large or
 * a direction is none, in the rule of *out_peer.
 */
int faults_set(struct faults *f, const struct members *members, uint32_t self_id,
               const struct fault_rule *rules, size_t count, bool replace,
               uint32_t *out_peer) MUST_CHECK;

void faults_clear(struct faults *f);

/* The rules in force, at most FAULTS_RULES_MAX. Returns how many. */
size_t faults_get(const struct faults *f, const struct members *members,
                  struct fault_rule out_rules[FAULTS_RULES_MAX]);

/* Throw the coins for one message to or from the peer of this index, and count. */
struct fault_fate faults_roll(struct faults *f, uint32_t peer_index,
                              enum fault_direction direction);

/* Messages that were to be kept for later, but there was no room: they count as dropped. */
void faults_overflow(struct faults *f, uint32_t peer_index);

uint64_t faults_dropped(const struct faults *f);

#endif
