/*
 * clock_shim.c -- a wall clock that a test can set, for one process (LD_PRELOAD). The machine's
 * clock stays as it is, and nobody else sees anything.
 *
 *     CLOCK_SHIM_FILE=FILE LD_PRELOAD=clock_shim.so dkv-node ...
 *
 * FILE holds a struct shim, which both sides map. To change offset_ns is to set the clock: from
 * then on the process reads the true wall-clock time plus offset_ns. Monotonic clocks are left
 * alone, as Linux leaves them when somebody sets the time.
 *
 * What the kernel does with a wait until a wall-clock time is done here too: when the clock is set
 * forward, the wait ends early; when it is set back, the wait goes on for as much longer. A wait
 * under way notices within SLICE_NS, because it is cut into slices.
 *
 * Covered is what nodes and clients call, themselves and through gRPC of Debian 12 (`nm -D
 * --undefined-only` on libgrpc, libgpr, libabsl_*, libstdc++, libcrypto, libssl, libcares and our
 * programs): clock_gettime, gettimeofday, time. The only waits until a wall-clock time are those
 * of Abseil's mutexes and condition variables, on which all timers of gRPC's core depend: the
 * futex operation FUTEX_WAIT_BITSET with FUTEX_CLOCK_REALTIME, through libc's syscall(). Nodes and
 * clients turn these into waits by the monotonic clock (src/rpc/steady.h) before they come here;
 * both kinds are counted, so that a test sees that they did.
 *
 * Not covered: system calls made without libc, and libc's own (pthread_cond_timedwait and its like
 * with the wall clock, clock_nanosleep with TIMER_ABSTIME and CLOCK_REALTIME, timerfd). No node
 * or client makes such waits: our own condition variables wait by the monotonic clock. File times
 * are the true ones.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS INT64_C(1000000000)
#define SLICE_NS INT64_C(10000000)

/* Known to clocks_test.py as well. */
struct shim {
    _Atomic int64_t offset_ns;    /* Written by the test only. */
    _Atomic int64_t readings;     /* How often this process has read the wall clock, */
    _Atomic int64_t wall_waits;   /* begun to wait until a time of the wall clock, */
    _Atomic int64_t steady_waits; /* and until a time of the monotonic one, by futex. */
};

static struct shim *shim;
static int (*libc_clock_gettime)(clockid_t, struct timespec *);
static long (*libc_syscall)(long, ...);

static void fail(const char *what)
{
    fprintf(stderr, "clock_shim: %s\n", what);
    abort();
}

static void *libc_find(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL)
        fail(name);
    return found;
}

/* Constructors of other libraries may come first, and call us; there is one thread yet. */
static void shim_open(void)
{
    if (shim != NULL)
        return;
    *(void **)&libc_clock_gettime = libc_find("clock_gettime");
    *(void **)&libc_syscall = libc_find("syscall");
    const char *path = getenv("CLOCK_SHIM_FILE");
    int file = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0)
        fail("CLOCK_SHIM_FILE cannot be opened");
    void *map = mmap(NULL, sizeof(*shim), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (map == MAP_FAILED)
        fail("CLOCK_SHIM_FILE cannot be mapped");
    close(file);
    shim = map;
}

__attribute__((constructor)) static void shim_start(void)
{
    shim_open();
}

static int64_t ns_from(const struct timespec *t)
{
    return t->tv_sec * SECOND_NS + t->tv_nsec;
}

static struct timespec timespec_from(int64_t ns)
{
    int64_t seconds = ns / SECOND_NS - (ns % SECOND_NS < 0);
    return (struct timespec){.tv_sec = seconds, .tv_nsec = ns - seconds * SECOND_NS};
}

/* ---- Reading ------------------------------------------------------------------------------- */

/* libc's declarations name these functions' parameters as only libc may.
   NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */

int clock_gettime(clockid_t clock, struct timespec *out)
{
    shim_open();
    int result = libc_clock_gettime(clock, out);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        atomic_fetch_add(&shim->readings, 1);
        *out = timespec_from(ns_from(out) + atomic_load(&shim->offset_ns));
    }
    return result;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    (void)zone; /* Nobody has asked for it in decades. */
    struct timespec now;
    int result = clock_gettime(CLOCK_REALTIME, &now);
    if (result == 0)
        *out = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return result;
}

time_t time(time_t *out)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL)
        *out = now.tv_sec;
    return now.tv_sec;
}

/* ---- Waiting ------------------------------------------------------------------------------- */

static int64_t true_now_ns(void)
{
    struct timespec now;
    libc_clock_gettime(CLOCK_REALTIME, &now);
    return ns_from(&now);
}

/* FUTEX_WAIT_BITSET until the process's wall clock is at deadline_ns. */
static long futex_wait(const long *args, int64_t deadline_ns)
{
    for (;;) {
        int64_t offset_ns = atomic_load(&shim->offset_ns);
        int64_t until_ns = deadline_ns - offset_ns;
        int64_t slice_ns = true_now_ns() + SLICE_NS;
        bool is_last = until_ns <= slice_ns;
        if (until_ns < 0)
            until_ns = 0; /* Long past, and no time to the kernel. */
        struct timespec t = timespec_from(is_last ? until_ns : slice_ns);
        /* A wake-up between two slices is not lost: whoever wakes has changed the word before, so
         * the next slice ends at once, with EAGAIN. */
        long result = libc_syscall(SYS_futex, args[0], args[1], args[2], &t, args[4], args[5]);
        bool was_set = atomic_load(&shim->offset_ns) != offset_ns;
        if (result == 0 || errno != ETIMEDOUT || (is_last && !was_set))
            return result;
    }
}

long syscall(long number, ...)
{
    long args[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++) /* Most have fewer: the rest is passed on, and means nothing. */
        args[i] = va_arg(list, long);
    va_end(list);
    shim_open();
    if (number == SYS_futex && (args[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET && args[3] != 0) {
        bool is_wall = (args[1] & FUTEX_CLOCK_REALTIME) != 0;
        atomic_fetch_add(is_wall ? &shim->wall_waits : &shim->steady_waits, 1);
        if (is_wall)
            return futex_wait(args, ns_from((const struct timespec *)args[3]));
    }
    return libc_syscall(number, args[0], args[1], args[2], args[3], args[4], args[5]);
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
