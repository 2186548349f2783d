/* random_ops.c -- see random_ops.h. */
#include "random_ops.h"

#include "../unit.h"

#include "kv/machine.h"

#define KEYS 10
#define CLIENTS 7

const struct machine_limits random_limits = {
    .clients_max = 4, .results_bytes_max = 700, .result_size_max = 12, .window = 5};

static struct bytes text_of(uint8_t out[32], char letter, uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)((uint64_t)(unsigned char)letter + number * (i + 1));
    return (struct bytes){.data = out, .size = size};
}

/* A function of the seed alone: what a repeat repeats. */
static struct command payload_of(uint64_t seed, uint8_t text[3][32])
{
    struct prng p;
    prng_init(&p, seed);
    struct command c = {.kind = (enum command_kind)prng_between(&p, COMMAND_PUT, COMMAND_CAS)};
    c.want_previous = prng_chance(&p, 300000);
    c.key = text_of(text[0], 'k', prng_below(&p, KEYS), (size_t)prng_between(&p, 1, 2));
    if (c.kind != COMMAND_DELETE)
        c.value = text_of(text[1], 'v', prng_below(&p, 3), (size_t)prng_below(&p, 9));
    if (c.kind == COMMAND_CAS)
        c.expect = (enum command_expect)prng_between(&p, EXPECT_ABSENT, EXPECT_REVISION);
    if (c.expect == EXPECT_VALUE)
        c.expected = text_of(text[2], 'v', prng_below(&p, 3), (size_t)prng_below(&p, 3));
    if (c.expect == EXPECT_REVISION)
        c.expected_revision = prng_between(&p, 1, 30);
    return c;
}

static void random_command(struct prng *p, uint64_t applied, struct command *c, uint8_t text[3][32])
{
    static const uint8_t ids[CLIENTS][2] = {"a", "b", "c", "d", "e", "f", "g"};
    if (prng_chance(p, 150000)) {
        *c = payload_of(prng_next(p), text);
        return;
    }
    uint64_t client = prng_below(p, CLIENTS);
    uint64_t op_id = 1 + applied / 16 + prng_below(p, 7);
    uint64_t variant = prng_chance(p, 50000);
    *c = payload_of(client << 40 | op_id << 1 | variant, text);
    c->client_id = (struct bytes){.data = ids[client], .size = 1};
    c->op_id = op_id;
    c->floor = op_id - prng_below(p, op_id < 6 ? op_id : 6);
    c->born = prng_chance(p, 700000) ? applied : applied - prng_below(p, applied + 1);
}

void random_batch(struct prng *p, uint64_t applied, struct random_batch *b)
{
    b->count = (uint32_t)prng_between(p, 1, RANDOM_BATCH_MAX);
    buf_clear(&b->bytes);
    for (uint32_t i = 0; i < b->count; i++) {
        random_command(p, applied, &b->commands[i], b->text[i]);
        assert_int_equal(command_encode(&b->commands[i], &b->bytes), 0);
    }
}
