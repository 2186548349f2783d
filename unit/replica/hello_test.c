/*
 * hello_test.c -- who may talk, and who may vote: docs/protocol.md, section 1, "Identity".
 */
#include "../unit.h"

#include <string.h>

#include "bench.h"

/* What node `index` of the bench says. */
static struct hello hello_of(const struct bench *b, uint32_t index)
{
    struct hello h = {
        .protocol_version = PROTOCOL_VERSION,
        .mode = MODE_CLASSIC,
        .cluster = "dkv",
        .id = index + 1,
        .boot = 1,
        .life = 1,
    };
    h.members.count = b->count;
    for (uint32_t i = 0; i < b->count; i++)
        h.members.ids[i] = i + 1;
    memset(h.disk_id, (int)index + 1, DISK_ID_SIZE);
    return h;
}

/* On a stream of its own, by index 1 to node 0. */
static void say_hello(struct bench *b, uint64_t link, struct hello *h)
{
    struct message m = {.kind = MESSAGE_HELLO, .hello = h};
    bench_step(b, 0, (struct event){.kind = EVENT_MESSAGE, .peer = 1, .link = link, .message = &m});
}

static void say_prepare(struct bench *b, uint64_t link, uint64_t round)
{
    struct message m = {
        .kind = MESSAGE_PREPARE,
        .slot = 1,
        .ballot = {.round = round, .node = 2, .boot = 1},
    };
    bench_step(b, 0, (struct event){.kind = EVENT_MESSAGE, .peer = 1, .link = link, .message = &m});
    bench_sync(b, 0);
}

static struct replica_status status_of(const struct bench *b, uint32_t node)
{
    struct replica_status status;
    replica_get_status(b->nodes[node], &status);
    return status;
}

/* Behind the last message of a kind that waits to be delivered; 0: there is none. */
static size_t sent(const struct bench *b, enum message_kind kind)
{
    size_t i = b->queue_count;
    while (i > 0 && b->queue[i - 1].message.kind != kind)
        i--;
    return i;
}

static const struct message *last_sent(const struct bench *b, enum message_kind kind)
{
    assert_true(sent(b, kind) > 0);
    return &b->queue[sent(b, kind) - 1].message;
}

/* ---- Refusals ------------------------------------------------------------------------------ */

static void check_refused(struct hello *h, struct bench *b, enum refusal expected)
{
    say_hello(b, 9, h);
    assert_int_equal(b->notice.kind, NOTICE_PEER_REFUSED);
    assert_int_equal(b->notice.refusal, expected);
    assert_int_equal(b->notice.peer, 1);
    assert_int_equal(b->notice.link, 9);
    assert_int_equal(last_sent(b, MESSAGE_GOODBYE)->refusal, expected);
    /* What it says on that stream is not heard. */
    say_prepare(b, 9, 5);
    assert_int_equal(sent(b, MESSAGE_PROMISE), 0);
    struct slot_view view;
    replica_get_slot(b->nodes[0], 1, &view);
    assert_false(view.in_memory);
}

static void each_contradiction_is_refused_by_its_name(void **state)
{
    (void)state;
    for (enum refusal expected = REFUSAL_VERSION; expected <= REFUSAL_DISK; expected++) {
        struct bench *b = bench_open(3, true);
        struct hello h = hello_of(b, 1);
        switch (expected) {
        case REFUSAL_VERSION:
            h.protocol_version++;
            break;
        case REFUSAL_CLUSTER:
            strcpy(h.cluster, "dkv2");
            break;
        case REFUSAL_MODE:
            h.mode = (enum mode)2;
            break;
        case REFUSAL_MEMBERS:
            h.members.ids[2] = 7;
            break;
        case REFUSAL_ID:
            h.id = 3;
            break;
        case REFUSAL_DISK:
            h.disk_id[15]++;
            break;
        case REFUSAL_NONE:
            break;
        }
        check_refused(&h, b, expected);
        bench_close(b);
    }
}

static void fewer_or_more_members_are_other_members(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, true);
    struct hello h = hello_of(b, 1);
    h.members.count = 2;
    check_refused(&h, b, REFUSAL_MEMBERS);
    h.members = (struct members){.count = 4, .ids = {1, 2, 3, 4}};
    check_refused(&h, b, REFUSAL_MEMBERS);
    bench_close(b);
}

/* Whoever else comes under its id, the right disk's stream stays. */
static void a_refusal_on_one_stream_leaves_the_other(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, true);
    struct hello h = hello_of(b, 1);
    h.disk_id[0]++;
    check_refused(&h, b, REFUSAL_DISK);
    assert_true(status_of(b, 0).peers[1].accepted);
    say_prepare(b, 1, 5);
    assert_true(sent(b, MESSAGE_PROMISE) > 0);
    /* The same on the stream that was accepted takes it back. */
    say_hello(b, 1, &h);
    assert_false(status_of(b, 0).peers[1].accepted);
    bench_close(b);
}

static void a_disk_is_known_for_ever(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, true);
    bench_sync(b, 0);
    bench_restart(b, 0);
    struct hello h = hello_of(b, 1);
    h.disk_id[0]++;
    check_refused(&h, b, REFUSAL_DISK);
    h = hello_of(b, 1);
    say_hello(b, 2, &h);
    assert_int_equal(b->notice.kind, NOTICE_PEER_ACCEPTED);
    bench_close(b);
}

static void who_is_refused_is_told_and_says_so(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, true);
    uint64_t before = b->notices;
    struct message m = {.kind = MESSAGE_GOODBYE, .refusal = REFUSAL_CLUSTER};
    bench_say(b, 1, 0, m);
    assert_int_equal(b->notices, before + 1);
    assert_int_equal(b->notice.kind, NOTICE_REFUSED_BY_PEER);
    assert_int_equal(b->notice.refusal, REFUSAL_CLUSTER);
    assert_int_equal(status_of(b, 0).peers[1].refused_us, REFUSAL_CLUSTER);
    bench_step(b, 0, (struct event){.kind = EVENT_PEER_UP, .peer = 1});
    assert_int_equal(status_of(b, 0).peers[1].refused_us, REFUSAL_NONE);
    bench_close(b);
}

/* ---- Streams ------------------------------------------------------------------------------- */

static void nothing_is_heard_on_a_stream_before_its_hello(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, true);
    b->now_ns += 1000 * MS;
    uint64_t hellos = b->sent[MESSAGE_HELLO];
    say_prepare(b, 2, 5);
    assert_int_equal(sent(b, MESSAGE_PROMISE), 0);
    assert_int_equal(b->sent[MESSAGE_HELLO], hellos + 1); /* Who are you? */
    assert_true(last_sent(b, MESSAGE_HELLO)->hello->asks);
    say_prepare(b, 2, 5);
    assert_int_equal(b->sent[MESSAGE_HELLO], hellos + 1); /* Not more often than need be. */
    b->now_ns += 1000 * MS;
    say_prepare(b, 2, 5);
    assert_int_equal(b->sent[MESSAGE_HELLO], hellos + 2);

    struct hello h = hello_of(b, 1);
    say_hello(b, 2, &h);
    say_prepare(b, 2, 5);
    assert_true(sent(b, MESSAGE_PROMISE) > 0);
    /* The earlier stream is no longer the peer's. */
    say_prepare(b, 1, 6);
    struct slot_view view;
    replica_get_slot(b->nodes[0], 1, &view);
    assert_int_equal(view.promised.round, 5);
    bench_close(b);
}

static bool lose_hellos(const struct bench *b, const struct bench_letter *letter)
{
    (void)b;
    return letter->message.kind == MESSAGE_HELLO;
}

static void a_lost_hello_is_asked_for_again(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, true);
    b->lose = lose_hellos;
    for (uint32_t i = 0; i < 3; i++) {
        bench_sync(b, i);
        bench_restart(b, i);
    }
    b->lose = NULL;
    bench_put(b, 0, 1, "k", "v");
    bench_run(b, 500);
    assert_true(b->answers[1].given);
    assert_true(bench_is_converged(b));
    bench_close(b);
}

/* ---- Admission ----------------------------------------------------------------------------- */

static void a_disk_is_said_to_be_recorded_once_that_is_durable(void **state)
{
    (void)state;
    static const uint8_t nothing[DISK_ID_SIZE];
    struct bench *b = bench_open(3, false);
    /* All have said Hello to each other, and no disk has synced. */
    for (uint32_t i = 0; i < 3; i++) {
        assert_false(status_of(b, i).admitted);
        for (uint32_t j = 0; j < 3; j++)
            assert_false(status_of(b, i).peers[j].recorded_us);
    }
    struct hello h = hello_of(b, 1);
    h.asks = true;
    uint64_t hellos = b->sent[MESSAGE_HELLO];
    say_hello(b, 1, &h);
    assert_int_equal(b->sent[MESSAGE_HELLO], hellos);
    bench_sync(b, 0);
    const struct message *reply = last_sent(b, MESSAGE_HELLO);
    assert_memory_equal(reply->hello->recorded, h.disk_id, DISK_ID_SIZE);
    assert_memory_not_equal(reply->hello->recorded, nothing, DISK_ID_SIZE);
    bench_close(b);
}

static void a_new_disk_says_nothing_but_hello_until_it_is_admitted(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, false);
    b->stalled[0] = true;
    bench_put(b, 1, 1, "k", "v");
    bench_run(b, 1000);
    /* Nobody has heard that node 0 recorded it, and two of two others are needed. */
    for (int kind = MESSAGE_HEARTBEAT; kind <= MESSAGE_CHOSEN; kind++)
        assert_int_equal(b->sent[kind], 0);
    for (uint32_t i = 0; i < 3; i++)
        assert_false(status_of(b, i).admitted);
    b->stalled[0] = false;
    bench_run(b, 1000);
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(status_of(b, i).admitted);
        assert_non_null(bench_on_disk(b, i, DURABLE_ADMITTED, 0));
    }
    assert_true(b->answers[1].given);
    /* Once and for ever. */
    bench_restart(b, 2);
    assert_true(status_of(b, 2).admitted);
    bench_close(b);
}

/* It has heard of slots that this disk never used: of an earlier disk's, from others, maybe. */
static void who_saw_more_of_a_new_disk_does_not_admit_it(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, false);
    struct hello own = hello_of(b, 0);
    struct hello h = hello_of(b, 1);
    memcpy(h.recorded, own.disk_id, DISK_ID_SIZE);
    h.seen_slot = 50;
    say_hello(b, 1, &h);
    assert_false(b->dead[0]);
    assert_false(status_of(b, 0).peers[1].recorded_us);
    h.seen_slot = 0;
    h.seen_boot = 2;
    say_hello(b, 1, &h);
    assert_false(b->dead[0]);
    assert_false(status_of(b, 0).peers[1].recorded_us);
    h.seen_boot = 1;
    say_hello(b, 1, &h);
    assert_true(status_of(b, 0).peers[1].recorded_us);
    bench_close(b);
}

static void it_takes_part_only_once_its_admission_is_durable(void **state)
{
    (void)state;
    struct bench *b = bench_open(1, false);
    bench_put(b, 0, 1, "k", "v");
    bench_tick(b, 0);
    assert_false(status_of(b, 0).admitted);
    bench_sync(b, 0);
    assert_int_equal(b->notice.kind, NOTICE_ADMITTED);
    assert_true(status_of(b, 0).admitted);
    bench_run(b, 10);
    assert_true(b->answers[1].given);
    bench_close(b);
}

/* Two of three lose their disks; nobody may forget what the three have chosen. */
static void wiped_disks_are_not_admitted(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, false);
    bench_run(b, 500);
    for (uint32_t i = 0; i < 3; i++)
        assert_true(status_of(b, i).admitted);
    for (uint32_t i = 0; i < 2; i++) {
        bench_wipe(b, i);
        bench_put(b, i, i, "k", "v");
    }
    bench_run(b, 3000);
    for (uint32_t i = 0; i < 2; i++) {
        assert_false(status_of(b, i).admitted);
        assert_int_equal(status_of(b, i).peers[2].refused_us, REFUSAL_DISK);
        assert_false(b->answers[i].given);
    }
    bench_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_contradiction_is_refused_by_its_name),
        cmocka_unit_test(fewer_or_more_members_are_other_members),
        cmocka_unit_test(a_refusal_on_one_stream_leaves_the_other),
        cmocka_unit_test(a_disk_is_known_for_ever),
        cmocka_unit_test(who_is_refused_is_told_and_says_so),
        cmocka_unit_test(nothing_is_heard_on_a_stream_before_its_hello),
        cmocka_unit_test(a_lost_hello_is_asked_for_again),
        cmocka_unit_test(a_disk_is_said_to_be_recorded_once_that_is_durable),
        cmocka_unit_test(a_new_disk_says_nothing_but_hello_until_it_is_admitted),
        cmocka_unit_test(who_saw_more_of_a_new_disk_does_not_admit_it),
        cmocka_unit_test(it_takes_part_only_once_its_admission_is_durable),
        cmocka_unit_test(wiped_disks_are_not_admitted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
