/*
 * bounds_test.c -- memory stays bounded: when a node learns faster than its disk writes, when its
 * disk stands still, when clients send large values.
 *
 * One node of three is under test; the other two are dead, and the test speaks for them.
 */
#include "../unit.h"

#include <string.h>

#include "bench.h"

#define KIB ((size_t)1 << 10)
#define VALUE_KIB 60

/* Node 1 alone. */
static struct bench *open_alone(const struct replica_tuning *tuning, enum mode mode)
{
    struct bench *b = bench_open_tuned(3, tuning, mode);
    b->dead[1] = true;
    b->dead[2] = true;
    return b;
}

/* A batch of node 2's: one put of VALUE_KIB. */
static struct value *value_of(uint64_t sequence)
{
    static uint8_t bytes[VALUE_KIB * KIB];
    struct command c = {
        .kind = COMMAND_PUT,
        .key = bytes_of("k"),
        .value = {.data = bytes, .size = sizeof(bytes)},
    };
    struct buf encoded = {0};
    assert_int_equal(command_encode(&c, &encoded), 0);
    struct tag tag = {.node = 2, .boot = 1, .sequence = sequence};
    struct value *v = NULL;
    assert_int_equal(value_new(VALUE_BATCH, tag, buf_bytes(&encoded), &v), 0);
    buf_fini(&encoded);
    return v;
}

static void say(struct bench *b, struct message m)
{
    m.ballot = (struct ballot){.round = 1, .node = 2, .boot = 1};
    bench_say(b, 1, 0, m);
}

static void say_value(struct bench *b, enum message_kind kind, uint64_t slot)
{
    struct value *v = value_of(slot);
    say(b, (struct message){.kind = kind, .slot = slot, .tag = v->tag, .value = v});
    value_unref(v);
}

static void checkpointed(struct bench *b, uint64_t slot)
{
    bench_step(b, 0, (struct event){.kind = EVENT_CHECKPOINTED, .slot = slot});
}

static uint64_t applied(const struct bench *b)
{
    return machine_applied(replica_machine(b->nodes[0]));
}

static void catching_up_waits_for_the_checkpoint(void **state)
{
    enum mode mode = *(const enum mode *)*state;
    struct replica_tuning tuning = replica_tuning_default;
    tuning.checkpoint_bytes = 64 * KIB;
    tuning.log_bytes_max = 1024 * KIB;
    struct bench *b = open_alone(&tuning, mode);
    struct progress progress = {.boot = 1, .applied = 10000, .chosen_to = 10000, .frontier = 10000};
    say(b, (struct message){.kind = MESSAGE_HEARTBEAT, .progress = progress});
    bench_tick(b, 0);
    assert_int_equal(b->sent[MESSAGE_FETCH], 1);

    uint64_t slot = 1;
    while ((slot - 1) * VALUE_KIB <= 1024)
        say_value(b, MESSAGE_CHOSEN, slot++);
    assert_int_equal(applied(b), slot - 1);
    say(b, (struct message){.kind = MESSAGE_CHOSEN, .slot = slot});
    for (int i = 0; i < 1000; i++) {
        b->now_ns += MS;
        bench_tick(b, 0);
        bench_sync(b, 0);
    }
    assert_int_equal(b->sent[MESSAGE_FETCH], 1);

    checkpointed(b, slot - 1);
    bench_tick(b, 0);
    assert_int_equal(b->sent[MESSAGE_FETCH], 2);
    bench_close(b);
}

/* A small log, and a checkpoint under way: of slots 1 and 2. */
static struct bench *open_with_a_checkpoint(enum mode mode)
{
    struct replica_tuning tuning = replica_tuning_default;
    tuning.checkpoint_bytes = 64 * KIB;
    tuning.log_bytes_max = 256 * KIB;
    struct bench *b = open_alone(&tuning, mode);
    say_value(b, MESSAGE_LEARN, 1);
    say_value(b, MESSAGE_LEARN, 2);
    bench_tick(b, 0);
    bench_sync(b, 0);
    return b;
}

static void what_is_learnt_waits_for_the_checkpoint(void **state)
{
    struct bench *b = open_with_a_checkpoint(*(const enum mode *)*state);
    for (uint64_t slot = 3; slot <= 100; slot++)
        say_value(b, MESSAGE_LEARN, slot);
    uint64_t held = applied(b);
    assert_true(held * VALUE_KIB >= 512 && held * VALUE_KIB < 640);

    checkpointed(b, 2);
    say_value(b, MESSAGE_LEARN, held + 1);
    assert_int_equal(applied(b), held + 1);
    bench_close(b);
}

static bool has_voted(const struct bench *b, uint64_t slot)
{
    struct slot_view view;
    replica_get_slot(b->nodes[0], slot, &view);
    return view.vote != NULL;
}

static void what_others_propose_waits_for_the_checkpoint(void **state)
{
    struct bench *b = open_with_a_checkpoint(*(const enum mode *)*state);
    uint64_t slot = 3;
    for (say_value(b, MESSAGE_ACCEPT, slot); has_voted(b, slot); slot++)
        say_value(b, MESSAGE_ACCEPT, slot + 1);
    assert_in_range(slot * VALUE_KIB, 512, 640);

    checkpointed(b, 2);
    say_value(b, MESSAGE_ACCEPT, slot);
    assert_true(has_voted(b, slot));
    bench_close(b);
}

/* What no checkpoint can make room for must not keep out the very slot that would. */
static void a_full_log_takes_the_slot_that_all_others_wait_for(void **state)
{
    enum mode mode = *(const enum mode *)*state;
    struct replica_tuning tuning = replica_tuning_default;
    tuning.log_bytes_max = 64 * KIB;
    struct bench *b = open_alone(&tuning, mode);
    for (uint64_t slot = 2; slot <= 6; slot++)
        say_value(b, MESSAGE_ACCEPT, slot);
    say_value(b, MESSAGE_ACCEPT, 1);
    struct slot_view view;
    replica_get_slot(b->nodes[0], 1, &view);
    assert_non_null(view.vote);
    for (uint64_t slot = 1; slot <= 6; slot++)
        say_value(b, MESSAGE_LEARN, slot);
    assert_int_equal(applied(b), 6);
    bench_close(b);
}

static void a_disk_that_stands_still_is_asked_for_no_more_votes(void **state)
{
    enum mode mode = *(const enum mode *)*state;
    struct bench *b = open_alone(&replica_tuning_default, mode);
    struct message prepare = {.kind = MESSAGE_PREPARE, .slot = 1};
    if (mode == MODE_COORDINATED)
        prepare = (struct message){.kind = MESSAGE_PREPARE_RANGE, .interval = interval_one(1)};
    prepare.ballot = (struct ballot){.node = 2, .boot = 1};
    for (uint64_t round = 1; round <= 100000; round++) {
        prepare.ballot.round = round;
        bench_say(b, 1, 0, prepare);
    }
    struct slot_view view;
    replica_get_slot(b->nodes[0], 1, &view);
    assert_in_range(view.promised.round, 1024, 70000);
    struct message noop = {.kind = MESSAGE_ACCEPT_NOOP, .interval = interval_one(4)};
    say_value(b, MESSAGE_ACCEPT, 2);
    say(b, noop);
    assert_false(has_voted(b, 2) || has_voted(b, 4));
    bench_sync(b, 0);
    say_value(b, MESSAGE_ACCEPT, 2);
    say(b, noop);
    assert_true(has_voted(b, 2));
    assert_true(has_voted(b, 4) == (mode == MODE_COORDINATED));
    bench_say(b, 1, 0, prepare);
    replica_get_slot(b->nodes[0], 1, &view);
    assert_int_equal(view.promised.round, 100000);
    bench_close(b);
}

/* Nor do answers pile up that need no write: refusals, votes said again, what is known of slots. */
static void a_disk_that_stands_still_answers_only_so_much(void **state)
{
    enum mode mode = *(const enum mode *)*state;
    struct replica_tuning tuning = replica_tuning_default;
    tuning.replies_max = 100;
    struct bench *b = open_alone(&tuning, mode);
    bool coordinated = mode == MODE_COORDINATED;
    struct message prepare = {.kind = MESSAGE_PREPARE, .slot = 1};
    if (coordinated)
        prepare = (struct message){.kind = MESSAGE_PREPARE_RANGE, .interval = interval_one(1)};
    prepare.ballot = (struct ballot){.round = 9, .node = 2, .boot = 1};
    bench_say(b, 1, 0, prepare);
    for (uint32_t i = 0; i < 300; i++) {
        say_value(b, MESSAGE_ACCEPT, 2); /* A vote; then the same again. */
        say_value(b, MESSAGE_ACCEPT, 1); /* Refused. */
        if (coordinated)
            bench_say(b, 1, 0, (struct message){.kind = MESSAGE_ASK, .interval = interval_one(2)});
    }
    uint64_t before = b->queue_count;
    bench_sync(b, 0);
    assert_in_range(b->queue_count - before, 100, 110);
    say_value(b, MESSAGE_ACCEPT, 1);
    assert_in_range(b->queue_count - before, 101, 111);
    bench_close(b);
}

static void large_values_fill_the_pipeline_by_their_bytes(void **state)
{
    enum mode mode = *(const enum mode *)*state;
    struct bench *b = open_alone(&replica_tuning_default, mode);
    static uint8_t bytes[1024 * KIB];
    struct command c = {
        .kind = COMMAND_PUT,
        .key = bytes_of("k"),
        .value = {.data = bytes, .size = sizeof(bytes)},
    };
    struct buf encoded = {0};
    assert_int_equal(command_encode(&c, &encoded), 0);
    for (int i = 0; i < 32; i++) {
        struct replica_op op = {
            .kind = OP_WRITE, .deadline_ns = UINT64_MAX, .command = buf_bytes(&encoded)};
        bench_step(b, 0, (struct event){.kind = EVENT_OP, .op = &op});
    }
    buf_fini(&encoded);
    bench_tick(b, 0);
    bench_sync(b, 0); /* Slots are reserved. */
    for (int ms = 0; ms < 5; ms++) {
        b->now_ns += MS;
        bench_tick(b, 0);
    }
    enum message_kind kind = mode == MODE_CLASSIC ? MESSAGE_PREPARE : MESSAGE_ACCEPT;
    assert_in_range(b->sent[kind] / 2, 4, 8);
    bench_close(b);
}

/* How many ms a cluster of one takes for `count` large puts, one after the other. */
static unsigned puts_take(struct bench *b, unsigned count)
{
    static char bytes[VALUE_KIB * KIB];
    static uint64_t handle;
    memset(bytes, 'v', sizeof(bytes) - 1);
    uint64_t began_ns = b->now_ns;
    for (unsigned i = 0; i < count; i++) {
        handle = handle % (BENCH_ANSWERS - 1) + 1;
        b->answers[handle].given = false;
        bench_put(b, 0, handle, "k", bytes);
        while (!b->answers[handle].given)
            bench_run(b, 1);
        assert_int_equal(b->answers[handle].status, ANSWER_OK);
    }
    return (unsigned)((b->now_ns - began_ns) / MS);
}

/* From a quarter of the bound on, slower and slower, until a checkpoint has made room. */
static void writes_slow_down_before_the_log_is_full(void **state)
{
    enum mode mode = *(const enum mode *)*state;
    struct replica_tuning tuning = replica_tuning_default;
    tuning.checkpoint_bytes = 900 * KIB;
    tuning.log_bytes_max = 4096 * KIB;
    struct bench *b = bench_open_tuned(1, &tuning, mode);
    (void)puts_take(b, 1); /* The first one waits for slots to be reserved. */
    unsigned fast = puts_take(b, 10);
    assert_int_equal(b->frozen_slot[0], 0);
    (void)puts_take(b, 9);
    assert_int_not_equal(b->frozen_slot[0], 0);
    unsigned slower = puts_take(b, 10);
    (void)puts_take(b, 15);
    unsigned slowest = puts_take(b, 10);
    assert_true(slower >= 2 * fast && slowest >= 2 * slower && slowest < 10 * 100);
    /* What brings nothing does not wait. */
    bench_get(b, 0, 0, "k");
    bench_run(b, 3);
    assert_true(b->answers[0].given);

    checkpointed(b, b->frozen_slot[0]);
    b->checkpoints = true;
    (void)puts_take(b, 2);
    assert_int_equal(puts_take(b, 10), fast);
    bench_close(b);
}

/* 20,000 slots are not forgotten in one turn of the loop, or it would stand still. */
static void what_a_checkpoint_covers_is_forgotten_little_by_little(void **state)
{
    enum mode mode = *(const enum mode *)*state;
    struct bench *b = open_alone(&replica_tuning_default, mode);
    const uint64_t slots = 20000;
    for (uint64_t slot = 1; slot <= slots && mode == MODE_CLASSIC; slot++)
        say(b, (struct message){.kind = MESSAGE_LEARN, .slot = slot});
    if (mode == MODE_COORDINATED) {
        struct interval all = {.first = 1, .last = slots, .stride = 1};
        say(b, (struct message){.kind = MESSAGE_LEARN_NOOP, .interval = all});
        say(b, (struct message){.kind = MESSAGE_ASK, .interval = interval_one(slots)});
        bench_tick(b, 0);
    }
    assert_int_equal(applied(b), slots);
    bench_tick(b, 0);
    bench_sync(b, 0);
    b->now_ns += 11000 * MS;
    bench_tick(b, 0);
    bench_sync(b, 0);
    assert_int_equal(b->frozen_slot[0], slots);

    checkpointed(b, slots);
    uint64_t first = 1; /* That is still in memory. */
    int turns = 0;
    for (; first <= slots; turns++) {
        struct slot_view view = {0};
        uint64_t before = first;
        for (; first <= slots && !view.in_memory; first += !view.in_memory)
            replica_get_slot(b->nodes[0], first, &view);
        assert_in_range(first - before, 1, 1000);
        bench_tick(b, 0);
    }
    assert_in_range(turns, 20, 100);
    struct replica_status status;
    replica_get_status(b->nodes[0], &status);
    assert_int_equal(status.durable_applied, slots);
    bench_close(b);
}

/* Nodes without clients skip their slots: that is no reason to write anything. */
static void skipped_slots_ask_for_no_checkpoint(void **state)
{
    (void)state;
    struct replica_tuning tuning = replica_tuning_default;
    tuning.checkpoint_slots = 100;
    struct bench *b = bench_open_tuned(3, &tuning, MODE_COORDINATED);
    for (uint64_t i = 0; i < 99; i++) {
        bench_put(b, 0, i, "k", "v");
        while (!b->answers[i].given)
            bench_run(b, 1);
    }
    assert_true(applied(b) >= 280);
    assert_int_equal(b->frozen_slot[0], 0);
    bench_put(b, 0, 99, "k", "v");
    bench_run(b, 5);
    assert_true(b->frozen_slot[0] >= 280);
    bench_close(b);
}

/* But their number is one in the end: who starts again reads all of them. */
static void many_skipped_slots_ask_for_a_checkpoint(void **state)
{
    (void)state;
    struct replica_tuning tuning = replica_tuning_default;
    tuning.checkpoint_slots = 100;
    struct bench *b = bench_open_tuned(3, &tuning, MODE_COORDINATED);
    uint64_t puts = 0;
    /* Each write lies behind what its node has skipped ahead. */
    while (puts < 90 && b->frozen_slot[0] == 0) {
        bench_put(b, puts % 2, puts, "k", "v");
        bench_run(b, 60);
        puts++;
    }
    assert_in_range(b->frozen_slot[0], 800, 1000);
    bench_close(b);
}

/* A log that is full of what is not decided yet: to refuse operations would leave it so for ever.
 */
static void an_undecided_log_is_no_reason_to_refuse(void **state)
{
    enum mode mode = *(const enum mode *)*state;
    struct replica_tuning tuning = replica_tuning_default;
    tuning.log_bytes_max = 64;
    struct bench *b = bench_open_tuned(3, &tuning, mode);
    for (uint64_t i = 0; i < 3; i++)
        bench_put(b, 0, i, "k", "v");
    bench_run(b, 1000);
    for (uint64_t i = 0; i < 3; i++) {
        assert_true(b->answers[i].given);
        assert_int_equal(b->answers[i].status, ANSWER_OK);
    }
    bench_close(b);
}

/* The mode is the test's state. */
static enum mode classic = MODE_CLASSIC;
static enum mode coordinated = MODE_COORDINATED;
#define IN_BOTH_MODES(name)                                            \
    {#name " in classic mode", (name), NULL, NULL, &classic},          \
    {                                                                  \
#name " in coordinated mode", (name), NULL, NULL, &coordinated \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOTH_MODES(catching_up_waits_for_the_checkpoint),
        IN_BOTH_MODES(what_is_learnt_waits_for_the_checkpoint),
        IN_BOTH_MODES(what_others_propose_waits_for_the_checkpoint),
        IN_BOTH_MODES(a_full_log_takes_the_slot_that_all_others_wait_for),
        IN_BOTH_MODES(a_disk_that_stands_still_is_asked_for_no_more_votes),
        IN_BOTH_MODES(a_disk_that_stands_still_answers_only_so_much),
        IN_BOTH_MODES(large_values_fill_the_pipeline_by_their_bytes),
        IN_BOTH_MODES(writes_slow_down_before_the_log_is_full),
        IN_BOTH_MODES(what_a_checkpoint_covers_is_forgotten_little_by_little),
        cmocka_unit_test(skipped_slots_ask_for_no_checkpoint),
        cmocka_unit_test(many_skipped_slots_ask_for_a_checkpoint),
        IN_BOTH_MODES(an_undecided_log_is_no_reason_to_refuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
