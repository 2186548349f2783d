/*
 * interval.h -- many slots named at once: first, first + stride, ..., last.
 *
 * The slots of one coordinator are every n-th one. Skips, range promises and NOOPs that fill whole
 * ranges speak of such runs. An interval says itself which slots it means: nobody works out for
 * somebody else's interval who coordinates what (docs/protocol.md, section 7).
 */
#ifndef DKV_PAXOS_INTERVAL_H
#define DKV_PAXOS_INTERVAL_H

#include <stdbool.h>
#include <stdint.h>

/* On disk an interval lies within one block: no record crosses a multiple of this. */
#define INTERVAL_BLOCK 4096
/* In a message: last - first is below this. */
#define INTERVAL_SPAN_MAX 65536

/*
 * All zero is "none". Else 0 < first <= last, stride > 0, and last is one of the slots.
 * One slot: first == last, whatever the stride.
 */
struct interval {
    uint64_t first;
    uint64_t last;
    uint32_t stride;
};

static inline bool interval_is_none(struct interval i)
{
    return i.first == 0 && i.last == 0 && i.stride == 0;
}

/* Not none, and keeps what the struct says. */
static inline bool interval_is_valid(struct interval i)
{
    return i.first > 0 && i.stride > 0 && i.first <= i.last && (i.last - i.first) % i.stride == 0;
}

static inline struct interval interval_one(uint64_t slot)
{
    return (struct interval){.first = slot, .last = slot, .stride = 1};
}

/* Does a valid interval lie within one block? */
static inline bool interval_in_block(struct interval i)
{
    return i.first / INTERVAL_BLOCK == i.last / INTERVAL_BLOCK;
}

static inline uint64_t interval_count(struct interval i)
{
    return interval_is_none(i) ? 0 : (i.last - i.first) / i.stride + 1;
}

static inline bool interval_has(struct interval i, uint64_t slot)
{
    return !interval_is_none(i) && slot >= i.first && slot <= i.last &&
           (slot - i.first) % i.stride == 0;
}

/*
 * The slots of i from `from` to `to`, both included; none when there is none.
 */
struct interval interval_clip(struct interval i, uint64_t from, uint64_t to);

/*
 * Put `slot` behind *run if it continues it and the whole still fits into a message; begin one when
 * *run is none. False: it does neither.
 */
bool interval_extend(struct interval *run, uint64_t slot, uint32_t stride);

/*
 * Collect slots into runs, in ascending order: interval_extend, but where it is false *run begins
 * anew with `slot`, and what it was is returned, for the caller to send or to write. None: not yet.
 * In the end *run is the last of them, or none.
 */
struct interval interval_push(struct interval *run, uint64_t slot, uint32_t stride);

/*
 * The part of *i in the block of its first slot; *i keeps the rest, and is none when that was all.
 */
struct interval interval_take_block(struct interval *i);

#endif
