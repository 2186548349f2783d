/* interrupt.c -- see interrupt.h. */
#define _GNU_SOURCE
#include "cli/interrupt.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "cli/exit.h"

static _Atomic(const char *) line_to_say;

static void on_signal(int signal)
{
    (void)signal;
    const char *line = atomic_load(&line_to_say);
    if (line != NULL) {
        ssize_t written = write(STDERR_FILENO, line, strlen(line));
        (void)written;
    }
    _exit(CLI_INTERRUPTED);
}

void interrupt_catch(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        sigaction(signals[i], &action, NULL);
}

void interrupt_say(const char *line)
{
    atomic_store(&line_to_say, line);
}
