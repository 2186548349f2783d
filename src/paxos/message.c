/* message.c -- see message.h. */
#include "paxos/message.h"

#include <assert.h>

#include "base/mem.h"
#include "base/pool.h"

const char *mode_name(enum mode mode)
{
    switch (mode) {
    case MODE_CLASSIC:
        return "classic";
    case MODE_COORDINATED:
        return "coordinated";
    }
    return "unknown";
}

static size_t reports_size(uint32_t capacity)
{
    return sizeof(struct vote_reports) + capacity * sizeof(struct vote_report);
}

int reports_new(uint32_t capacity, struct vote_reports **out_reports)
{
    assert(capacity <= REPORTS_MAX);
    struct vote_reports *reports = pool_alloc(reports_size(capacity));
    if (reports == NULL)
        return ERR_NO_MEMORY;
    atomic_init(&reports->refs, 1);
    reports->count = 0;
    reports->capacity = capacity;
    *out_reports = reports;
    return 0;
}

void reports_add(struct vote_reports *reports, struct vote_report report)
{
    assert(reports->count < reports->capacity);
    assert(interval_is_valid(report.interval));
    assert(report.value != NULL);
    assert(report.value->kind == VALUE_NOOP || interval_count(report.interval) == 1);
    reports->items[reports->count] = report;
    reports->count++;
}

struct vote_reports *reports_ref(struct vote_reports *reports)
{
    if (reports != NULL)
        atomic_fetch_add_explicit(&reports->refs, 1, memory_order_relaxed);
    return reports;
}

void reports_unref(struct vote_reports *reports)
{
    if (reports == NULL)
        return;
    unsigned before = atomic_fetch_sub_explicit(&reports->refs, 1, memory_order_acq_rel);
    assert(before > 0);
    if (before > 1)
        return;
    for (uint32_t i = 0; i < reports->count; i++)
        value_unref(reports->items[i].value);
    pool_free(reports, reports_size(reports->capacity));
}

void message_fini(struct message *m)
{
    value_unref(m->value);
    reports_unref(m->reports);
    mem_free(m->hello);
    *m = (struct message){0};
}
