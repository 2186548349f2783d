/* threads_test.c -- several threads log and count at once: no line is torn, no value is lost. */
#define _GNU_SOURCE
#include "../unit.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/histogram.h"
#include "base/log.h"

#define THREADS 4
#define ROUNDS 2000

static struct histogram shared;

static void *count(void *arg)
{
    uint64_t first = *(const uint64_t *)arg;
    for (uint64_t i = 0; i < ROUNDS; i++)
        histogram_record(&shared, (first * ROUNDS + i) * 1000);
    return NULL;
}

static void *chatter(void *arg)
{
    uint64_t self = *(const uint64_t *)arg;
    for (uint64_t i = 0; i < ROUNDS; i++)
        log_line(LOG_INFO, LOG_FIELDS(log_u64("thread", self), log_u64("round", i)), "hello");
    return NULL;
}

static void run(void *(*body)(void *), pthread_t *threads, uint64_t *numbers)
{
    for (uint64_t i = 0; i < THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, body, &numbers[i]), 0);
    }
}

static void join(pthread_t *threads)
{
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void test_histogram(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    uint64_t numbers[THREADS];
    static struct histogram seen;
    run(count, threads, numbers);
    /* A reader in the middle of it: never more than there will be, and never fewer than before. */
    uint64_t count_before = 0;
    while (count_before < THREADS * ROUNDS) {
        memset(&seen, 0, sizeof(seen));
        histogram_merge(&seen, &shared);
        uint64_t count_now = histogram_count(&seen);
        assert_in_range(count_now, count_before, THREADS * ROUNDS);
        count_before = count_now;
    }
    join(threads);
    uint64_t n = THREADS * ROUNDS;
    assert_int_equal(histogram_sum_ns(&shared), n * (n - 1) / 2 * 1000);
    assert_int_equal(histogram_max_ns(&shared), (n - 1) * 1000);
}

static void test_log(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    uint64_t numbers[THREADS];
    uint64_t rounds[THREADS] = {0};
    FILE *captured = tmpfile();
    assert_non_null(captured);
    int stderr_before = dup(STDERR_FILENO);
    assert_int_equal(dup2(fileno(captured), STDERR_FILENO), STDERR_FILENO);
    run(chatter, threads, numbers);
    join(threads);
    dup2(stderr_before, STDERR_FILENO);
    close(stderr_before);

    char line[LOG_LINE_MAX];
    rewind(captured);
    while (fgets(line, sizeof(line), captured) != NULL) {
        unsigned thread = THREADS;
        unsigned long round = 0;
        int end = 0;
        sscanf(line, "%*s info hello thread=%u round=%lu%n", &thread, &round, &end);
        assert_in_range(thread, 0, THREADS - 1);
        assert_int_equal(round, rounds[thread]);
        assert_string_equal(line + end, "\n");
        rounds[thread]++;
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(rounds[i], ROUNDS);
    fclose(captured);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_histogram),
        cmocka_unit_test(test_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
