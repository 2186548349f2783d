/* directory.c -- see directory.h. */
#define _GNU_SOURCE
#include "store/directory.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int directory_join(const char *dir, const char *name, char out[STORE_PATH_MAX],
                   struct store_error *error)
{
    size_t size = strlen(dir);
    if (size == 0 || size > DIRECTORY_PATH_MAX)
        return store_error_set(error, ERR_INVALID,
                               "the path of the data directory must have 1 to %d bytes",
                               DIRECTORY_PATH_MAX);
    int written = snprintf(out, STORE_PATH_MAX, "%s/%s", dir, name);
    assert(written > 0 && written < STORE_PATH_MAX);
    return 0;
}

int directory_sync(const char *path, struct store_error *error)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return store_error_set(error, ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    int err = 0;
    if (fsync(fd) != 0)
        err = store_error_set(error, ERR_IO, "%s: cannot sync: %s", path, strerror(errno));
    (void)close(fd);
    return err;
}

/* One level. A name that is new must be durable in the directory above. */
static int directory_create_one(const char *path, struct store_error *error)
{
    if (mkdir(path, 0700) != 0) {
        if (errno == EEXIST)
            return 0;
        return store_error_set(error, ERR_IO, "%s: cannot make the directory: %s", path,
                               strerror(errno));
    }
    char parent[STORE_PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t size = slash == NULL ? 0 : (size_t)(slash - path);
    if (slash == NULL)
        memcpy(parent, ".", 2);
    else if (size == 0)
        memcpy(parent, "/", 2);
    else {
        memcpy(parent, path, size);
        parent[size] = '\0';
    }
    return directory_sync(parent, error);
}

int directory_create(const char *path, struct store_error *error)
{
    char part[STORE_PATH_MAX];
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/')
        size--;
    if (size == 0 || size >= sizeof(part))
        return store_error_set(error, ERR_INVALID, "the path of the data directory is %s",
                               size == 0 ? "empty" : "too long");
    for (size_t end = 1; end <= size; end++) {
        if (end < size && path[end] != '/')
            continue;
        if (path[end - 1] == '/')
            continue; /* Two slashes in a row. */
        memcpy(part, path, end);
        part[end] = '\0';
        TRY(directory_create_one(part, error));
    }
    return 0;
}

static int directory_busy(const char *dir, int fd, struct store_error *error)
{
    char pid[16] = "";
    ssize_t size = pread(fd, pid, sizeof(pid) - 1, 0);
    pid[size > 0 ? size : 0] = '\0';
    return store_error_set(error, ERR_BUSY,
                           "%s: in use by process %ld: each node needs a directory of its own; "
                           "stop that process, or give another directory",
                           dir, strtol(pid, NULL, 10));
}

int directory_lock(const char *dir, bool create, int *out_fd, struct store_error *error)
{
    char path[STORE_PATH_MAX];
    TRY(directory_join(dir, "lock", path, error));
    int fd = open(path, create ? O_RDWR | O_CREAT | O_CLOEXEC : O_RDONLY | O_CLOEXEC, 0600);
    if (fd < 0 && errno == ENOENT && !create)
        return store_error_set(error, ERR_NOT_FOUND, "%s: this is not a data directory of dkv",
                               dir);
    if (fd < 0)
        return store_error_set(error, ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    int err = 0;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        err = errno == EWOULDBLOCK
                  ? directory_busy(dir, fd, error)
                  : store_error_set(error, ERR_IO, "%s: cannot lock: %s", path, strerror(errno));
    /* Only for the words of directory_busy. */
    else if (create && (ftruncate(fd, 0) != 0 || dprintf(fd, "%ld\n", (long)getpid()) < 0))
        err = store_error_set(error, ERR_IO, "%s: cannot write: %s", path, strerror(errno));
    if (err != 0) {
        (void)close(fd);
        return err;
    }
    *out_fd = fd;
    return 0;
}

bool directory_has_data(const char *dir, const char *name)
{
    char path[STORE_PATH_MAX + 16];
    struct stat st;
    (void)snprintf(path, sizeof(path), "%s/%s/data.mdb", dir, name);
    return stat(path, &st) == 0 && st.st_size > 0;
}
