/* steady_test.c -- a wait by the wall clock is one by the monotonic clock, and all else as it was.
 */
#define _GNU_SOURCE
#include "world.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "rpc/steady.h"

#define WALL_WAIT (FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME)

static atomic_int word;

static uint64_t wall_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

/* As Abseil does it. Returns 0 or the error. */
static int wait_until(uint64_t until_ns, int value)
{
    struct timespec t = {.tv_sec = (time_t)(until_ns / SECOND_NS),
                         .tv_nsec = (long)(until_ns % SECOND_NS)};
    long result = syscall(SYS_futex, &word, WALL_WAIT, value, &t, NULL, FUTEX_BITSET_MATCH_ANY);
    return result == 0 ? 0 : errno;
}

/* The libraries' calls come to ours, not to libc's. */
static void test_first(void **state)
{
    (void)state;
    rpc_steady_init();
    void *libc = dlsym(RTLD_NEXT, "syscall");
    void *first = dlsym(RTLD_DEFAULT, "syscall");
    assert_non_null(libc);
    assert_non_null(first);
    assert_ptr_not_equal(first, libc);
}

static void test_time_is_up(void **state)
{
    (void)state;
    atomic_store(&word, 0);
    for (int i = 0; i < 20; i++) {
        uint64_t before_ns = now_ns();
        /* Every fraction of a second, so that both clocks carry. */
        assert_int_equal(wait_until(wall_ns() + 53 * MS_NS, 0), ETIMEDOUT);
        uint64_t took_ns = now_ns() - before_ns;
        assert_true(took_ns >= 53 * MS_NS - MS_NS / 10); /* Clocks are slewed. */
        assert_true(took_ns < 20 * SECOND_NS);
    }
}

static void test_time_was_up(void **state)
{
    (void)state;
    atomic_store(&word, 0);
    uint64_t now = wall_ns();
    const uint64_t past[] = {
        now, now - 1, now - SECOND_NS, now - now_ns(), now - now_ns() - SECOND_NS, 0};
    for (size_t i = 0; i < sizeof(past) / sizeof(past[0]); i++) {
        uint64_t before_ns = now_ns();
        assert_int_equal(wait_until(past[i], 0), ETIMEDOUT);
        assert_true(now_ns() - before_ns < 20 * SECOND_NS);
    }
}

static void *wake(void *context)
{
    (void)context;
    struct timespec t = {.tv_nsec = 20 * MS_NS};
    nanosleep(&t, NULL);
    atomic_store(&word, 1);
    assert_true(syscall(SYS_futex, &word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1) >= 0);
    return NULL;
}

static void test_woken(void **state)
{
    (void)state;
    pthread_t thread;
    atomic_store(&word, 0);
    assert_int_equal(pthread_create(&thread, NULL, wake, NULL), 0);
    uint64_t hour_on_ns = wall_ns() + 3600 * SECOND_NS;
    int err = 0;
    while (atomic_load(&word) == 0)
        err = wait_until(hour_on_ns, 0);
    assert_true(err == 0 || err == EAGAIN);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(wait_until(hour_on_ns, 0), EAGAIN);
    assert_int_equal(wait_until((uint64_t)INT64_MAX, 0), EAGAIN);
}

static void test_other_calls(void **state)
{
    (void)state;
    assert_int_equal(syscall(SYS_gettid), gettid());
    assert_int_equal(syscall(SYS_close, -1), -1);
    assert_int_equal(errno, EBADF);
    /* Six arguments. */
    long page = sysconf(_SC_PAGESIZE);
    long map =
        syscall(SYS_mmap, 0L, page, 1L /* PROT_READ */, 0x22L /* private, anonymous */, -1L, 0L);
    assert_true(map > 0);
    assert_int_equal(syscall(SYS_munmap, map, page), 0);
    /* Waits by the monotonic clock, until a time and for a time. */
    atomic_store(&word, 0);
    struct timespec t = {.tv_sec = 1};
    assert_int_equal(
        syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 0, &t, NULL, FUTEX_BITSET_MATCH_ANY), -1);
    assert_int_equal(errno, ETIMEDOUT);
    t = (struct timespec){.tv_nsec = MS_NS};
    assert_int_equal(syscall(SYS_futex, &word, FUTEX_WAIT, 0, &t, NULL, 0), -1);
    assert_int_equal(errno, ETIMEDOUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first),       cmocka_unit_test(test_time_is_up),
        cmocka_unit_test(test_time_was_up), cmocka_unit_test(test_woken),
        cmocka_unit_test(test_other_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
