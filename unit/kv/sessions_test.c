/* sessions_test.c -- docs/protocol.md, section 4, exactly once: a test per sentence. */
#include "kv_help.h"

#include <stdio.h>

#include "base/mem.h"
#include "kv/session.h"

static struct machine *machine_of(uint32_t clients_max, uint64_t results_bytes_max,
                                  uint32_t result_size_max, uint32_t window)
{
    const struct machine_limits limits = {.clients_max = clients_max,
                                          .results_bytes_max = results_bytes_max,
                                          .result_size_max = result_size_max,
                                          .window = window};
    struct machine *m = NULL;
    assert_int_equal(machine_open(&limits, 1, &m), 0);
    return m;
}

/* A machine with two places for clients. */
static struct machine *machine_of_two(void)
{
    return machine_of(2, 1 << 20, 4096, 8);
}

static void executes(struct machine *m, struct command c)
{
    uint64_t before = machine_executed(m);
    apply_expect(m, c, RESULT_OK, true, false);
    assert_int_equal(machine_executed(m), before + 1);
}

static void repeats(struct machine *m, struct command c)
{
    uint64_t executed = machine_executed(m);
    uint64_t suppressed = machine_suppressed(m);
    apply_expect(m, c, RESULT_OK, true, true);
    assert_int_equal(machine_executed(m), executed);
    assert_int_equal(machine_suppressed(m), suppressed + 1);
}

static void refuses(struct machine *m, struct command c, enum result_code code)
{
    uint64_t executed = machine_executed(m);
    uint64_t revision = machine_revision(m);
    uint64_t suppressed = machine_suppressed(m);
    struct result r = apply(m, c);
    assert_int_equal(r.code, code);
    assert_false(r.applied);
    assert_false(r.duplicate);
    assert_null(r.previous);
    assert_null(r.output);
    assert_int_equal(r.slot, machine_applied(m));
    assert_int_equal(r.revision, revision);
    result_fini(&r);
    assert_int_equal(machine_executed(m), executed);
    assert_int_equal(machine_revision(m), revision);
    assert_int_equal(machine_suppressed(m), suppressed);
}

/* "Duplicates are recognised when applied ... one op may be proposed at two nodes at once." */
static void test_a_repeat_is_answered_with_the_first_result(void **state)
{
    (void)state;
    struct machine *m = machine_of_defaults();
    struct command c = with_previous(with_op(append_of("k", "b"), "c", 1, 1, 0));
    executes(m, put_of("k", "a"));
    executes(m, c);
    executes(m, put_of("k", "z"));

    struct result r = apply(m, c);
    assert_int_equal(r.code, RESULT_OK);
    assert_true(r.duplicate && r.applied && r.found);
    assert_false(r.omitted);
    assert_int_equal(r.revision, 2);
    assert_int_equal(r.slot, 2);
    assert_entry_value(r.previous, "a");
    assert_entry_value(r.output, "ab");
    result_fini(&r);
    assert_value(m, "k", "z");
    assert_int_equal(machine_suppressed(m), 1);
    machine_close(m);
}

static void test_a_repeat_in_the_same_batch(void **state)
{
    (void)state;
    struct machine *m = machine_of_defaults();
    struct command c = with_op(append_of("k", "x"), "c", 1, 1, 0);
    const struct command batch[] = {c, c, c};
    struct result r[3];
    apply_all(m, batch, 3, r);
    for (int i = 0; i < 3; i++) {
        assert_true(r[i].applied);
        assert_int_equal(r[i].duplicate, i > 0);
        assert_entry_value(r[i].output, "x");
        result_fini(&r[i]);
    }
    machine_close(m);
}

/* What took no effect, or was too large, is a result as well. */
static void test_a_failure_is_a_result(void **state)
{
    (void)state;
    struct machine *m = machine_of_defaults();
    static uint8_t big[VALUE_SIZE_MAX];
    struct command cas = with_op(cas_value("k", "a", "b"), "c", 1, 1, 0);
    struct command del = with_op(delete_of("k"), "c", 2, 1, 0);
    apply_expect(m, cas, RESULT_OK, false, false);
    apply_expect(m, del, RESULT_OK, false, false);
    executes(m, put_of("k", "a"));
    apply_expect(m, cas, RESULT_OK, false, true);
    apply_expect(m, del, RESULT_OK, false, true);
    assert_value(m, "k", "a");

    struct command full = put_of("k", "");
    full.value = (struct bytes){.data = big, .size = sizeof(big)};
    executes(m, full);
    struct command append = with_op(append_of("k", "x"), "c", 3, 1, 0);
    apply_expect(m, append, RESULT_TOO_LARGE, false, false);
    executes(m, delete_of("k"));
    apply_expect(m, append, RESULT_TOO_LARGE, false, true);
    assert_value(m, "k", NULL);
    machine_close(m);
}

/* "Per client: results for op_ids in [floor, floor+1024); an op_id beyond is refused." */
static void test_an_op_beyond_the_window_is_refused(void **state)
{
    (void)state;
    struct machine *m = machine_of_two();
    refuses(m, with_op(put_of("k", "v"), "c", 9, 1, 0), RESULT_BEYOND_WINDOW);
    assert_int_equal(machine_clients(m), 0);
    executes(m, with_op(put_of("k", "v"), "c", 8, 1, 0));
    assert_int_equal(machine_clients(m), 1);
    refuses(m, with_op(put_of("k", "v"), "c", 9, 1, 0), RESULT_BEYOND_WINDOW);
    /* The command's own floor counts first, */
    executes(m, with_op(put_of("k", "v"), "c", 9, 2, 0));
    /* and no lower one of a late repeat afterwards. */
    executes(m, with_op(put_of("k", "v"), "c", 5, 1, 0));
    refuses(m, with_op(put_of("k", "v"), "c", 10, 1, 0), RESULT_BEYOND_WINDOW);
    machine_close(m);
}

static void test_the_window_at_the_end_of_numbers(void **state)
{
    (void)state;
    struct machine *m = machine_of_two();
    executes(m, with_op(put_of("k", "v"), "c", UINT64_MAX, UINT64_MAX - 7, 0));
    repeats(m, with_op(put_of("k", "v"), "c", UINT64_MAX, UINT64_MAX, 0));
    refuses(m, with_op(put_of("k", "v"), "d", UINT64_MAX, UINT64_MAX - 8, 0), RESULT_BEYOND_WINDOW);
    machine_close(m);
}

/* "floor is the lowest op_id whose answer the client still lacks. Below the floor: STALE." */
static void test_below_the_floor_is_stale(void **state)
{
    (void)state;
    struct machine *m = machine_of_defaults();
    executes(m, with_op(put_of("k", "a"), "c", 1, 1, 0));
    executes(m, with_op(put_of("k", "b"), "c", 2, 1, 0));
    executes(m, with_op(put_of("k", "c"), "c", 3, 3, 0));
    refuses(m, with_op(put_of("k", "a"), "c", 1, 1, 0), RESULT_STALE);
    refuses(m, with_op(put_of("k", "b"), "c", 2, 2, 0), RESULT_STALE);
    refuses(m, with_op(put_of("k", "other"), "c", 2, 2, 0), RESULT_STALE);
    repeats(m, with_op(put_of("k", "c"), "c", 3, 1, 0));
    assert_value(m, "k", "c");
    machine_close(m);
}

static void test_a_lower_floor_lowers_nothing(void **state)
{
    (void)state;
    struct machine *m = machine_of_defaults();
    executes(m, with_op(put_of("k", "a"), "c", 5, 5, 0));
    executes(m, with_op(put_of("k", "b"), "c", 6, 1, 0)); /* Late. */
    refuses(m, with_op(put_of("k", "c"), "c", 4, 1, 0), RESULT_STALE);
    machine_close(m);
}

static void test_a_repeat_raises_the_floor(void **state)
{
    (void)state;
    struct machine *m = machine_of_defaults();
    executes(m, with_op(put_of("k", "a"), "c", 1, 1, 0));
    executes(m, with_op(put_of("k", "b"), "c", 2, 1, 0));
    repeats(m, with_op(put_of("k", "b"), "c", 2, 2, 0));
    refuses(m, with_op(put_of("k", "a"), "c", 1, 1, 0), RESULT_STALE);
    machine_close(m);
}

/* "A repeated op_id with a different payload: an error, never the cached result." */
static void test_another_payload_is_a_mismatch(void **state)
{
    (void)state;
    struct machine *m = machine_of_defaults();
    struct command c = with_op(put_of("k", "a"), "c", 1, 1, 7);
    executes(m, c);
    refuses(m, with_op(put_of("k", "b"), "c", 1, 1, 7), RESULT_MISMATCH);
    refuses(m, with_op(put_of("l", "a"), "c", 1, 1, 7), RESULT_MISMATCH);
    refuses(m, with_op(append_of("k", "a"), "c", 1, 1, 7), RESULT_MISMATCH);
    refuses(m, with_op(cas_value("k", "a", "a"), "c", 1, 1, 7), RESULT_MISMATCH);
    refuses(m, with_previous(c), RESULT_MISMATCH);
    repeats(m, c);
    machine_close(m);
}

/* "... not floor or born." */
static void test_floor_and_born_are_not_payload(void **state)
{
    (void)state;
    struct machine *m = machine_of_defaults();
    executes(m, with_op(put_of("k", "a"), "c", 3, 1, 7));
    repeats(m, with_op(put_of("k", "a"), "c", 3, 2, 7));
    repeats(m, with_op(put_of("k", "a"), "c", 3, 2, 99));
    machine_close(m);
}

/* "lastOpID alone loses operations." */
static void test_ops_out_of_order_are_all_executed(void **state)
{
    (void)state;
    struct machine *m = machine_of_defaults();
    static const uint64_t order[] = {2, 1, 7, 3, 6, 4, 5};
    for (size_t i = 0; i < 7; i++)
        executes(m, with_op(append_of("k", "x"), "c", order[i], 1, 0));
    for (uint64_t op = 1; op <= 7; op++)
        repeats(m, with_op(append_of("k", "x"), "c", op, 1, 0));
    assert_value(m, "k", "xxxxxxx");
    machine_close(m);
}

static void test_clients_do_not_share_op_ids(void **state)
{
    (void)state;
    struct machine *m = machine_of_defaults();
    executes(m, with_op(append_of("k", "x"), "c", 1, 1, 0));
    executes(m, with_op(append_of("k", "x"), "cc", 1, 1, 0));
    assert_int_equal(machine_clients(m), 2);
    machine_close(m);
}

/* "Constants of the protocol version." */
static void test_the_constants(void **state)
{
    (void)state;
    assert_int_equal(CLIENT_ID_SIZE_MAX, 64);
    assert_int_equal(machine_limits_default.clients_max, 65536);
    assert_int_equal(machine_limits_default.results_bytes_max, 256 << 20);
    assert_int_equal(machine_limits_default.result_size_max, 4096);
    assert_int_equal(machine_limits_default.window, 1024);
}

/* "4 KiB per result (of a longer one a repeat is told OK, result omitted)." */
static void test_a_long_result_is_omitted(void **state)
{
    (void)state;
    struct machine *m = machine_of(8, 1 << 20, 4, 8);
    struct command c = with_op(append_of("k", "ab"), "c", 1, 1, 0);
    struct command d = with_op(append_of("k", "cd"), "c", 2, 1, 0);
    struct command e = with_op(append_of("k", "e"), "c", 3, 1, 0);
    struct command f = with_previous(with_op(append_of("l", "xyz"), "c", 4, 1, 0));
    struct command g = with_previous(with_op(append_of("l", ""), "c", 5, 1, 0));
    executes(m, c);
    executes(m, d);
    struct result r = apply(m, e);
    assert_false(r.omitted); /* Not the first time. */
    assert_entry_value(r.output, "abcde");
    result_fini(&r);
    executes(m, f);
    executes(m, g); /* Two values of three bytes. */

    const struct command all[] = {c, d, e, f, g};
    const char *kept[] = {"ab", "abcd", NULL, "xyz", NULL};
    for (size_t i = 0; i < 5; i++) {
        r = apply(m, all[i]);
        assert_true(r.duplicate && r.applied);
        assert_int_equal(r.code, RESULT_OK);
        assert_int_equal(r.omitted, kept[i] == NULL);
        assert_entry_value(r.output, kept[i]);
        assert_null(r.previous);
        result_fini(&r);
    }
    machine_close(m);
}

/* "A write without client_id has no entry." */
static void test_without_a_client_there_is_no_entry(void **state)
{
    (void)state;
    struct machine *m = machine_of_defaults();
    executes(m, append_of("k", "x"));
    executes(m, append_of("k", "x"));
    assert_value(m, "k", "xx");
    assert_int_equal(machine_clients(m), 0);
    machine_close(m);
}

/* "The table evicts by log order (slot of last use ...)." */
static void test_the_client_used_longest_ago_goes(void **state)
{
    (void)state;
    struct machine *m = machine_of_two();
    executes(m, with_op(put_of("k", "v"), "a", 1, 1, 0)); /* slot 1 */
    executes(m, with_op(put_of("k", "v"), "b", 1, 1, 0)); /* 2 */
    executes(m, with_op(put_of("k", "v"), "a", 2, 1, 0)); /* 3 */
    assert_int_equal(machine_evicted_to(m), 0);
    executes(m, with_op(put_of("k", "v"), "c", 1, 1, 0)); /* 4: b goes */
    assert_int_equal(machine_evicted_to(m), 2);
    assert_int_equal(machine_clients(m), 2);
    repeats(m, with_op(put_of("k", "v"), "a", 1, 1, 0));
    repeats(m, with_op(put_of("k", "v"), "c", 1, 1, 0));
    refuses(m, with_op(put_of("k", "v"), "b", 1, 1, 0), RESULT_SESSION_EXPIRED);
    machine_close(m);
}

/* "... then place in the batch." */
static void test_the_place_in_the_batch_decides(void **state)
{
    (void)state;
    struct machine *m = machine_of(3, 1 << 20, 4096, 8);
    const struct command batch[] = {
        with_op(put_of("k", "v"), "c", 1, 1, 0),
        with_op(put_of("k", "v"), "a", 1, 1, 0),
        with_op(put_of("k", "v"), "b", 1, 1, 0),
    };
    apply_all(m, batch, 3, NULL);
    executes(m, with_op(put_of("k", "v"), "d", 1, 1, 1));
    assert_int_equal(machine_evicted_to(m), 1);
    refuses(m, with_op(put_of("k", "v"), "c", 1, 1, 0), RESULT_SESSION_EXPIRED);
    repeats(m, with_op(put_of("k", "v"), "a", 1, 1, 0));
    repeats(m, with_op(put_of("k", "v"), "b", 1, 1, 0));
    machine_close(m);
}

/* "A suppressed duplicate is a use." So is a refusal of a client that is there. */
static void test_a_repeat_is_a_use(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        struct machine *m = machine_of_two();
        executes(m, with_op(put_of("k", "v"), "a", 3, 3, 0));
        executes(m, with_op(put_of("k", "v"), "b", 1, 1, 0));
        if (kind == 0)
            repeats(m, with_op(put_of("k", "v"), "a", 3, 3, 0));
        else if (kind == 1)
            refuses(m, with_op(put_of("k", "v"), "a", 2, 1, 0), RESULT_STALE);
        else if (kind == 2)
            refuses(m, with_op(put_of("k", "w"), "a", 3, 3, 0), RESULT_MISMATCH);
        else
            refuses(m, with_op(put_of("k", "w"), "a", 11, 3, 0), RESULT_BEYOND_WINDOW);
        executes(m, with_op(put_of("k", "v"), "c", 1, 1, 0)); /* b goes */
        assert_int_equal(machine_evicted_to(m), 2);
        repeats(m, with_op(put_of("k", "v"), "a", 3, 3, 0));
        machine_close(m);
    }
}

/* "... keep evicted_to, the highest slot of last use among all that were evicted." */
static void test_evicted_to_is_the_slot_of_last_use(void **state)
{
    (void)state;
    struct machine *m = machine_of_two();
    char name[8];
    for (unsigned i = 1; i <= 20; i++) {
        snprintf(name, sizeof(name), "c%u", i);
        executes(m, with_op(put_of("k", "v"), name, 1, 1, machine_applied(m)));
        assert_int_equal(machine_evicted_to(m), i <= 2 ? 0 : i - 2);
    }
    machine_close(m);
}

/* "An op not in the table with born < evicted_to is answered SESSION_EXPIRED and not executed." */
static void test_born_decides_for_who_is_not_there(void **state)
{
    (void)state;
    struct machine *m = machine_of_two();
    executes(m, with_op(put_of("k", "v"), "a", 1, 1, 0));
    executes(m, with_op(put_of("k", "v"), "b", 1, 1, 0));
    executes(m, with_op(put_of("k", "v"), "b", 2, 1, 0)); /* slot 3 */
    executes(m, with_op(put_of("k", "v"), "c", 1, 1, 3)); /* a goes: evicted_to 1 */
    executes(m, with_op(put_of("k", "v"), "d", 1, 1, 3)); /* b goes: evicted_to 3 */
    assert_int_equal(machine_evicted_to(m), 3);
    refuses(m, with_op(put_of("k", "v"), "e", 1, 1, 2), RESULT_SESSION_EXPIRED);
    assert_int_equal(machine_clients(m), 2);
    executes(m, with_op(put_of("k", "v"), "e", 1, 1, 3));
    machine_close(m);
}

/* "Without born, an evicted client that repeats its first op is executed twice." */
static void test_an_evicted_client_is_not_executed_again(void **state)
{
    (void)state;
    struct machine *m = machine_of_two();
    struct command first = with_op(append_of("k", "x"), "a", 1, 1, 0);
    executes(m, first);
    executes(m, with_op(put_of("l", "v"), "b", 1, 1, 1));
    executes(m, with_op(put_of("l", "v"), "c", 1, 1, 2));
    refuses(m, first, RESULT_SESSION_EXPIRED);
    assert_value(m, "k", "x");
    machine_close(m);
}

/*
 * An *op* not in the table, says the rule, not a client: one that went and came back with a later
 * op has lost the result of the first one all the same.
 */
static void test_nor_when_it_came_back(void **state)
{
    (void)state;
    struct machine *m = machine_of_two();
    struct command first = with_op(append_of("k", "x"), "a", 1, 1, 0);
    executes(m, first);                                   /* slot 1 */
    executes(m, with_op(put_of("l", "v"), "b", 1, 1, 1)); /* 2 */
    executes(m, with_op(put_of("l", "v"), "c", 1, 1, 2)); /* 3: a goes, evicted_to 1 */
    executes(m, with_op(append_of("k", "y"), "a", 2, 1, 3));
    refuses(m, first, RESULT_SESSION_EXPIRED);
    assert_value(m, "k", "xy");
    machine_close(m);
}

/* "A client that gets it for an op it had never sent before takes a new born." */
static void test_a_new_born_helps(void **state)
{
    (void)state;
    struct machine *m = machine_of_two();
    for (uint64_t i = 0; i < 6; i++) {
        const char *names[] = {"a", "b", "c"};
        executes(m, with_op(put_of("k", "v"), names[i % 3], i + 1, i + 1, machine_applied(m)));
    }
    refuses(m, with_op(put_of("k", "v"), "new", 1, 1, 0), RESULT_SESSION_EXPIRED);
    executes(m, with_op(put_of("k", "v"), "new", 1, 1, machine_applied(m)));
    machine_close(m);
}

/* A result that is there is given out, however old born is. */
static void test_a_result_that_is_there_has_not_expired(void **state)
{
    (void)state;
    struct machine *m = machine_of_two();
    executes(m, with_op(put_of("k", "v"), "b", 1, 1, 0));
    executes(m, with_op(put_of("k", "v"), "a", 1, 1, 0));
    executes(m, with_op(put_of("k", "v"), "c", 1, 1, 2)); /* b goes */
    assert_int_equal(machine_evicted_to(m), 1);
    repeats(m, with_op(put_of("k", "v"), "a", 1, 1, 0));
    machine_close(m);
}

/* "256 MiB of results": the sessions used longest ago go, whole. */
static void test_the_bytes_of_results_are_bounded(void **state)
{
    (void)state;
    /* Each of these results: its overhead, a key of one byte and a value of ten. */
    uint64_t each = STORED_BYTES + 11;
    struct machine *m = machine_of(100, 5 * each, 4096, 8);
    executes(m, with_op(append_of("1", "0123456789"), "a", 1, 1, 0));
    executes(m, with_op(append_of("2", "0123456789"), "a", 2, 1, 0));
    executes(m, with_op(append_of("3", "0123456789"), "b", 1, 1, 0));
    executes(m, with_op(append_of("4", "0123456789"), "c", 1, 1, 0));
    executes(m, with_op(append_of("5", "0123456789"), "c", 2, 1, 0));
    assert_int_equal(machine_clients(m), 3);
    assert_int_equal(machine_evicted_to(m), 0);
    executes(m, with_op(append_of("6", "0123456789"), "d", 1, 1, 5));
    assert_int_equal(machine_clients(m), 3); /* a went, with both. */
    assert_int_equal(machine_evicted_to(m), 2);
    executes(m, with_op(append_of("7", "0123456789"), "d", 2, 1, 5));
    assert_int_equal(machine_clients(m), 3);

    /* What the floor drops no longer counts. */
    executes(m, with_op(append_of("8", "0123456789"), "d", 3, 3, 5));
    assert_int_equal(machine_clients(m), 3);
    machine_close(m);
}

/* The session in use stays, and may pass the bound alone. */
static void test_the_session_in_use_stays(void **state)
{
    (void)state;
    struct machine *m = machine_of(100, 100, 4096, 8);
    executes(m, with_op(put_of("k", "v"), "a", 1, 1, 0));
    for (uint64_t op = 1; op <= 8; op++)
        executes(m, with_op(append_of("k", "0123456789"), "b", op, 1, 1));
    assert_int_equal(machine_clients(m), 1);
    assert_int_equal(machine_evicted_to(m), 1);
    for (uint64_t op = 1; op <= 8; op++)
        repeats(m, with_op(append_of("k", "0123456789"), "b", op, 1, 1));
    machine_close(m);
}

static void test_a_full_table_of_one(void **state)
{
    (void)state;
    struct machine *m = machine_of(1, 1 << 20, 4096, 8);
    executes(m, with_op(put_of("k", "v"), "a", 1, 1, 0));
    executes(m, with_op(put_of("k", "v"), "b", 1, 1, 0));
    assert_int_equal(machine_clients(m), 1);
    repeats(m, with_op(put_of("k", "v"), "b", 1, 1, 0));
    refuses(m, with_op(put_of("k", "v"), "a", 1, 1, 0), RESULT_SESSION_EXPIRED);
    machine_close(m);
}

/* "Table and evicted_to are in every snapshot." */
static void test_a_snapshot_has_it_all(void **state)
{
    (void)state;
    const struct machine_limits limits = {2, 1 << 20, 4, 8};
    struct machine *m = machine_of(2, 1 << 20, 4, 8);
    struct command kept = with_previous(with_op(append_of("k", "x"), "b", 3, 2, 1));
    struct command omitted = with_op(append_of("long", "0123456789"), "b", 2, 2, 1);
    executes(m, with_op(put_of("k", "v"), "a", 1, 1, 0));
    executes(m, kept);
    executes(m, omitted);
    executes(m, with_op(put_of("l", "v"), "c", 1, 1, 3)); /* a goes */

    struct shelf shelf = {0};
    shelf_freeze(&shelf, m);
    struct machine *copy = NULL;
    assert_int_equal(shelf_restore(&shelf, &limits, 5, &copy), 0);
    assert_int_equal(machine_clients(copy), 2);
    assert_int_equal(machine_evicted_to(copy), 1);
    refuses(copy, with_op(put_of("k", "v"), "a", 1, 1, 0), RESULT_SESSION_EXPIRED);
    refuses(copy, with_op(put_of("k", "v"), "b", 1, 1, 9), RESULT_STALE);
    refuses(copy, with_op(put_of("k", "v"), "b", 3, 1, 9), RESULT_MISMATCH);
    struct result r = apply(copy, kept);
    assert_true(r.duplicate);
    assert_int_equal(r.slot, 2);
    assert_int_equal(r.revision, 2);
    assert_entry_value(r.previous, "v");
    assert_entry_value(r.output, "vx");
    assert_int_equal(r.previous->mod_revision, 1);
    assert_int_equal(r.output->version, 2);
    result_fini(&r);
    r = apply(copy, omitted);
    assert_true(r.duplicate && r.omitted);
    result_fini(&r);
    machine_close(copy);
    shelf_fini(&shelf);
    machine_close(m);
    assert_int_equal(mem_outstanding(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_repeat_is_answered_with_the_first_result),
        cmocka_unit_test(test_a_repeat_in_the_same_batch),
        cmocka_unit_test(test_a_failure_is_a_result),
        cmocka_unit_test(test_an_op_beyond_the_window_is_refused),
        cmocka_unit_test(test_the_window_at_the_end_of_numbers),
        cmocka_unit_test(test_below_the_floor_is_stale),
        cmocka_unit_test(test_a_lower_floor_lowers_nothing),
        cmocka_unit_test(test_a_repeat_raises_the_floor),
        cmocka_unit_test(test_another_payload_is_a_mismatch),
        cmocka_unit_test(test_floor_and_born_are_not_payload),
        cmocka_unit_test(test_ops_out_of_order_are_all_executed),
        cmocka_unit_test(test_clients_do_not_share_op_ids),
        cmocka_unit_test(test_the_constants),
        cmocka_unit_test(test_a_long_result_is_omitted),
        cmocka_unit_test(test_without_a_client_there_is_no_entry),
        cmocka_unit_test(test_the_client_used_longest_ago_goes),
        cmocka_unit_test(test_the_place_in_the_batch_decides),
        cmocka_unit_test(test_a_repeat_is_a_use),
        cmocka_unit_test(test_evicted_to_is_the_slot_of_last_use),
        cmocka_unit_test(test_born_decides_for_who_is_not_there),
        cmocka_unit_test(test_an_evicted_client_is_not_executed_again),
        cmocka_unit_test(test_nor_when_it_came_back),
        cmocka_unit_test(test_a_new_born_helps),
        cmocka_unit_test(test_a_result_that_is_there_has_not_expired),
        cmocka_unit_test(test_the_bytes_of_results_are_bounded),
        cmocka_unit_test(test_the_session_in_use_stays),
        cmocka_unit_test(test_a_full_table_of_one),
        cmocka_unit_test(test_a_snapshot_has_it_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
