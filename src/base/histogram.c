/* histogram.c -- see histogram.h. */
#include "base/histogram.h"

#include <assert.h>
#include <stddef.h>

#define UNIT_BITS 4   /* The narrowest bucket is 16 ns wide. */
#define OCTAVE_BITS 6 /* 64 buckets to an octave. */
#define OCTAVE (1U << OCTAVE_BITS)

static uint64_t counter_load(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void counter_add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static void counter_raise(_Atomic uint64_t *counter, uint64_t value)
{
    uint64_t seen = counter_load(counter);
    while (seen < value && !atomic_compare_exchange_weak_explicit(
                               counter, &seen, value, memory_order_relaxed, memory_order_relaxed)) {
    }
}

static size_t bucket_of(uint64_t value_ns)
{
    if (value_ns > HISTOGRAM_VALUE_MAX_NS)
        return HISTOGRAM_BUCKETS - 1;
    uint64_t units = value_ns >> UNIT_BITS;
    if (units < OCTAVE)
        return units;
    /* Octave k >= 1 holds OCTAVE << (k - 1) units and more, in buckets of 1 << (k - 1). */
    unsigned shift = 63U - (unsigned)__builtin_clzll(units) - OCTAVE_BITS;
    return (size_t)(shift << OCTAVE_BITS) + (size_t)(units >> shift);
}

/* The largest value that falls into a bucket; the last one's has no bound, its maximum is asked. */
static uint64_t bucket_max_ns(size_t bucket)
{
    uint64_t octave = bucket >> OCTAVE_BITS;
    uint64_t shift = octave == 0 ? 0 : octave - 1;
    uint64_t first = bucket - (shift << OCTAVE_BITS);
    return ((first + 1) << (shift + UNIT_BITS)) - 1;
}

void histogram_record(struct histogram *h, uint64_t value_ns)
{
    size_t bucket = bucket_of(value_ns);
    assert(bucket < HISTOGRAM_BUCKETS);
    counter_add(&h->buckets[bucket], 1);
    counter_add(&h->sum_ns, value_ns);
    counter_raise(&h->max_ns, value_ns);
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        counter_add(&into->buckets[i], counter_load(&from->buckets[i]));
    counter_add(&into->sum_ns, counter_load(&from->sum_ns));
    counter_raise(&into->max_ns, counter_load(&from->max_ns));
}

uint64_t histogram_count(const struct histogram *h)
{
    uint64_t count = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        count += counter_load(&h->buckets[i]);
    return count;
}

uint64_t histogram_sum_ns(const struct histogram *h)
{
    return counter_load(&h->sum_ns);
}

uint64_t histogram_max_ns(const struct histogram *h)
{
    return counter_load(&h->max_ns);
}

uint64_t histogram_quantile_ns(const struct histogram *h, uint32_t per_million)
{
    assert(per_million <= 1000000);
    uint64_t count = histogram_count(h);
    if (count == 0)
        return 0;
    assert(count < UINT64_MAX / 1000000);

    /* The rank is rounded up: with two values the median is the first, and p51 the second. */
    uint64_t rank = (count * per_million + 999999) / 1000000;
    rank = rank == 0 ? 1 : rank;

    uint64_t max_ns = histogram_max_ns(h);
    uint64_t seen = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
        seen += counter_load(&h->buckets[i]);
        if (seen >= rank)
            return bucket_max_ns(i) < max_ns ? bucket_max_ns(i) : max_ns;
    }
    return max_ns;
}

uint64_t histogram_count_up_to(const struct histogram *h, uint64_t limit_ns)
{
    uint64_t count = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS - 1 && bucket_max_ns(i) <= limit_ns; i++)
        count += counter_load(&h->buckets[i]);
    return count;
}
