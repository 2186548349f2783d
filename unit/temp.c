/* temp.c -- see temp.h. */
#define _GNU_SOURCE
#include "temp.h"

#include "unit.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

void temp_init(struct temp *t)
{
    const char *base = getenv("TMPDIR");
    int size = snprintf(t->path, sizeof(t->path), "%s/dkv-unit-XXXXXX",
                        base == NULL || base[0] == '\0' ? "/tmp" : base);
    assert_true(size > 0 && (size_t)size < sizeof(t->path));
    assert_non_null(mkdtemp(t->path));
}

static int temp_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void temp_fini(struct temp *t)
{
    assert_int_equal(nftw(t->path, temp_remove, 16, FTW_DEPTH | FTW_PHYS), 0);
}
