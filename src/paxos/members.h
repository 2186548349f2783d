/*
 * members.h -- who takes part, and what a majority of them is.
 *
 * Inside one node a member is known by its index, its place among the sorted ids; ids appear on
 * the wire, on disk and in ballots.
 */
#ifndef DKV_PAXOS_MEMBERS_H
#define DKV_PAXOS_MEMBERS_H

#include <stdbool.h>
#include <stdint.h>

#define MEMBERS_MAX 9
#define MEMBER_NONE UINT32_MAX

/* Invariant: ids[0 .. count) ascend strictly and are > 0; 1 <= count <= MEMBERS_MAX. */
struct members {
    uint32_t count;
    uint32_t ids[MEMBERS_MAX];
};

/* A set of members, one bit for each index. Adding a member twice adds it once. */
struct member_set {
    uint16_t bits;
};

bool members_is_valid(const struct members *m);

/* Index of id, or MEMBER_NONE. */
uint32_t members_index(const struct members *m, uint32_t id);

static inline void member_set_add(struct member_set *s, uint32_t index)
{
    s->bits = (uint16_t)(s->bits | 1U << index);
}

static inline bool member_set_has(struct member_set s, uint32_t index)
{
    return (s.bits >> index & 1U) != 0;
}

uint32_t member_set_count(struct member_set s);

/* More than half of m is in s. Two majorities share a member: all of Paxos rests on that. */
bool members_is_majority(const struct members *m, struct member_set s);

#endif
