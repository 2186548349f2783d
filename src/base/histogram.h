/*
 * histogram.h -- latencies by the million in 14 KiB, with quantiles that are off by 1/64 at most.
 *
 * Log-linear, as in Gil Tene's HdrHistogram: each power of two of nanoseconds is cut into 64 equal
 * buckets. Below 1,024 ns a bucket is 16 ns wide; from HISTOGRAM_VALUE_MAX_NS (137 s) on everything
 * falls into the last bucket, and only the maximum is exact.
 *
 * Threads. Any thread may record, and any thread may read at the same time: each counter is an
 * atomic of its own, relaxed. A reader who needs figures that fit together merges into a histogram
 * of its own first and asks that one.
 */
#ifndef DKV_BASE_HISTOGRAM_H
#define DKV_BASE_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

#define HISTOGRAM_BUCKETS 1792
#define HISTOGRAM_VALUE_MAX_NS ((UINT64_C(1) << 37) - 1)

/* All zero is an empty one. */
struct histogram {
    _Atomic uint64_t buckets[HISTOGRAM_BUCKETS];
    _Atomic uint64_t sum_ns;
    _Atomic uint64_t max_ns;
};

/* Count one value. Any thread. */
void histogram_record(struct histogram *h, uint64_t value_ns);

/* Add all that `from` has to `into`. */
void histogram_merge(struct histogram *into, const struct histogram *from);

/* Values recorded. */
uint64_t histogram_count(const struct histogram *h);

/* Their exact sum, and the exact largest; 0 when there is none. */
uint64_t histogram_sum_ns(const struct histogram *h);
uint64_t histogram_max_ns(const struct histogram *h);

/*
 * The value that per_million of a million values do not exceed (500000: the median), 0 when there
 * is none. Never below the true one, and above it by 1/64 or 16 ns at most. per_million <= 1000000.
 */
uint64_t histogram_quantile_ns(const struct histogram *h, uint32_t per_million);

/* Values up to limit_ns, without those of the bucket that the limit cuts in two. */
uint64_t histogram_count_up_to(const struct histogram *h, uint64_t limit_ns);

#endif
