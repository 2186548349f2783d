/*
 * suggest.h -- what a person may have meant.
 */
#ifndef DKV_CLI_SUGGEST_H
#define DKV_CLI_SUGGEST_H

#include <stddef.h>

#define SUGGEST_WORD_SIZE_MAX 32 /* Longer words resemble nothing. */

/*
 * Letters to insert, remove, replace, or swap with their neighbour to make one word of the other
 * (optimal string alignment). Both are shorter than SUGGEST_WORD_SIZE_MAX.
 */
size_t suggest_distance(const char *a, const char *b);

/*
 * The word that is nearest to what was written, of those that a person may have meant: at most two
 * letters off and about one in three, else the only one that begins so. NULL: none. words ends with
 * NULL.
 */
const char *suggest_word(const char *written, const char *const *words);

#endif
