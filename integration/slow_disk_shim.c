/*
 * slow_disk_shim.c -- a disk as slow as a test wants it, for one process (LD_PRELOAD).
 *
 *     SLOW_DISK_FILE=FILE LD_PRELOAD=slow_disk_shim.so dkv-node ...
 *
 * FILE holds a struct shim, which both sides map. Each sync takes delay_ns longer than the disk
 * needs, from the moment on in which the test sets it. Syncs are counted, so that a test sees that
 * they came here.
 *
 * Covered is what nodes call (`nm -D --undefined-only` on dkv-node and liblmdb): fdatasync for the
 * log and for LMDB's pages, fsync for folders and new files. Not covered: msync, which LMDB calls
 * with MDB_WRITEMAP only, and the write of LMDB's meta page, which goes through a descriptor with
 * O_DSYNC, right behind an fdatasync.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS INT64_C(1000000000)

/* Known to slow_disk_test.py as well. */
struct shim {
    _Atomic int64_t delay_ns; /* Written by the test only; >= 0. */
    _Atomic int64_t syncs;    /* That this process has begun. */
};

static struct shim *shim;
static int (*libc_fdatasync)(int);
static int (*libc_fsync)(int);

static void fail(const char *what)
{
    fprintf(stderr, "slow_disk_shim: %s\n", what);
    abort();
}

/* Nobody syncs before main. */
__attribute__((constructor)) static void shim_start(void)
{
    *(void **)&libc_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    *(void **)&libc_fsync = dlsym(RTLD_NEXT, "fsync");
    if (libc_fdatasync == NULL || libc_fsync == NULL)
        fail("libc has no fdatasync, or no fsync");
    const char *path = getenv("SLOW_DISK_FILE");
    int file = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0)
        fail("SLOW_DISK_FILE cannot be opened");
    void *map = mmap(NULL, sizeof(*shim), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (map == MAP_FAILED)
        fail("SLOW_DISK_FILE cannot be mapped");
    close(file);
    shim = map;
}

/* Before the sync: what is durable stays unknown for as long. No signal of ours ends it early. */
static void be_slow(void)
{
    atomic_fetch_add(&shim->syncs, 1);
    int64_t delay_ns = atomic_load(&shim->delay_ns);
    struct timespec t = {.tv_sec = delay_ns / SECOND_NS, .tv_nsec = delay_ns % SECOND_NS};
    nanosleep(&t, NULL);
}

/* libc's declarations name these functions' parameters as only libc may.
   NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */

int fdatasync(int file)
{
    be_slow();
    return libc_fdatasync(file);
}

int fsync(int file)
{
    be_slow();
    return libc_fsync(file);
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
