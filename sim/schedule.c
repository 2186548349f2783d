/* schedule.c -- see schedule.h. A heap of four children a node: fewer levels, same cache lines. */
#include "schedule.h"

#include <assert.h>
#include <stdbool.h>

#include "base/mem.h"

#define CHILDREN 4

static bool task_is_before(const struct task *a, const struct task *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

void schedule_add(struct schedule *s, struct task t)
{
    void *tasks = s->tasks;
    int err = mem_reserve(&tasks, &s->capacity, s->count + 1, sizeof(*s->tasks));
    assert(err == 0); /* The simulator does not go on without memory. */
    s->tasks = tasks;
    t.order = s->order;
    s->order++;
    size_t i = s->count;
    s->count++;
    while (i > 0) {
        size_t parent = (i - 1) / CHILDREN;
        if (!task_is_before(&t, &s->tasks[parent]))
            break;
        s->tasks[i] = s->tasks[parent];
        i = parent;
    }
    s->tasks[i] = t;
}

uint64_t schedule_next_ns(const struct schedule *s)
{
    return s->count == 0 ? UINT64_MAX : s->tasks[0].at_ns;
}

struct task schedule_take(struct schedule *s)
{
    assert(s->count > 0);
    struct task first = s->tasks[0];
    s->count--;
    struct task last = s->tasks[s->count];
    size_t i = 0;
    for (;;) {
        size_t child = i * CHILDREN + 1;
        if (child >= s->count)
            break;
        size_t end = child + CHILDREN < s->count ? child + CHILDREN : s->count;
        size_t least = child;
        for (size_t c = child + 1; c < end; c++) {
            if (task_is_before(&s->tasks[c], &s->tasks[least]))
                least = c;
        }
        if (!task_is_before(&s->tasks[least], &last))
            break;
        s->tasks[i] = s->tasks[least];
        i = least;
    }
    s->tasks[i] = last;
    return first;
}

void schedule_fini(struct schedule *s)
{
    mem_free(s->tasks);
    *s = (struct schedule){0};
}
