/* process.c -- see process.h. */
#define _GNU_SOURCE
#include "cli/scenarios/process.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/scenarios/leash.h"
#include "cli/scenarios/moment.h"

#define POLL_MS 5

/* The environment without DKV_...: those are for this program, and a node would obey them too. */
static char **environment_new(void)
{
    size_t count = 0;
    while (environ[count] != NULL)
        count++;
    char **kept = mem_alloc((count + 1) * sizeof(*kept));
    if (kept == NULL)
        return NULL;
    size_t to = 0;
    for (size_t from = 0; from < count; from++)
        if (strncmp(environ[from], "DKV_", 4) != 0)
            kept[to++] = environ[from];
    kept[to] = NULL;
    return kept;
}

static int attributes_set(posix_spawnattr_t *attributes)
{
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    int err = posix_spawnattr_setsigmask(attributes, &none);
    if (err == 0)
        err = posix_spawnattr_setsigdefault(attributes, &all);
    if (err == 0)
        err = posix_spawnattr_setpgroup(attributes, 0);
    if (err == 0)
        err = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                       POSIX_SPAWN_SETPGROUP);
    return err;
}

static int files_set(posix_spawn_file_actions_t *files, const char *log_path)
{
    int err = posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (err == 0)
        err = posix_spawn_file_actions_addopen(files, STDOUT_FILENO, log_path,
                                               O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (err == 0)
        err = posix_spawn_file_actions_adddup2(files, STDOUT_FILENO, STDERR_FILENO);
    if (err == 0)
        err = posix_spawn_file_actions_addclosefrom_np(files, STDERR_FILENO + 1);
    return err;
}

/* An errno, or 0. */
static int spawn(char *const *argv, char *const *environment, const char *log_path, pid_t *out_pid)
{
    posix_spawnattr_t attributes;
    int err = posix_spawnattr_init(&attributes);
    if (err != 0)
        return err;
    posix_spawn_file_actions_t files;
    err = posix_spawn_file_actions_init(&files);
    if (err != 0)
        goto free_attributes;
    err = attributes_set(&attributes);
    if (err == 0)
        err = files_set(&files, log_path);
    if (err == 0)
        err = posix_spawn(out_pid, argv[0], &files, &attributes, argv, environment);
    posix_spawn_file_actions_destroy(&files);
free_attributes:
    posix_spawnattr_destroy(&attributes);
    return err;
}

int process_start(const char *const *arguments, const char *log_path, pid_t *out_pid)
{
    char parent[24];
    snprintf(parent, sizeof(parent), "%ld", (long)getpid());
    const char *argv[LEASH_ARGUMENTS + PROCESS_ARGUMENTS_MAX + 1] = {"/proc/self/exe",
                                                                     LEASH_ARGUMENT, parent};
    size_t count = LEASH_ARGUMENTS;
    for (size_t i = 0; arguments[i] != NULL; i++) {
        assert(i < PROCESS_ARGUMENTS_MAX);
        argv[count++] = arguments[i];
    }
    char **environment = environment_new();
    if (environment == NULL)
        return ERR_NO_MEMORY;
    pid_t pid = 0;
    /* posix_spawn's argv is const by promise, not by type. */
    int problem = spawn((char *const *)(uintptr_t)argv, environment, log_path, &pid);
    mem_free(environment);
    if (problem != 0) {
        errno = problem;
        return ERR_IO;
    }
    *out_pid = pid;
    return 0;
}

bool process_has_ended(pid_t pid, int *out_status)
{
    int status = 0;
    pid_t ended;
    do
        ended = waitpid(pid, &status, WNOHANG);
    while (ended < 0 && errno == EINTR);
    if (ended == 0)
        return false;
    *out_status = ended == pid ? status : -1;
    return true;
}

bool process_wait(pid_t pid, int timeout_ms, int *out_status)
{
    uint64_t began_ns = moment_now_ns();
    while (!process_has_ended(pid, out_status)) {
        if (timeout_ms >= 0 && moment_now_ns() - began_ns >= (uint64_t)timeout_ms * MOMENT_MS)
            return false;
        moment_sleep_ms(POLL_MS);
    }
    return true;
}
