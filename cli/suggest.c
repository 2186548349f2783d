/* suggest.c -- see suggest.h. */
#include "cli/suggest.h"

#include <assert.h>
#include <string.h>

static size_t min_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t suggest_distance(const char *a, const char *b)
{
    size_t rows = strlen(a);
    size_t columns = strlen(b);
    assert(rows < SUGGEST_WORD_SIZE_MAX && columns < SUGGEST_WORD_SIZE_MAX);
    /* d[i][j]: from the first i letters of a to the first j of b. */
    size_t d[SUGGEST_WORD_SIZE_MAX][SUGGEST_WORD_SIZE_MAX];
    for (size_t i = 0; i <= rows; i++)
        d[i][0] = i;
    for (size_t j = 0; j <= columns; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= rows; i++) {
        for (size_t j = 1; j <= columns; j++) {
            size_t replaced = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            d[i][j] = min_of(replaced, min_of(d[i - 1][j], d[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = min_of(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[rows][columns];
}

/* The only one that begins with what was written. */
static const char *suggest_completion(const char *written, const char *const *words)
{
    const char *only = NULL;
    for (; *words != NULL; words++) {
        if (strncmp(written, *words, strlen(written)) != 0)
            continue;
        if (only != NULL)
            return NULL;
        only = *words;
    }
    return only;
}

const char *suggest_word(const char *written, const char *const *words)
{
    size_t size = strlen(written);
    if (size == 0 || size >= SUGGEST_WORD_SIZE_MAX)
        return NULL;
    const char *best = NULL;
    size_t best_distance = min_of(2, (size + 1) / 3) + 1;
    for (size_t i = 0; words[i] != NULL; i++) {
        size_t distance = suggest_distance(written, words[i]);
        if (distance < best_distance) {
            best = words[i];
            best_distance = distance;
        }
    }
    return best != NULL ? best : suggest_completion(written, words);
}
