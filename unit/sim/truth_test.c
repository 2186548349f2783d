/* truth_test.c -- the watcher lets pass what the rules of coordinated mode allow, and nothing else.
 */
#include "../unit.h"

#include <string.h>

#include "base/mem.h"
#include "world.h"

#define NODES 3
#define RESERVED 100

/* Node 0 is the coordinator of slots 3, 6, 9, ...; node 1 of 1, 4, 7, ... */
static const struct ballot first_of_0 = {.round = 0, .node = 1, .boot = 1};
static const struct ballot later_of_1 = {.round = 1, .node = 2, .boot = 1};
static struct value *batch;

static struct interval every_third(uint64_t first, uint64_t last)
{
    return (struct interval){.first = first, .last = last, .stride = NODES};
}

static int setup(void **state)
{
    struct world *w = mem_alloc_zero(sizeof(*w));
    assert_non_null(w);
    w->mix.mode = MODE_COORDINATED;
    w->mix.nodes = NODES;
    w->mix.first_slot = 1;
    truth_init(w);
    for (uint32_t i = 0; i < NODES; i++) {
        w->nodes[i].id = i + 1;
        w->nodes[i].boot = 1;
        struct durable reserved = {.kind = DURABLE_RESERVED, .slot = RESERVED};
        truth_on_durable(w, i, &reserved);
    }
    struct tag tag = {.node = 1, .boot = 1, .sequence = 1};
    assert_int_equal(value_new(VALUE_BATCH, tag, bytes_of("x"), &batch), 0);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    truth_fini(&w->truth);
    mem_free(w);
    value_unref(batch);
    return mem_outstanding() == 0 ? 0 : -1;
}

static void fine(struct world *w)
{
    if (w->failed)
        print_error("%s\n", w->failure);
    assert_false(w->failed);
}

static void fails(struct world *w, const char *why)
{
    assert_true(w->failed);
    if (strstr(w->failure, why) == NULL)
        print_error("%s\n", w->failure);
    assert_non_null(strstr(w->failure, why));
}

static void say_skip(struct world *w, uint32_t node, uint64_t first, uint64_t last)
{
    truth_on_send(w, node,
                  &(struct message){.kind = MESSAGE_SKIP, .interval = every_third(first, last)});
}

static void say_accept(struct world *w, uint32_t node, uint64_t slot, struct ballot b,
                       struct value *v)
{
    truth_on_send(w, node,
                  &(struct message){.kind = MESSAGE_ACCEPT, .slot = slot, .ballot = b, .value = v});
}

static void vote(struct world *w, uint32_t node, uint64_t slot, struct ballot b, struct value *v)
{
    struct durable d = {
        .kind = DURABLE_VOTE, .slot = slot, .promised = b, .accepted = b, .value = v};
    truth_on_durable(w, node, &d);
}

static void promise(struct world *w, uint32_t node, struct interval i, struct ballot b)
{
    struct durable d = {.kind = DURABLE_PROMISED_RANGE, .interval = i, .promised = b};
    truth_on_durable(w, node, &d);
}

/* ---- Skips --------------------------------------------------------------------------------- */

static void test_skip_chooses_noop(void **state)
{
    struct world *w = *state;
    say_skip(w, 0, 3, 9);
    fine(w);
    assert_ptr_equal(truth_chosen(w, 6), value_noop());
    assert_null(truth_chosen(w, 12));
    say_skip(w, 0, 3, 12); /* Said again, and more. */
    fine(w);
}

static void test_skip_beyond_the_reservation(void **state)
{
    say_skip(*state, 0, 3, RESERVED + 2);
    fails(*state, "has reserved up to");
}

static void test_skip_of_unknown_slots(void **state)
{
    struct world *w = *state;
    say_skip(w, 0, 3, 3);
    w->truth.nodes[0].unknown_to = 9; /* It has restarted. */
    say_skip(w, 0, 3, 3);
    fine(w);
    say_skip(w, 0, 3, 6);
    fails(w, "when it started");
}

static void test_skip_of_what_was_proposed_in(void **state)
{
    say_accept(*state, 0, 6, first_of_0, batch);
    fine(*state);
    say_skip(*state, 0, 3, 9);
    fails(*state, "was proposed");
}

static void test_skip_of_another_nodes_slot(void **state)
{
    say_skip(*state, 1, 3, 3);
    fails(*state, "which is node 1's");
}

/* ---- Proposals ----------------------------------------------------------------------------- */

static void test_round_0_in_a_skipped_slot(void **state)
{
    say_skip(*state, 0, 3, 3);
    say_accept(*state, 0, 3, first_of_0, batch);
    fails(*state, "it had skipped");
}

static void test_round_0_of_somebody_else(void **state)
{
    say_accept(*state, 1, 3, (struct ballot){.node = 2, .boot = 1}, batch);
    fails(*state, "which is node 1's");
}

static void test_a_slot_is_used_once(void **state)
{
    struct world *w = *state;
    say_accept(w, 0, 3, first_of_0, batch);
    say_accept(w, 2, 3, first_of_0, batch); /* Said again by another. */
    fine(w);
    w->nodes[0].boot = 2;
    say_accept(w, 0, 3, (struct ballot){.node = 1, .boot = 2}, batch);
    fails(w, "uses slot 3 again");
}

static void test_later_rounds_need_promises(void **state)
{
    struct world *w = *state;
    promise(w, 1, every_third(3, 9), later_of_1);
    say_accept(w, 1, 3, later_of_1, value_noop());
    fails(w, "no majority has promised");
}

static void test_later_rounds_adopt_or_fill(void **state)
{
    struct world *w = *state;
    say_accept(w, 0, 3, first_of_0, batch);
    for (uint32_t i = 1; i < NODES; i++)
        promise(w, i, every_third(3, 9), later_of_1);
    say_accept(w, 1, 3, later_of_1, batch);
    say_accept(w, 1, 6, later_of_1, value_noop());
    fine(w);
    say_accept(w, 1, 9, later_of_1, batch);
    fails(w, "its coordinator never did");
}

/* ---- Disks and words ----------------------------------------------------------------------- */

static void test_promises_of_intervals_do_not_fall(void **state)
{
    struct world *w = *state;
    promise(w, 2, every_third(3, 9), (struct ballot){.round = 2, .node = 2, .boot = 1});
    promise(w, 2, every_third(12, 15), later_of_1);
    fine(w);
    promise(w, 2, every_third(9, 12), later_of_1);
    fails(w, "a promise below a promise");
}

static void test_no_vote_against_an_interval(void **state)
{
    struct world *w = *state;
    promise(w, 2, every_third(3, 9), later_of_1);
    say_accept(w, 0, 6, first_of_0, batch);
    vote(w, 2, 6, first_of_0, batch);
    fails(w, "against a promise");
}

static void test_a_promise_tells_of_noops(void **state)
{
    struct world *w = *state;
    for (uint32_t i = 1; i < NODES; i++)
        promise(w, i, every_third(3, 9), later_of_1);
    truth_on_send(w, 1,
                  &(struct message){
                      .kind = MESSAGE_ACCEPT_NOOP,
                      .interval = every_third(3, 9),
                      .ballot = later_of_1,
                  });
    struct durable voted = {
        .kind = DURABLE_VOTED_NOOP,
        .interval = every_third(3, 6),
        .accepted = later_of_1,
    };
    truth_on_durable(w, 2, &voted);
    struct ballot later = {.round = 2, .node = 1, .boot = 1};
    promise(w, 2, every_third(3, 9), later);
    fine(w);
    struct message m = {
        .kind = MESSAGE_PROMISE_RANGE, .interval = every_third(3, 9), .ballot = later};
    assert_int_equal(reports_new(1, &m.reports), 0);
    reports_add(m.reports, (struct vote_report){every_third(3, 6), later_of_1, value_noop()});
    truth_on_send(w, 2, &m);
    fine(w);
    reports_unref(m.reports);
    m.reports = NULL;
    truth_on_send(w, 2, &m);
    fails(w, "tells of its vote at none");
}

static void test_votes_are_on_the_disk_first(void **state)
{
    struct world *w = *state;
    say_accept(w, 0, 3, first_of_0, batch);
    vote(w, 1, 3, first_of_0, batch);
    struct message m = {.kind = MESSAGE_VOTED, .interval = interval_one(3), .ballot = first_of_0};
    truth_on_send(w, 1, &m);
    fine(w);
    truth_on_send(w, 0, &m);
    fails(w, "its disk never held that");
}

static void test_nothing_is_chosen_by_hearsay(void **state)
{
    struct message m = {.kind = MESSAGE_LEARN_NOOP, .interval = every_third(3, 6)};
    truth_on_send(*state, 1, &m);
    fails(*state, "as chosen in slot 3");
}

static void test_a_reader_is_told_of_votes(void **state)
{
    struct world *w = *state;
    say_accept(w, 0, 9, first_of_0, batch);
    vote(w, 1, 9, first_of_0, batch);
    truth_on_send(w, 1, &(struct message){.kind = MESSAGE_READ_ANSWER, .to = 9});
    fine(w);
    truth_on_send(w, 1, &(struct message){.kind = MESSAGE_READ_ANSWER, .to = 8});
    fails(w, "holds a vote in 9");
}

static void test_chosen_to_has_its_values(void **state)
{
    struct world *w = *state;
    say_skip(w, 1, 1, 1);
    say_skip(w, 2, 2, 2);
    struct durable learnt = {.kind = DURABLE_LEARNT_NOOP, .interval = interval_one(1)};
    struct durable chosen_to = {.kind = DURABLE_CHOSEN_TO, .slot = 1};
    truth_on_durable(w, 0, &learnt);
    truth_on_durable(w, 0, &chosen_to);
    truth_on_synced(w, 0);
    fine(w);
    chosen_to.slot = 2;
    truth_on_durable(w, 0, &chosen_to);
    truth_on_synced(w, 0);
    fails(w, "not the value of slot 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_skip_chooses_noop),
        TEST(test_skip_beyond_the_reservation),
        TEST(test_skip_of_unknown_slots),
        TEST(test_skip_of_what_was_proposed_in),
        TEST(test_skip_of_another_nodes_slot),
        TEST(test_round_0_in_a_skipped_slot),
        TEST(test_round_0_of_somebody_else),
        TEST(test_a_slot_is_used_once),
        TEST(test_later_rounds_need_promises),
        TEST(test_later_rounds_adopt_or_fill),
        TEST(test_promises_of_intervals_do_not_fall),
        TEST(test_no_vote_against_an_interval),
        TEST(test_a_promise_tells_of_noops),
        TEST(test_votes_are_on_the_disk_first),
        TEST(test_nothing_is_chosen_by_hearsay),
        TEST(test_a_reader_is_told_of_votes),
        TEST(test_chosen_to_has_its_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
