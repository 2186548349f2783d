/* ranges_test.c -- what coordinated mode keeps on the disk: intervals, and what they say of slots.
 */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/prng.h"
#include "store/verify.h"

static struct acceptor_store_options options_of(enum mode mode)
{
    struct acceptor_store_options options = fixture_options(fixture_dir);
    options.identity.mode = mode;
    return options;
}

static struct acceptor_store *open_coordinated(void)
{
    struct acceptor_store_options options = options_of(MODE_COORDINATED);
    struct acceptor_store *s = NULL;
    struct store_error error;
    if (acceptor_store_open(&options, &s, &error) != 0)
        fail_msg("cannot open: %s", error.text);
    return s;
}

static struct ballot ballot(uint64_t round)
{
    return (struct ballot){.round = round, .node = 2, .boot = 3};
}

static struct durable promised(struct interval i, uint64_t round)
{
    return (struct durable){
        .kind = DURABLE_PROMISED_RANGE, .interval = i, .promised = ballot(round)};
}

static struct durable voted_noop(struct interval i, uint64_t round)
{
    return (struct durable){.kind = DURABLE_VOTED_NOOP, .interval = i, .accepted = ballot(round)};
}

static struct durable learnt_noop(struct interval i)
{
    return (struct durable){.kind = DURABLE_LEARNT_NOOP, .interval = i};
}

/* With a batch whose tag has this sequence. */
static struct durable voted(uint64_t slot, uint64_t round, uint64_t sequence)
{
    struct durable d = fixture_vote(slot, fixture_batch(sequence, 10));
    d.promised = ballot(round);
    d.accepted = ballot(round);
    return d;
}

/* ---- Loading ---------------------------------------------------------------------------- */

struct seen {
    uint64_t reserved;
    int counts[DURABLE_LEARNT_NOOP + 1];
    struct durable last[DURABLE_LEARNT_NOOP + 1];
    uint64_t first_slot;
};

static int see(void *context, const struct durable *d)
{
    struct seen *seen = context;
    if (d->kind == DURABLE_RESERVED)
        seen->reserved = d->slot;
    if (d->kind >= DURABLE_PROMISED_RANGE) {
        assert_true(d->interval.first >= seen->first_slot);
        seen->first_slot = d->interval.first;
    }
    seen->counts[d->kind]++;
    seen->last[d->kind] = *d;
    return 0;
}

static struct seen load(struct acceptor_store *s, uint64_t above)
{
    struct seen seen = {0};
    struct store_error error;
    assert_int_equal(acceptor_store_load(s, above, see, &seen, &error), 0);
    return seen;
}

static void test_intervals_are_loaded(void **state)
{
    (void)state;
    struct store_error error;
    struct acceptor_store *s = open_coordinated();
    struct durable records[] = {
        {.kind = DURABLE_RESERVED, .slot = 16384},
        promised((struct interval){5, 4094, 3}, 7),
        voted_noop((struct interval){8, 20, 3}, 7),
        voted_noop((struct interval){8, 23, 3}, 7),
        learnt_noop((struct interval){4096, 8190, 1}),
        promised((struct interval){8192, 8195, 3}, 9),
    };
    assert_int_equal(fixture_commit(s, records, 6, &error), 0);
    acceptor_store_close(s);

    s = open_coordinated();
    struct seen seen = load(s, 0);
    assert_int_equal(seen.reserved, 16384);
    assert_int_equal(seen.counts[DURABLE_PROMISED_RANGE], 2);
    assert_int_equal(seen.counts[DURABLE_VOTED_NOOP], 2);
    assert_int_equal(seen.counts[DURABLE_LEARNT_NOOP], 1);
    assert_int_equal(seen.last[DURABLE_LEARNT_NOOP].interval.last, 8190);
    assert_int_equal(ballot_cmp(seen.last[DURABLE_PROMISED_RANGE].promised, ballot(9)), 0);

    /* An interval that ends at `above` is left out, one that ends behind it is not. */
    assert_int_equal(load(s, 19).counts[DURABLE_VOTED_NOOP], 2);
    assert_int_equal(load(s, 20).counts[DURABLE_VOTED_NOOP], 1);
    assert_int_equal(load(s, 23).counts[DURABLE_VOTED_NOOP], 0);
    assert_int_equal(load(s, 4093).counts[DURABLE_PROMISED_RANGE], 2);
    assert_int_equal(load(s, 4094).counts[DURABLE_PROMISED_RANGE], 1);
    assert_int_equal(load(s, 8189).counts[DURABLE_LEARNT_NOOP], 1);
    assert_int_equal(load(s, 8190).counts[DURABLE_LEARNT_NOOP], 0);
    assert_int_equal(load(s, 8191).counts[DURABLE_PROMISED_RANGE], 1);
    assert_int_equal(load(s, 8195).counts[DURABLE_PROMISED_RANGE], 0);
    assert_int_equal(load(s, 8195).reserved, 16384);
    acceptor_store_close(s);
}

static void test_the_same_interval_again_replaces(void **state)
{
    (void)state;
    struct store_error error;
    struct acceptor_store *s = open_coordinated();
    struct interval i = {5, 20, 3};
    for (uint64_t round = 1; round <= 3; round++) {
        struct durable records[] = {promised(i, round), voted_noop(i, round), learnt_noop(i)};
        assert_int_equal(fixture_commit(s, records, 3, &error), 0);
    }
    struct seen seen = load(s, 0);
    assert_int_equal(seen.counts[DURABLE_PROMISED_RANGE], 1);
    assert_int_equal(seen.counts[DURABLE_VOTED_NOOP], 1);
    assert_int_equal(seen.counts[DURABLE_LEARNT_NOOP], 1);
    assert_int_equal(ballot_cmp(seen.last[DURABLE_PROMISED_RANGE].promised, ballot(3)), 0);
    assert_int_equal(ballot_cmp(seen.last[DURABLE_VOTED_NOOP].accepted, ballot(3)), 0);
    acceptor_store_close(s);
}

/* ---- The mode --------------------------------------------------------------------------- */

static void assert_mode_refused(enum mode mode, const char *text)
{
    struct acceptor_store_options options = options_of(mode);
    struct acceptor_store *s = NULL;
    struct store_error error;
    assert_int_equal(acceptor_store_open(&options, &s, &error), ERR_MISMATCH);
    fixture_assert_says(&error, text);
}

static void test_a_directory_keeps_its_mode(void **state)
{
    acceptor_store_close(open_coordinated());
    assert_mode_refused(MODE_CLASSIC, "made for mode coordinated, and keeps it");
    struct acceptor_store *s = open_coordinated();
    assert_int_equal(acceptor_store_identity(s)->mode, MODE_COORDINATED);
    assert_int_equal(acceptor_store_boot(s), 2);
    acceptor_store_close(s);

    /* Whoever does not insist on a mode gets what is there. */
    struct acceptor_store_options options = options_of(MODE_CLASSIC);
    struct store_error error;
    options.keep_mode = true;
    assert_int_equal(acceptor_store_open(&options, &s, &error), 0);
    assert_int_equal(acceptor_store_identity(s)->mode, MODE_COORDINATED);
    struct durable d = learnt_noop((struct interval){5, 20, 3});
    assert_int_equal(fixture_commit(s, &d, 1, &error), 0);
    acceptor_store_close(s);

    /* In another directory. */
    assert_int_equal(fixture_teardown(state), 0);
    assert_int_equal(fixture_setup(state), 0);
    acceptor_store_close(fixture_open(fixture_dir));
    assert_mode_refused(MODE_COORDINATED, "made for mode classic, and keeps it");
    options = options_of(MODE_COORDINATED);
    options.keep_mode = true;
    assert_int_equal(acceptor_store_open(&options, &s, &error), 0);
    assert_int_equal(acceptor_store_identity(s)->mode, MODE_CLASSIC);
    acceptor_store_close(s);
}

/* ---- What they say of slots ------------------------------------------------------------- */

static void assert_slot(struct acceptor_store *s, uint64_t number, uint64_t promised_round,
                        uint64_t accepted_round, const struct value *vote,
                        const struct value *chosen)
{
    struct acceptor_store_slot slot;
    struct store_error error;
    assert_int_equal(acceptor_store_read_slot(s, number, &slot, &error), 0);
    assert_int_equal(slot.promised.round, promised_round);
    assert_int_equal(slot.accepted.round, accepted_round);
    assert_int_equal(slot.voted == NULL, vote == NULL);
    assert_true(vote == NULL || value_equal(slot.voted, vote));
    assert_int_equal(slot.chosen == NULL, chosen == NULL);
    assert_true(chosen == NULL || value_equal(slot.chosen, chosen));
    acceptor_store_slot_fini(&slot);
}

static void test_the_highest_ballot_counts(void **state)
{
    (void)state;
    struct store_error error;
    struct acceptor_store *s = open_coordinated();
    struct durable records[] = {
        promised((struct interval){10, 40, 3}, 4),
        promised((struct interval){10, 19, 3}, 6),
        voted_noop((struct interval){16, 22, 3}, 5),
        voted(19, 3, 19), /* Below the NOOP that was accepted after it. */
        voted(22, 7, 22), /* Above it. */
        fixture_vote(25, NULL),
        voted_noop((struct interval){30, 30, 3}, 2),
    };
    assert_int_equal(fixture_commit(s, records, 7, &error), 0);
    struct value *own = fixture_batch(22, 10);
    assert_slot(s, 7, 0, 0, NULL, NULL);
    assert_slot(s, 10, 6, 0, NULL, NULL);
    assert_slot(s, 11, 0, 0, NULL, NULL); /* Not one of the slots. */
    assert_slot(s, 16, 6, 5, value_noop(), NULL);
    assert_slot(s, 19, 6, 5, value_noop(), NULL);
    assert_slot(s, 22, 7, 7, own, NULL);
    assert_slot(s, 25, 4, 0, NULL, NULL);         /* Its own promise is at round 1. */
    assert_slot(s, 30, 2, 2, value_noop(), NULL); /* To accept is to promise. */
    assert_slot(s, 40, 4, 0, NULL, NULL);
    assert_slot(s, 43, 0, 0, NULL, NULL);
    value_unref(own);
    acceptor_store_close(s);
}

#define VALUES 8

struct values {
    uint64_t next;
    uint64_t sequences[VALUES]; /* 0: NOOP. */
};

static int see_value(void *context, uint64_t slot, struct value *v)
{
    struct values *values = context;
    assert_int_equal(slot, values->next);
    values->sequences[slot - 1] = v->tag.sequence;
    values->next++;
    return 0;
}

static void test_what_is_chosen(void **state)
{
    (void)state;
    struct store_error error;
    struct acceptor_store *s = open_coordinated();
    struct durable records[] = {
        voted(1, 0, 1),                            /* My vote. */
        learnt_noop((struct interval){2, 8, 3}),   /* 2 5 8 */
        voted(2, 4, 2),                            /* Learnt counts, not my vote. */
        voted_noop((struct interval){3, 6, 3}, 2), /* 3 6 */
        voted(3, 1, 3),                            /* Lower than the NOOP, */
        voted(6, 3, 6),                            /* and higher. */
        fixture_learnt(4, fixture_batch(40, 10)),  /* Learnt. */
        voted(4, 9, 4),                            /* Mine was another. */
        fixture_learnt(5, fixture_batch(50, 10)),  /* Its own record counts more. */
        fixture_chosen_to(6),
    };
    assert_int_equal(fixture_commit(s, records, 10, &error), 0);
    struct values v = {.next = 1};
    assert_int_equal(acceptor_store_read_chosen(s, 1, 8, 99999, see_value, &v, &error), 0);
    assert_int_equal(v.next, 7);
    const uint64_t expected[] = {1, 0, 0, 40, 50, 6};
    assert_memory_equal(v.sequences, expected, sizeof(expected));

    /* A promise is no vote. */
    struct durable more[] = {promised((struct interval){7, 7, 3}, 9), fixture_chosen_to(8)};
    assert_int_equal(fixture_commit(s, more, 2, &error), 0);
    v = (struct values){.next = 7};
    assert_int_equal(acceptor_store_read_chosen(s, 7, 8, 99999, see_value, &v, &error),
                     ERR_CORRUPT);
    fixture_assert_says(&error, "slot 7 is chosen, but its value is missing");
    v = (struct values){.next = 8};
    assert_int_equal(acceptor_store_read_chosen(s, 8, 8, 99999, see_value, &v, &error), 0);
    assert_int_equal(v.sequences[7], 0);
    acceptor_store_close(s);
}

/* ---- Against a naive twin --------------------------------------------------------------- */

#define TWIN_SLOTS 12400 /* Somewhat more than three blocks. */
#define TWIN_RECORDS 1500

struct twin {
    uint64_t promised[TWIN_SLOTS + 1];
    uint64_t accepted[TWIN_SLOTS + 1];
    uint64_t voted[TWIN_SLOTS + 1]; /* Sequence of the value accepted; 0: NOOP. */
    bool learnt[TWIN_SLOTS + 1];
};

static void twin_note(struct twin *t, const struct durable *d)
{
    if (d->kind == DURABLE_VOTE) {
        t->promised[d->slot] = t->accepted[d->slot] = d->accepted.round;
        t->voted[d->slot] = d->value->tag.sequence;
        return;
    }
    for (uint64_t slot = 1; slot <= TWIN_SLOTS; slot++) {
        if (!interval_has(d->interval, slot))
            continue;
        if (d->kind == DURABLE_LEARNT_NOOP)
            t->learnt[slot] = true;
        if (d->kind == DURABLE_VOTED_NOOP) {
            t->accepted[slot] = d->accepted.round;
            t->voted[slot] = 0;
        }
        if (d->kind != DURABLE_LEARNT_NOOP)
            t->promised[slot] =
                d->kind == DURABLE_VOTED_NOOP ? d->accepted.round : d->promised.round;
    }
}

/* Rounds grow, as they do in a replica that obeys the rules. */
static struct durable draw(struct prng *p, uint64_t round)
{
    uint64_t slot = 1 + prng_below(p, TWIN_SLOTS);
    struct interval whole = {.first = slot, .stride = 1 + (uint32_t)prng_below(p, 5)};
    whole.last = slot + prng_below(p, 2000) * whole.stride;
    struct interval i = interval_take_block(&whole);
    switch (prng_below(p, 4)) {
    case 0:
        return promised(i, round);
    case 1:
        return voted_noop(i, round);
    case 2:
        return learnt_noop(i);
    default:
        return voted(slot, round, 1 + prng_below(p, 1000));
    }
}

static uint64_t twin_chosen(const struct twin *t, uint64_t slot)
{
    return t->learnt[slot] ? 0 : t->voted[slot];
}

struct comparing {
    const struct twin *twin;
    uint64_t next;
};

static int compare_value(void *context, uint64_t slot, struct value *v)
{
    struct comparing *c = context;
    assert_int_equal(slot, c->next++);
    assert_int_equal(v->tag.sequence, twin_chosen(c->twin, slot));
    return 0;
}

static void test_against_a_naive_twin(void **state)
{
    (void)state;
    struct store_error error;
    struct prng p;
    struct twin *t = mem_alloc_zero(sizeof(*t));
    assert_non_null(t);
    prng_init(&p, 4);
    struct acceptor_store *s = open_coordinated();
    struct durable records[TWIN_RECORDS];
    for (uint64_t i = 0; i < TWIN_RECORDS; i++) {
        records[i] = draw(&p, i + 1);
        twin_note(t, &records[i]);
    }
    /* So that every slot has a value: the lowest ballot over everything, beforehand. */
    struct interval all = {1, TWIN_SLOTS, 1};
    while (!interval_is_none(all)) {
        struct durable base = voted_noop(interval_take_block(&all), 0);
        assert_int_equal(fixture_commit(s, &base, 1, &error), 0);
    }
    assert_int_equal(fixture_commit(s, records, TWIN_RECORDS, &error), 0);
    struct durable end = fixture_chosen_to(TWIN_SLOTS);
    assert_int_equal(fixture_commit(s, &end, 1, &error), 0);

    for (uint64_t slot = 1; slot <= TWIN_SLOTS; slot += 1 + prng_below(&p, 20)) {
        struct acceptor_store_slot view;
        assert_int_equal(acceptor_store_read_slot(s, slot, &view, &error), 0);
        assert_int_equal(view.promised.round, t->promised[slot]);
        assert_int_equal(view.accepted.round, t->accepted[slot]);
        assert_int_equal(view.voted->tag.sequence, t->voted[slot]);
        assert_int_equal(view.chosen->tag.sequence, twin_chosen(t, slot));
        acceptor_store_slot_fini(&view);
    }
    for (int round = 0; round < 20; round++) {
        uint64_t from = round == 0 ? 1 : 1 + prng_below(&p, TWIN_SLOTS);
        struct comparing c = {.twin = t, .next = from};
        assert_int_equal(
            acceptor_store_read_chosen(s, from, TWIN_SLOTS, UINT64_MAX, compare_value, &c, &error),
            0);
        assert_int_equal(c.next, TWIN_SLOTS + 1);
    }
    acceptor_store_close(s);
    mem_free(t);
}

/* ---- Verification ----------------------------------------------------------------------- */

static void note_bad(void *context, const char *line)
{
    char *text = context;
    (void)snprintf(text, 200, "%s", line);
}

static void test_a_directory_is_verified(void **state)
{
    (void)state;
    struct store_error error;
    struct store_verify_report report;
    char bad[200] = "";
    struct acceptor_store *s = open_coordinated();
    struct durable records[] = {
        voted(1, 0, 1),
        learnt_noop((struct interval){2, 3, 1}),
        voted_noop((struct interval){4, 4094, 1}, 1),
        voted_noop((struct interval){4096, 4097, 1}, 1),
        voted(4095, 0, 3),
        promised((struct interval){4098, 4100, 1}, 1),
        fixture_chosen_to(4097),
    };
    assert_int_equal(fixture_commit(s, records, 7, &error), 0);
    acceptor_store_close(s);
    assert_int_equal(store_verify(fixture_dir, note_bad, bad, &report, &error), 0);
    assert_string_equal(bad, "");
    assert_int_equal(report.bad, 0);
    assert_int_equal(report.records[RECORD_TABLE_RANGES], 4);

    s = open_coordinated();
    struct durable more = fixture_chosen_to(4098); /* Promised only. */
    assert_int_equal(fixture_commit(s, &more, 1, &error), 0);
    acceptor_store_close(s);
    assert_int_equal(store_verify(fixture_dir, note_bad, bad, &report, &error), 0);
    assert_int_equal(report.bad, 1);
    assert_non_null(strstr(bad, "slot 4098 is chosen, but its value is missing"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_intervals_are_loaded),
        FIXTURE_TEST(test_the_same_interval_again_replaces),
        FIXTURE_TEST(test_a_directory_keeps_its_mode),
        FIXTURE_TEST(test_the_highest_ballot_counts),
        FIXTURE_TEST(test_what_is_chosen),
        FIXTURE_TEST(test_against_a_naive_twin),
        FIXTURE_TEST(test_a_directory_is_verified),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
