/* stand_in.c -- see stand_in.h. */
#define _GNU_SOURCE
#include "stand_in.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *value_of(int argc, char *const *argv, const char *flag)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], flag) == 0)
            return argv[i + 1];
    return NULL;
}

bool stand_in_is_asked(int argc, char *const *argv)
{
    return argc > 2 && strcmp(argv[1], "--id") == 0;
}

static int listen_on(const char *address)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL)
        return -1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    struct sockaddr_in at = {.sin_family = AF_INET};
    at.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 16) != 0)
        return -1;
    return fd;
}

static bool note_start(const char *directory)
{
    char path[4096];
    mkdir(directory, 0700);
    snprintf(path, sizeof(path), "%s/starts", directory);
    FILE *file = fopen(path, "ae");
    if (file == NULL)
        return false;
    fputc('x', file);
    return fclose(file) == 0;
}

static int open_files(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

int stand_in_run(int argc, char *const *argv)
{
    const char *how = getenv("STAND_IN");
    if (how == NULL)
        how = "";
    printf("files %d, DKV_ENDPOINTS %s\n", open_files(),
           getenv("DKV_ENDPOINTS") != NULL ? "set" : "not set");
    fflush(stdout);
    if (strcmp(how, "fail") == 0) {
        fputs("the disk is on fire\n", stderr);
        return 3;
    }
    if (strncmp(how, "taken:", 6) == 0 &&
        open(how + 6, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) >= 0) {
        fputs("the address is in use\n", stderr);
        return 1;
    }
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL);
    const char *directory = value_of(argc, argv, "--data-dir");
    const char *address = value_of(argc, argv, "--addr");
    if (directory == NULL || address == NULL || !note_start(directory))
        return 4;
    if (strcmp(how, "deaf") != 0 && listen_on(address) < 0)
        return 4;
    int signo;
    sigwait(&term, &signo);
    return strcmp(how, "unclean") == 0 ? 5 : 0;
}
