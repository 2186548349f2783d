/* input.c -- see input.h. */
#define _GNU_SOURCE
#include "cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define INPUT_CHUNK 65536

static int input_read_all(int fd, size_t size_max, struct buf *out)
{
    for (;;) {
        TRY(buf_reserve(out, INPUT_CHUNK));
        ssize_t got = read(fd, out->data + out->size, INPUT_CHUNK);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return ERR_IO;
        if (got == 0)
            return 0;
        out->size += (size_t)got;
        if (out->size > size_max)
            return ERR_FULL;
    }
}

int input_read(const char *path, size_t size_max, struct buf *out)
{
    if (strcmp(path, "-") == 0)
        return input_read_all(STDIN_FILENO, size_max, out);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ERR_IO;
    int err = input_read_all(fd, size_max, out);
    int saved = errno;
    close(fd);
    errno = saved;
    return err;
}
