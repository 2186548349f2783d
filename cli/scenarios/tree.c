/* tree.c -- see tree.h. */
#define _GNU_SOURCE
#include "cli/scenarios/tree.h"

#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define TAIL_SIZE_MAX 65536
#define OPEN_FILES_MAX 16

int tree_make(char *out_path, size_t size)
{
    const char *parent = getenv("TMPDIR");
    if (parent == NULL || *parent == '\0')
        parent = "/tmp";
    int length = snprintf(out_path, size, "%s/dkv-cluster-XXXXXX", parent);
    if (length < 0 || (size_t)length >= size) {
        errno = ENAMETOOLONG;
        return ERR_IO;
    }
    return mkdtemp(out_path) != NULL ? 0 : ERR_IO;
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *where)
{
    (void)about;
    (void)type;
    (void)where;
    return remove(path);
}

int tree_remove(const char *path)
{
    /* Children before their parent; a link itself, never what it points at. */
    return nftw(path, remove_one, OPEN_FILES_MAX, FTW_DEPTH | FTW_PHYS) == 0 ? 0 : ERR_IO;
}

/* The place in text[0..size) where its last `lines` lines begin. */
static size_t tail_begin(const char *text, size_t size, uint32_t lines)
{
    size_t at = size;
    if (at > 0 && text[at - 1] == '\n')
        at--;
    for (; at > 0; at--)
        if (text[at - 1] == '\n' && --lines == 0)
            break;
    return at;
}

static void print_lines(const char *text, size_t size, const char *prefix, FILE *out)
{
    while (size > 0) {
        const char *end = memchr(text, '\n', size);
        size_t length = end != NULL ? (size_t)(end - text) : size;
        fprintf(out, "%s%.*s\n", prefix, (int)length, text);
        length += end != NULL;
        text += length;
        size -= length;
    }
}

void tree_print_tail(const char *path, const char *prefix, uint32_t lines, FILE *out)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    char *text = mem_alloc(TAIL_SIZE_MAX);
    if (text != NULL && lines > 0) {
        if (fseek(file, -TAIL_SIZE_MAX, SEEK_END) != 0)
            rewind(file);
        size_t size = fread(text, 1, TAIL_SIZE_MAX, file);
        size_t begin = tail_begin(text, size, lines);
        print_lines(text + begin, size - begin, prefix, out);
    }
    mem_free(text);
    fclose(file);
}
