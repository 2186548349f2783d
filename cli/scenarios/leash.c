/* leash.c -- see leash.h. */
#define _GNU_SOURCE
#include "cli/scenarios/leash.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

bool leash_is_asked(int argc, char *const *argv)
{
    return argc > LEASH_ARGUMENTS && strcmp(argv[1], LEASH_ARGUMENT) == 0;
}

int leash_exec(int argc, char **argv)
{
    if (argc <= LEASH_ARGUMENTS)
        return 127;
    char *binary = argv[LEASH_ARGUMENTS];
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
        fprintf(stderr, "cannot tie %s to its parent: %s\n", binary, strerror(errno));
        return 127;
    }
    /* The parent may have ended before the kernel knew. */
    if (getppid() != (pid_t)strtol(argv[2], NULL, 10))
        return 127;
    execv(binary, argv + LEASH_ARGUMENTS);
    fprintf(stderr, "cannot start %s: %s\n", binary, strerror(errno));
    return 127;
}
