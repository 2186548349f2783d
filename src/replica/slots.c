/* slots.c -- see slots.h. */
#include "replica/slots.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

void slots_init(struct slots *s, uint64_t first)
{
    *s = (struct slots){.first = first, .end = first};
}

static struct slot *slots_at(const struct slots *s, uint64_t number)
{
    return &s->ring[number & (s->capacity - 1)];
}

static void slot_fini(struct slot *slot)
{
    assert(slot->proposal == NULL);
    assert(slot->batch == NULL);
    acceptor_fini(&slot->acceptor);
    value_unref(slot->chosen);
#ifdef DKV_PLANTED
    acceptor_fini(&slot->on_disk);
#endif
    memset(slot, 0, sizeof(*slot));
}

void slots_fini(struct slots *s)
{
    for (uint64_t n = s->first; n < s->end; n++)
        slot_fini(slots_at(s, n));
    mem_free(s->ring);
    *s = (struct slots){0};
}

struct slot *slots_find(const struct slots *s, uint64_t number)
{
    return number < s->first || number >= s->end ? NULL : slots_at(s, number);
}

static int slots_grow(struct slots *s, uint64_t needed)
{
    size_t capacity = s->capacity == 0 ? 256 : s->capacity;
    while (capacity < needed)
        capacity *= 2;
    struct slot *ring = mem_alloc_zero(capacity * sizeof(*ring));
    if (ring == NULL)
        return ERR_NO_MEMORY;
    for (uint64_t n = s->first; n < s->end; n++)
        ring[n & (capacity - 1)] = *slots_at(s, n);
    mem_free(s->ring);
    s->ring = ring;
    s->capacity = capacity;
    return 0;
}

int slots_get(struct slots *s, uint64_t number, struct slot **out_slot)
{
    assert(number >= s->first);
    uint64_t needed = number - s->first + 1;
    if (needed > s->capacity)
        TRY(slots_grow(s, needed));
    /* What lies behind end is zero already: slots_forget leaves it so. */
    if (number >= s->end)
        s->end = number + 1;
    *out_slot = slots_at(s, number);
    return 0;
}

void slots_forget(struct slots *s, uint64_t through)
{
    while (s->first <= through && s->first < s->end) {
        slot_fini(slots_at(s, s->first));
        s->first++;
    }
    if (s->first <= through) {
        s->first = through + 1;
        s->end = s->first;
    }
}
