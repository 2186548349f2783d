/* steady.c -- see steady.h. */
#define _GNU_SOURCE
#include "rpc/steady.h"

#include <assert.h>
#include <dlfcn.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS 1000000000

/* The longest list of arguments that a system call has. */
#define ARGS_MAX 6

/* The next one in the linker's order: libc's. */
static long (*_Atomic steady_next)(long number, ...);

void rpc_steady_init(void)
{
    long (*next)(long number, ...) = NULL;
    void *found = dlsym(RTLD_NEXT, "syscall");
    static_assert(sizeof(found) == sizeof(next), "POSIX says so of dlsym");
    memcpy(&next, &found, sizeof(next));
    assert(next != NULL);
    atomic_store(&steady_next, next);
}

/* When the monotonic clock will be there, if nobody sets the other one. */
static struct timespec steady_from_wall(const struct timespec *wall)
{
    struct timespec wall_now;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &wall_now);
    clock_gettime(CLOCK_MONOTONIC, &now);
    now.tv_sec += wall->tv_sec - wall_now.tv_sec;
    now.tv_nsec += wall->tv_nsec - wall_now.tv_nsec;
    if (now.tv_nsec < 0) {
        now.tv_nsec += SECOND_NS;
        now.tv_sec--;
    } else if (now.tv_nsec >= SECOND_NS) {
        now.tv_nsec -= SECOND_NS;
        now.tv_sec++;
    }
    /* Before the machine started is no time to the kernel; its start is as much in the past. */
    return now.tv_sec >= 0 ? now : (struct timespec){0};
}

/*
 * What others call syscall(). As in libc, all arguments are passed on, given or not: what was not
 * given is whatever lies there, which is no mistake for AddressSanitizer to find.
 */
long steady_syscall(long number, ...) __asm__("syscall");

__attribute__((no_sanitize_address)) long steady_syscall(long number, ...)
{
    long args[ARGS_MAX];
    va_list list;
    if (atomic_load(&steady_next) == NULL)
        rpc_steady_init(); /* A constructor of another library has called. */
    va_start(list, number);
    for (int i = 0; i < ARGS_MAX; i++)
        args[i] = va_arg(list, long);
    va_end(list);

    struct timespec until;
    if (number == SYS_futex && args[3] != 0 &&
        (args[1] & ~FUTEX_PRIVATE_FLAG) == (FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME)) {
        until = steady_from_wall((const struct timespec *)args[3]);
        args[1] &= ~FUTEX_CLOCK_REALTIME;
        args[3] = (long)&until;
    }
    return atomic_load(&steady_next)(number, args[0], args[1], args[2], args[3], args[4], args[5]);
}
