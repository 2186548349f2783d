/* garbage.c -- see garbage.h. */
#include "garbage.h"

#define ROUNDS 10000
#define INPUT_SIZE_MAX 512

static void mutate(struct prng *p, struct buf *b)
{
    uint64_t wounds = prng_below(p, 4); /* None: it must be let through. */
    for (uint64_t i = 0; i < wounds && b->size > 0; i++) {
        size_t at = (size_t)prng_below(p, b->size);
        switch (prng_below(p, 4)) {
        case 0:
            b->data[at] = (uint8_t)(b->data[at] ^ 1U << prng_below(p, 8));
            break;
        case 1:
            b->data[at] = (uint8_t)prng_next(p);
            break;
        case 2:
            b->size = at;
            break;
        default: /* A piece of it once more. */
            add(buf_reserve(b, b->size - at));
            memcpy(b->data + b->size, b->data + at, b->size - at);
            b->size += b->size - at;
            break;
        }
    }
}

/* An input of exactly its size, so that reading past its end is seen. */
static int decode_exactly(const struct decoder *d, struct bytes in, struct wire_arena *arena,
                          struct buf *again)
{
    uint8_t *exact = mem_alloc(in.size == 0 ? 1 : in.size);
    assert_non_null(exact);
    if (in.size > 0)
        memcpy(exact, in.data, in.size);
    int err = d->decode((struct bytes){.data = exact, .size = in.size}, arena, again);
    mem_free(exact);
    assert_true(err == 0 || err == ERR_INVALID);
    return err;
}

/* What was let through means the same after one more round trip. */
static bool check_one(const struct decoder *d, struct bytes in)
{
    struct wire_arena arena;
    struct buf again = {0};
    struct buf third = {0};
    wire_arena_init(&arena);
    int err = decode_exactly(d, in, &arena, &again);
    if (err == 0) {
        assert_int_equal(decode_exactly(d, buf_bytes(&again), &arena, &third), 0);
        assert_bytes(buf_bytes(&third), buf_bytes(&again));
    }
    wire_arena_fini(&arena);
    buf_fini(&again);
    buf_fini(&third);
    return err == 0;
}

static void check_decoder(const struct decoder *d)
{
    struct prng p;
    struct buf b = {0};
    int taken = 0;
    prng_init(&p, d->seed);
    for (int round = 0; round < ROUNDS; round++) {
        buf_clear(&b);
        if (round % 4 == 0) {
            size_t size = (size_t)prng_below(&p, INPUT_SIZE_MAX);
            for (size_t i = 0; i < size; i++)
                add(buf_append_u8(&b, (uint8_t)prng_next(&p)));
        } else {
            d->sample(&b, prng_next(&p) >> 8);
            mutate(&p, &b);
        }
        if (check_one(d, buf_bytes(&b)))
            taken++;
    }
    buf_fini(&b);
    /* Else this test would say nothing of what is let through. */
    if (taken < ROUNDS / 20)
        fail_msg("%s: only %d of %d inputs were let through", d->name, taken, ROUNDS);
    assert_int_equal(mem_outstanding(), 0);
}

void garbage_check(const struct decoder *decoders, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_decoder(&decoders[i]);
}
