/*
 * records_test.c -- a replica is opened from the records of a disk: of a healthy one, in any order,
 * and of one whose records contradict each other.
 */
#include "../unit.h"

#include <string.h>

#include "base/mem.h"
#include "replica/replica.h"

static struct ballot ballot(uint64_t round, uint32_t node)
{
    return (struct ballot){.round = round, .node = node, .boot = 1};
}

/* A barrier of node 3's. */
static struct value *barrier(uint64_t sequence)
{
    struct tag tag = {.node = 3, .boot = 1, .sequence = sequence};
    struct value *v = NULL;
    assert_int_equal(value_new(VALUE_BARRIER, tag, (struct bytes){0}, &v), 0);
    return v;
}

#define FIRST_SLOT 10

/* A replica of node 1 of three, whose log begins at FIRST_SLOT, from `count` records. */
static int start_in(enum mode mode, const struct durable *records, size_t count,
                    struct replica **out_replica)
{
    struct replica_options options = {
        .identity = {.cluster = "dkv", .mode = mode, .id = 1},
        .boot = 1,
        .life = 1,
        .admitted = true,
        .first_slot = FIRST_SLOT,
        .limits = machine_limits_default,
        .tuning = replica_tuning_default,
    };
    options.identity.members = (struct members){.count = 3, .ids = {1, 2, 3}};
    struct replica *r = NULL;
    TRY(replica_open(&options, &r));
    int err = 0;
    for (size_t i = 0; i < count && err == 0; i++)
        err = replica_restore(r, &records[i]);
    if (err == 0)
        err = replica_start(r, 0);
    if (err == 0)
        *out_replica = r;
    else
        replica_close(r);
    return err;
}

static int start(const struct durable *records, size_t count, uint64_t *out_applied)
{
    struct replica *r = NULL;
    TRY(start_in(MODE_CLASSIC, records, count, &r));
    *out_applied = machine_applied(replica_machine(r));
    replica_close(r);
    return 0;
}

static void records_of_a_healthy_disk(void **state)
{
    (void)state;
    struct value *v = barrier(1);
    struct value *w = barrier(2);
    const struct durable records[] = {
        {.kind = DURABLE_PEER, .peer = 2, .disk_id = {2}},
        {.kind = DURABLE_CHOSEN_TO, .slot = 12},
        {.kind = DURABLE_LEARNT, .slot = 12, .value = value_noop()},
        {.kind = DURABLE_VOTE,
         .slot = 12,
         .promised = ballot(2, 2),
         .accepted = ballot(1, 2),
         .value = w},
        {.kind = DURABLE_VOTE,
         .slot = 10,
         .promised = ballot(3, 2),
         .accepted = ballot(3, 2),
         .value = v},
        {.kind = DURABLE_LEARNT, .slot = 11, .value = w},
        {.kind = DURABLE_VOTE, .slot = 14, .promised = ballot(3, 2)},
        {.kind = DURABLE_VOTE, .slot = 3, .promised = ballot(3, 2)}, /* Covered by the state. */
    };
    size_t count = sizeof(records) / sizeof(records[0]);
    uint64_t applied = 0;
    assert_int_equal(start(records, count, &applied), 0);
    assert_int_equal(applied, 12);
    assert_int_equal(start(NULL, 0, &applied), 0);
    assert_int_equal(applied, FIRST_SLOT - 1);

    /* The same with every allocation failing in turn. */
    long before = mem_outstanding();
    for (long n = 0;; n++) {
        mem_fail_after(n);
        int err = start(records, count, &applied);
        mem_fail_after(-1);
        assert_int_equal(mem_outstanding(), before);
        if (err == 0)
            break;
        assert_int_equal(err, ERR_NO_MEMORY);
    }
    value_unref(v);
    value_unref(w);
}

/* The last commit was torn: what a LEARNT record says is true all the same. */
static void learnt_values_count_beyond_chosen_to(void **state)
{
    (void)state;
    struct value *v = barrier(1);
    const struct durable records[] = {
        {.kind = DURABLE_CHOSEN_TO, .slot = 10},
        {.kind = DURABLE_LEARNT, .slot = 10, .value = v},
        {.kind = DURABLE_LEARNT, .slot = 11, .value = value_noop()},
        {.kind = DURABLE_LEARNT, .slot = 13, .value = value_noop()},
    };
    uint64_t applied = 0;
    assert_int_equal(start(records, 4, &applied), 0);
    assert_int_equal(applied, 11);
    value_unref(v);
}

static void records_that_contradict_each_other(void **state)
{
    (void)state;
    struct value *v = barrier(1);
    const struct durable vote = {
        .kind = DURABLE_VOTE,
        .slot = 10,
        .promised = ballot(3, 2),
        .accepted = ballot(3, 2),
        .value = v,
    };
    const struct durable learnt = {.kind = DURABLE_LEARNT, .slot = 10, .value = v};
    struct durable voted_above_promise = vote;
    voted_above_promise.promised = ballot(2, 2);
    struct durable voted_without_value = vote;
    voted_without_value.value = NULL;
    struct durable value_without_vote = vote;
    value_without_vote.accepted = (struct ballot){0};
    struct durable vote_elsewhere = vote;
    vote_elsewhere.slot = UINT64_MAX;
    const struct durable cases[][2] = {
        {vote, vote},
        {learnt, learnt},
        {vote, voted_above_promise},
        {voted_above_promise},
        {voted_without_value},
        {value_without_vote},
        {vote, vote_elsewhere},
        {{.kind = DURABLE_LEARNT, .slot = 10}},
        {{.kind = DURABLE_CHOSEN_TO, .slot = FIRST_SLOT - 2}},
        {{.kind = DURABLE_CHOSEN_TO, .slot = 10}},
        {vote, {.kind = DURABLE_CHOSEN_TO, .slot = 11}},
        {{.kind = DURABLE_VOTE, .slot = 10, .promised = ballot(3, 2)},
         {.kind = DURABLE_CHOSEN_TO, .slot = 10}},
        {{.kind = DURABLE_PEER, .peer = 1, .disk_id = {1}}},
        {{.kind = DURABLE_PEER, .peer = 4, .disk_id = {1}}},
        {{.kind = DURABLE_PEER, .peer = 2, .disk_id = {1}},
         {.kind = DURABLE_PEER, .peer = 2, .disk_id = {2}}},
        {{.kind = (enum durable_kind)0}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t applied = 0;
        size_t count = cases[i][1].kind == 0 ? 1 : 2;
        int err = start(cases[i], count, &applied);
        if (err != ERR_CORRUPT)
            print_error("case %zu\n", i);
        assert_int_equal(err, ERR_CORRUPT);
    }
    value_unref(v);
    assert_int_equal(mem_outstanding(), 0);
}

/* ---- Of coordinated mode ------------------------------------------------------------------- */

#define RUN(a, b)                              \
    {                                          \
        .first = (a), .last = (b), .stride = 3 \
    }

static void assert_slot(const struct replica *r, uint64_t slot, struct ballot promised,
                        const struct value *vote, const struct value *chosen)
{
    struct slot_view view;
    replica_get_slot(r, slot, &view);
    assert_int_equal(ballot_cmp(view.promised, promised), 0);
    assert_true(view.vote == vote);
    assert_true(view.chosen == chosen);
}

static void runs_and_single_slots_in_any_order(void **state)
{
    (void)state;
    struct value *v = barrier(1);
    struct value *w = barrier(2);
    struct durable records[] = {
        {.kind = DURABLE_CHOSEN_TO, .slot = 14},
        {.kind = DURABLE_RESERVED, .slot = 100},
        /* Accepted in 10, then NOOP from there (and below the state) to 16, then a value in 13. */
        {.kind = DURABLE_VOTE,
         .slot = 10,
         .promised = ballot(0, 2),
         .accepted = ballot(0, 2),
         .value = v},
        {.kind = DURABLE_VOTED_NOOP, .interval = RUN(7, 16), .accepted = ballot(1, 3)},
        {.kind = DURABLE_VOTE,
         .slot = 13,
         .promised = ballot(2, 3),
         .accepted = ballot(2, 3),
         .value = w},
        {.kind = DURABLE_LEARNT_NOOP, .interval = RUN(6, 12)}, /* In part covered by the state. */
        {.kind = DURABLE_LEARNT, .slot = 11, .value = v},
        {.kind = DURABLE_LEARNT_NOOP, .interval = RUN(14, 14)},
        /* A run of promises, and what was promised and accepted above and below that. */
        {.kind = DURABLE_PROMISED_RANGE, .interval = RUN(16, 31), .promised = ballot(5, 3)},
        {.kind = DURABLE_PROMISED_RANGE, .interval = RUN(25, 28), .promised = ballot(6, 2)},
        {.kind = DURABLE_VOTE, .slot = 19, .promised = ballot(7, 2)},
        {.kind = DURABLE_VOTE,
         .slot = 22,
         .promised = ballot(0, 2),
         .accepted = ballot(0, 2),
         .value = w},
        {.kind = DURABLE_VOTED_NOOP, .interval = RUN(4, 7), .accepted = ballot(1, 3)},
    };
    const size_t count = sizeof(records) / sizeof(records[0]);
    for (size_t turn = 0; turn < count; turn++) {
        struct replica *r = NULL;
        assert_int_equal(start_in(MODE_COORDINATED, records, count, &r), 0);
        assert_int_equal(machine_applied(replica_machine(r)), 14);
        assert_slot(r, 10, ballot(1, 3), value_noop(), value_noop());
        assert_slot(r, 11, (struct ballot){0}, NULL, v);
        assert_slot(r, 12, (struct ballot){0}, NULL, value_noop());
        assert_slot(r, 13, ballot(2, 3), w, w);
        assert_slot(r, 14, (struct ballot){0}, NULL, value_noop());
        assert_slot(r, 16, ballot(5, 3), value_noop(), NULL);
        assert_slot(r, 19, ballot(7, 2), NULL, NULL);
        assert_slot(r, 22, ballot(5, 3), w, NULL);
        assert_slot(r, 25, ballot(6, 2), NULL, NULL);
        assert_slot(r, 31, ballot(5, 3), NULL, NULL);
        assert_slot(r, 32, (struct ballot){0}, NULL, NULL);
        struct replica_status status;
        replica_get_status(r, &status);
        assert_int_equal(status.frontier, 22); /* Values move it, promises and NOOPs do not. */
        assert_int_equal(status.reserved_to, 100);
        assert_int_equal(status.position, 102);
        replica_close(r);
        /* Another order. */
        struct durable first = records[0];
        memmove(records, records + 1, (count - 1) * sizeof(records[0]));
        records[count - 1] = first;
    }

    /* Every allocation fails in turn. */
    long before = mem_outstanding();
    int err = ERR_NO_MEMORY;
    for (long n = 0; err != 0; n++) {
        struct replica *r = NULL;
        mem_fail_after(n);
        err = start_in(MODE_COORDINATED, records, count, &r);
        mem_fail_after(-1);
        replica_close(r);
        assert_int_equal(mem_outstanding(), before);
        assert_true(err == 0 || err == ERR_NO_MEMORY);
    }
    value_unref(v);
    value_unref(w);
}

static void runs_that_contradict_other_records(void **state)
{
    (void)state;
    struct value *v = barrier(1);
    const struct durable learnt = {.kind = DURABLE_LEARNT, .slot = 13, .value = v};
    const struct durable noops = {.kind = DURABLE_LEARNT_NOOP, .interval = RUN(10, 16)};
    const struct durable promised = {
        .kind = DURABLE_PROMISED_RANGE, .interval = RUN(10, 16), .promised = ballot(1, 2)};
    const struct durable cases[][2] = {
        {learnt, noops},
        {noops, learnt},
        {promised, {.kind = DURABLE_CHOSEN_TO, .slot = 10}}, /* Nothing was accepted there. */
        {{.kind = DURABLE_PROMISED_RANGE, .interval = RUN(10, 16)}},
        {{.kind = DURABLE_VOTED_NOOP, .interval = RUN(10, 16)}},
        {{.kind = DURABLE_VOTED_NOOP, .interval = RUN(10, 17), .accepted = ballot(1, 2)}},
        {{.kind = DURABLE_PROMISED_RANGE, .promised = ballot(1, 2)}},
        {{.kind = DURABLE_LEARNT_NOOP, .interval = RUN(16, 10)}},
        {{.kind = DURABLE_LEARNT_NOOP, .interval = RUN(UINT64_MAX - 6, UINT64_MAX)}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct replica *r = NULL;
        size_t count = cases[i][1].kind == 0 ? 1 : 2;
        int err = start_in(MODE_COORDINATED, cases[i], count, &r);
        if (err != ERR_CORRUPT)
            print_error("case %zu\n", i);
        assert_int_equal(err, ERR_CORRUPT);
    }
    /* There are none in classic mode. */
    uint64_t applied = 0;
    assert_int_equal(start(&promised, 1, &applied), ERR_CORRUPT);
    assert_int_equal(start(&noops, 1, &applied), ERR_CORRUPT);
    value_unref(v);
    assert_int_equal(mem_outstanding(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_of_a_healthy_disk),
        cmocka_unit_test(learnt_values_count_beyond_chosen_to),
        cmocka_unit_test(records_that_contradict_each_other),
        cmocka_unit_test(runs_and_single_slots_in_any_order),
        cmocka_unit_test(runs_that_contradict_other_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
