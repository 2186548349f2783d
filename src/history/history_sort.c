/* history_sort.c -- see history_sort.h. */
#include "history/history_sort.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

static void history_sort_merge(const uint32_t *from, uint32_t *to, size_t middle, size_t count,
                               history_sort_cmp *cmp, const void *context)
{
    size_t left = 0;
    size_t right = middle;
    for (size_t i = 0; i < count; i++) {
        bool take_left =
            right == count || (left < middle && cmp(context, from[left], from[right]) <= 0);
        to[i] = take_left ? from[left++] : from[right++];
    }
}

int history_sort(uint32_t *numbers, size_t count, history_sort_cmp *cmp, const void *context)
{
    if (count < 2)
        return 0;
    uint32_t *other = mem_alloc(count * sizeof(*other));
    if (other == NULL)
        return ERR_NO_MEMORY;
    uint32_t *from = numbers;
    uint32_t *to = other;
    for (size_t run = 1; run < count; run *= 2) {
        for (size_t start = 0; start < count; start += 2 * run) {
            size_t left = count - start;
            size_t n = left < 2 * run ? left : 2 * run;
            history_sort_merge(from + start, to + start, n < run ? n : run, n, cmp, context);
        }
        uint32_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != numbers)
        memcpy(numbers, from, count * sizeof(*numbers));
    mem_free(other);
    return 0;
}
