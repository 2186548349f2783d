/* interrupt.c -- see interrupt.h. */
#define _GNU_SOURCE
#include "interrupt.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

static struct {
    bool begun;
    atomic_bool ending;
    pthread_t thread;
    sigset_t signals;
    sigset_t before;
    struct sigaction pipe_before;
    void (*clean_up)(void *context);
    void *context;
} interrupt;

static void *interrupt_run(void *unused)
{
    (void)unused;
    int signo = 0;
    do {
        if (sigwait(&interrupt.signals, &signo) == 0 && atomic_load(&interrupt.ending))
            return NULL;
    } while (signo == 0 || signo == SIGUSR1);
    interrupt.clean_up(interrupt.context);
    _exit(128 + signo);
}

int interrupt_begin(void (*clean_up)(void *context), void *context)
{
    assert(!interrupt.begun);
    interrupt.clean_up = clean_up;
    interrupt.context = context;
    sigemptyset(&interrupt.signals);
    sigaddset(&interrupt.signals, SIGINT);
    sigaddset(&interrupt.signals, SIGTERM);
    sigaddset(&interrupt.signals, SIGHUP);
    sigaddset(&interrupt.signals, SIGUSR1); /* Wakes the thread when it is to end. */
    atomic_store(&interrupt.ending, false);
    pthread_sigmask(SIG_BLOCK, &interrupt.signals, &interrupt.before);
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, &interrupt.pipe_before);
    if (pthread_create(&interrupt.thread, NULL, interrupt_run, NULL) != 0) {
        sigaction(SIGPIPE, &interrupt.pipe_before, NULL);
        pthread_sigmask(SIG_SETMASK, &interrupt.before, NULL);
        return ERR_NO_MEMORY;
    }
    interrupt.begun = true;
    return 0;
}

void interrupt_end(void)
{
    if (!interrupt.begun)
        return;
    atomic_store(&interrupt.ending, true);
    pthread_kill(interrupt.thread, SIGUSR1);
    pthread_join(interrupt.thread, NULL);
    sigaction(SIGPIPE, &interrupt.pipe_before, NULL);
    pthread_sigmask(SIG_SETMASK, &interrupt.before, NULL);
    interrupt.begun = false;
}
