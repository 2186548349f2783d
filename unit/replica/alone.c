/* alone.c -- see alone.h. */
#include "alone.h"

#include "../unit.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

static void alone_kill(struct bench *b, bool dead)
{
    for (uint32_t i = 1; i < b->count; i++)
        b->dead[i] = dead;
}

struct bench *alone_open(uint32_t count)
{
    struct bench *b = bench_open_coordinated(count);
    alone_kill(b, true);
    bench_sync(b, 0);
    bench_tick(b, 0);
    alone_forget(b);
    return b;
}

struct bench *alone_open_busy(void)
{
    struct bench *b = alone_open(3);
    for (uint32_t node = 1; node <= 2; node++)
        bench_say(b, node, 0,
                  (struct message){.kind = MESSAGE_SKIP, .interval = interval_one(node)});
    bench_put(b, 0, 0, "k", "v");
    alone_run(b, 2);
    struct message voted = {.kind = MESSAGE_VOTED, .interval = interval_one(3)};
    voted.ballot = alone_ballot(0, 0);
    bench_say(b, 1, 0, voted);
    struct replica_status status = alone_status(b);
    assert_int_equal(status.applied, 3);
    assert_int_equal(status.position, 6);
    alone_forget(b);
    return b;
}

/* They would hear of slots that the test used in their names. */
static bool alone_lose_all_of_0(const struct bench *b, const struct bench_letter *letter)
{
    (void)b;
    return letter->from == 0;
}

void alone_restart(struct bench *b)
{
    alone_forget(b);
    alone_kill(b, false);
    bool (*lose)(const struct bench *, const struct bench_letter *) = b->lose;
    b->lose = alone_lose_all_of_0;
    bench_restart(b, 0);
    for (uint32_t i = 1; i < b->count; i++) /* So they say Hello. */
        bench_step(b, i, (struct event){.kind = EVENT_PEER_UP, .peer = 0});
    bench_deliver(b);
    b->lose = lose;
    alone_kill(b, true);
    bench_sync(b, 0);
    alone_forget(b);
}

void alone_run(struct bench *b, uint64_t ms)
{
    for (uint64_t i = 0; i < ms; i++) {
        b->now_ns += MS;
        bench_tick(b, 0);
        if (!b->stalled[0])
            bench_sync(b, 0);
    }
}

struct ballot alone_ballot(uint64_t round, uint32_t node)
{
    return (struct ballot){.round = round, .node = node + 1, .boot = 1};
}

struct interval alone_thirds(uint64_t first, uint64_t last)
{
    return (struct interval){.first = first, .last = last, .stride = 3};
}

struct value *alone_value(uint32_t node, uint64_t sequence, size_t bytes)
{
    uint8_t *data = mem_alloc_zero(bytes);
    assert_non_null(data);
    struct command c = {.kind = COMMAND_PUT, .key = bytes_of("k"), .value = {data, bytes}};
    struct buf encoded = {0};
    assert_int_equal(command_encode(&c, &encoded), 0);
    struct tag tag = {.node = node + 1, .boot = 1, .sequence = sequence};
    struct value *v = NULL;
    assert_int_equal(value_new(VALUE_BATCH, tag, buf_bytes(&encoded), &v), 0);
    buf_fini(&encoded);
    mem_free(data);
    return v;
}

void alone_accept(struct bench *b, uint32_t from, uint64_t round, uint64_t slot, struct value *v,
                  struct interval passed_over)
{
    struct message m = {
        .kind = MESSAGE_ACCEPT,
        .slot = slot,
        .ballot = alone_ballot(round, from),
        .interval = passed_over,
        .value = v,
    };
    bench_say(b, from, 0, m);
}

void alone_propose(struct bench *b, uint64_t slot)
{
    uint32_t coordinator = (uint32_t)(slot % b->count);
    assert(coordinator != 0);
    struct value *v = alone_value(coordinator, slot, 1);
    alone_accept(b, coordinator, 0, slot, v, (struct interval){0});
    value_unref(v);
}

static bool alone_is(const struct bench_letter *letter, uint32_t to, enum message_kind kind)
{
    return letter->from == 0 && letter->to == to && letter->message.kind == kind;
}

uint32_t alone_count(const struct bench *b, uint32_t to, enum message_kind kind)
{
    uint32_t count = 0;
    for (size_t i = 0; i < b->queue_count; i++)
        count += alone_is(&b->queue[i], to, kind);
    return count;
}

const struct message *alone_said(const struct bench *b, uint32_t to, enum message_kind kind)
{
    for (size_t i = b->queue_count; i > 0; i--) {
        if (alone_is(&b->queue[i - 1], to, kind))
            return &b->queue[i - 1].message;
    }
    return NULL;
}

void alone_forget(struct bench *b)
{
    bench_deliver(b); /* To the dead. */
}

uint64_t alone_wait(struct bench *b, uint32_t to, enum message_kind kind, uint64_t max_ms)
{
    uint64_t ms = 0;
    for (; ms < max_ms && alone_said(b, to, kind) == NULL; ms++)
        alone_run(b, 1);
    assert_non_null(alone_said(b, to, kind));
    return ms;
}

struct slot_view alone_slot(const struct bench *b, uint64_t slot)
{
    struct slot_view view;
    replica_get_slot(b->nodes[0], slot, &view);
    return view;
}

struct replica_status alone_status(const struct bench *b)
{
    struct replica_status status;
    replica_get_status(b->nodes[0], &status);
    return status;
}

bool alone_is_noop(const struct bench *b, uint64_t slot)
{
    struct slot_view view = alone_slot(b, slot);
    return view.chosen != NULL && view.chosen->kind == VALUE_NOOP;
}

void alone_assert_interval(struct interval i, struct interval expected)
{
    assert_int_equal(i.first, expected.first);
    assert_int_equal(i.last, expected.last);
    if (expected.first != expected.last)
        assert_int_equal(i.stride, expected.stride);
}
