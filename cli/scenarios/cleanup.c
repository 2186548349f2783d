/* cleanup.c -- see cleanup.h. */
#define _GNU_SOURCE
#include "cli/scenarios/cleanup.h"

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
} cleanup;

static void *cleanup_run(void *unused)
{
    (void)unused;
    int signo = 0;
    do {
        if (sigwait(&cleanup.signals, &signo) == 0 && atomic_load(&cleanup.ending))
            return NULL;
    } while (signo == 0 || signo == SIGUSR1);
    cleanup.clean_up(cleanup.context);
    _exit(CLEANUP_EXIT_CODE);
}

int cleanup_begin(void (*clean_up)(void *context), void *context)
{
    assert(!cleanup.begun);
    cleanup.clean_up = clean_up;
    cleanup.context = context;
    sigemptyset(&cleanup.signals);
    sigaddset(&cleanup.signals, SIGINT);
    sigaddset(&cleanup.signals, SIGTERM);
    sigaddset(&cleanup.signals, SIGHUP);
    sigaddset(&cleanup.signals, SIGUSR1); /* Wakes the thread when it is to end. */
    atomic_store(&cleanup.ending, false);
    pthread_sigmask(SIG_BLOCK, &cleanup.signals, &cleanup.before);
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, &cleanup.pipe_before);
    if (pthread_create(&cleanup.thread, NULL, cleanup_run, NULL) != 0) {
        sigaction(SIGPIPE, &cleanup.pipe_before, NULL);
        pthread_sigmask(SIG_SETMASK, &cleanup.before, NULL);
        return ERR_NO_MEMORY;
    }
    cleanup.begun = true;
    return 0;
}

void cleanup_end(void)
{
    if (!cleanup.begun)
        return;
    atomic_store(&cleanup.ending, true);
    pthread_kill(cleanup.thread, SIGUSR1);
    pthread_join(cleanup.thread, NULL);
    sigaction(SIGPIPE, &cleanup.pipe_before, NULL);
    pthread_sigmask(SIG_SETMASK, &cleanup.before, NULL);
    cleanup.begun = false;
}
