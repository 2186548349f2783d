/* lin_visited.c -- see lin_visited.h. */
#include "history/lin_visited.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/mem.h"

/* Words of an entry, before the words of its two sets. */
enum visited_word {
    VISITED_NEXT, /* Position of the next in the bucket, or 0. */
    VISITED_HASH, /* Of everything but the open ones. */
    VISITED_STATE,
    VISITED_FIRST,
    VISITED_SIZES, /* known_words << 32 | open_words */
    VISITED_HEAD,  /* How many these are. */
};

static struct bytes visited_bytes(const uint64_t *words, size_t count)
{
    return (struct bytes){.data = (const uint8_t *)words, .size = count * sizeof(*words)};
}

static uint64_t visited_hash(const struct lin_config *c)
{
    uint64_t seed = c->state * UINT64_C(0x9e3779b97f4a7c15) ^ c->first;
    return hash64(visited_bytes(c->known, c->known_words), seed);
}

/* Is every open operation of the entry's set in c's? */
static bool visited_is_part(const uint64_t *entry, const struct lin_config *c)
{
    size_t known_words = (size_t)(entry[VISITED_SIZES] >> 32);
    size_t open_words = (uint32_t)entry[VISITED_SIZES];
    const uint64_t *open = entry + VISITED_HEAD + known_words;
    if (open_words > c->open_words)
        return false;
    for (size_t i = 0; i < open_words; i++) {
        if ((open[i] & ~c->open[i]) != 0)
            return false;
    }
    return true;
}

static bool visited_covers(const uint64_t *entry, const struct lin_config *c, uint64_t hash)
{
    return entry[VISITED_HASH] == hash && entry[VISITED_STATE] == c->state &&
           entry[VISITED_FIRST] == c->first && entry[VISITED_SIZES] >> 32 == c->known_words &&
           bytes_equal(visited_bytes(entry + VISITED_HEAD, c->known_words),
                       visited_bytes(c->known, c->known_words)) &&
           visited_is_part(entry, c);
}

/* Twice the buckets, once there are as many entries as buckets. */
static int visited_grow(struct lin_visited *v, size_t memory_max)
{
    if (v->entry_count < v->bucket_count)
        return 0;
    size_t count = v->bucket_count == 0 ? 256 : 2 * v->bucket_count;
    if (count + v->capacity > memory_max / sizeof(uint64_t))
        return ERR_FULL;
    uint64_t *buckets = mem_alloc_zero(count * sizeof(*buckets));
    if (buckets == NULL)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < v->bucket_count; i++) {
        uint64_t at = v->buckets[i];
        while (at != 0) {
            uint64_t *entry = v->words + at;
            uint64_t next = entry[VISITED_NEXT];
            uint64_t *bucket = &buckets[entry[VISITED_HASH] & (count - 1)];
            entry[VISITED_NEXT] = *bucket;
            *bucket = at;
            at = next;
        }
    }
    mem_free(v->buckets);
    v->buckets = buckets;
    v->bucket_count = count;
    return 0;
}

/* Room for `count` more words, and word 0. */
static int visited_reserve(struct lin_visited *v, size_t count, size_t memory_max)
{
    size_t wanted = (v->size == 0 ? 1 : v->size) + count;
    size_t doubled = wanted <= v->capacity ? v->capacity : 2 * wanted;
    if (doubled + v->bucket_count > memory_max / sizeof(uint64_t))
        return ERR_FULL;
    void *words = v->words;
    TRY(mem_reserve(&words, &v->capacity, wanted, sizeof(*v->words)));
    v->words = words;
    if (v->size == 0)
        v->words[v->size++] = 0;
    return 0;
}

static void visited_append(struct lin_visited *v, const uint64_t *words, size_t count)
{
    assert(v->capacity - v->size >= count);
    if (count > 0)
        memcpy(v->words + v->size, words, count * sizeof(*words));
    v->size += count;
}

int lin_visited_add(struct lin_visited *v, const struct lin_config *c, size_t memory_max,
                    uint64_t *steps, bool *out_is_new)
{
    assert(c->known_words == 0 || c->known[c->known_words - 1] != 0);
    assert(c->open_words == 0 || c->open[c->open_words - 1] != 0);
    uint64_t hash = visited_hash(c);
    TRY(visited_grow(v, memory_max));
    uint64_t *bucket = &v->buckets[hash & (v->bucket_count - 1)];
    for (uint64_t at = *bucket; at != 0; at = v->words[at + VISITED_NEXT]) {
        (*steps)++;
        if (visited_covers(v->words + at, c, hash)) {
            *out_is_new = false;
            return 0;
        }
    }
    TRY(visited_reserve(v, VISITED_HEAD + c->known_words + c->open_words, memory_max));
    const uint64_t head[VISITED_HEAD] = {
        [VISITED_NEXT] = *bucket,
        [VISITED_HASH] = hash,
        [VISITED_STATE] = c->state,
        [VISITED_FIRST] = c->first,
        [VISITED_SIZES] = (uint64_t)c->known_words << 32 | c->open_words,
    };
    *bucket = v->size;
    visited_append(v, head, VISITED_HEAD);
    visited_append(v, c->known, c->known_words);
    visited_append(v, c->open, c->open_words);
    v->entry_count++;
    *out_is_new = true;
    return 0;
}

void lin_visited_fini(struct lin_visited *v)
{
    mem_free(v->words);
    mem_free(v->buckets);
    *v = (struct lin_visited){0};
}
