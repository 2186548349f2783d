/*
 * twin_test.c -- the machine against its naive twin, against itself with other hash seeds, and
 * against itself out of checkpoints, on one random log.
 */
#include "kv_help.h"

#include "base/mem.h"
#include "random_ops.h"
#include "twin.h"

#define SLOTS 3000

static struct machine *machine_of(uint64_t hash_seed)
{
    struct machine *m = NULL;
    assert_int_equal(machine_open(&random_limits, 1, &m), 0);
    machine_set_hash_seed(m, hash_seed);
    return m;
}

struct world {
    struct machine *a; /* Checked against the twin, and frozen. */
    struct machine *b; /* Another hash seed; now and then made anew from the shelf. */
    struct twin twin;
    struct shelf shelf;
    uint64_t codes[RESULT_TOO_LARGE + 1];
    uint64_t omitted;
    uint64_t restored;
};

static void step(struct world *w, const struct random_batch *batch)
{
    struct result r[RANDOM_BATCH_MAX];
    uint64_t slot = machine_applied(w->a) + 1;
    assert_int_equal(machine_apply(w->a, slot, buf_bytes(&batch->bytes), r), 0);
    for (uint32_t i = 0; i < batch->count; i++) {
        twin_apply(&w->twin, &batch->commands[i], slot, i, &r[i]);
        w->codes[r[i].code]++;
        w->omitted += r[i].omitted;
        result_fini(&r[i]);
    }
    assert_int_equal(machine_apply(w->b, slot, buf_bytes(&batch->bytes), NULL), 0);
    assert_true(machine_hash(w->a) == machine_hash(w->b));
    twin_compare(&w->twin, w->a);
    assert_int_equal(machine_executed(w->a), w->twin.executed);
    assert_int_equal(machine_suppressed(w->a), w->twin.suppressed);
}

/* Freeze a at random, and go on with a copy out of the shelf in the place of b. */
static void checkpoint(struct world *w, struct prng *p)
{
    if (!prng_chance(p, 80000))
        return;
    shelf_freeze(&w->shelf, w->a);
    assert_int_equal(machine_dirty_bytes(w->a), 0);
    if (!prng_chance(p, 500000))
        return;
    machine_close(w->b);
    assert_int_equal(shelf_restore(&w->shelf, &random_limits, prng_next(p), &w->b), 0);
    assert_true(machine_hash(w->a) == machine_hash(w->b));
    assert_int_equal(machine_applied(w->a), machine_applied(w->b));
    assert_int_equal(machine_executed(w->b), 0);
    assert_int_equal(machine_dirty_bytes(w->b), 0);
    twin_compare(&w->twin, w->b);
    w->restored++;
}

static void run(uint64_t seed)
{
    static struct world w;
    struct random_batch batch = {0};
    struct prng p;
    prng_init(&p, seed);
    w = (struct world){.a = machine_of(1), .b = machine_of(2), .twin.limits = random_limits};
    for (int i = 0; i < SLOTS; i++) {
        random_batch(&p, machine_applied(w.a), &batch);
        step(&w, &batch);
        checkpoint(&w, &p);
    }
    /* It was about something. */
    for (int code = RESULT_OK; code < RESULT_TOO_LARGE; code++)
        assert_true(w.codes[code] > 20);
    assert_true(w.omitted > 20);
    assert_true(w.twin.suppressed > 100);
    assert_true(w.restored > 20);
    assert_true(w.twin.evicted_to > 100);

    machine_close(w.a);
    machine_close(w.b);
    twin_fini(&w.twin);
    shelf_fini(&w.shelf);
    buf_fini(&batch.bytes);
    assert_int_equal(mem_outstanding(), 0);
}

static void test_random_logs(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++)
        run(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_logs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
