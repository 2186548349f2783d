/*
 * hash_test.c -- hash64 is XXH3-64, for ever: its values are on disks.
 *
 * The vectors are those of the reference implementation's own sanity check, over the bytes that it
 * generates. A library that gives others must not be linked.
 */
#include "../unit.h"

#include "base/hash.h"

#define PRIME32 UINT64_C(2654435761)
#define PRIME64 UINT64_C(11400714785074694797)

static const struct {
    size_t size;
    uint64_t seed;
    uint64_t hash;
} vectors[] = {
    {0, 0, UINT64_C(0x2d06800538d394c2)},    {0, PRIME64, UINT64_C(0xa8a6b918b2f0364a)},
    {1, 0, UINT64_C(0xc44bdff4074eecdb)},    {1, PRIME64, UINT64_C(0x032be332dd766ef8)},
    {6, 0, UINT64_C(0x27b56a84cd2d7325)},    {6, PRIME64, UINT64_C(0x84589c116ab59ab9)},
    {12, 0, UINT64_C(0xa713daf0dfbb77e7)},   {12, PRIME64, UINT64_C(0xe7303e1b2336de0e)},
    {24, 0, UINT64_C(0xa3fe70bf9d3510eb)},   {24, PRIME64, UINT64_C(0x850e80fc35bdd690)},
    {48, 0, UINT64_C(0x397da259ecba1f11)},   {48, PRIME64, UINT64_C(0xadc2cbaa44acc616)},
    {80, 0, UINT64_C(0xbcdefbbb2c47c90a)},   {80, PRIME64, UINT64_C(0xc6dd0cb699532e73)},
    {195, 0, UINT64_C(0xcd94217ee362ec3a)},  {195, PRIME64, UINT64_C(0xba68003d370cb3d9)},
    {403, 0, UINT64_C(0xcdeb804d65c6dea4)},  {403, PRIME64, UINT64_C(0x6259f6ecfd6443fd)},
    {512, 0, UINT64_C(0x617e49599013cb6b)},  {512, PRIME64, UINT64_C(0x3ce457de14c27708)},
    {2048, 0, UINT64_C(0xdd59e2c3a5f038e0)}, {2048, PRIME64, UINT64_C(0x66f81670669ababc)},
    {2240, 0, UINT64_C(0x6e73a90539cf2948)}, {2240, PRIME64, UINT64_C(0x757ba8487d1b5247)},
    {2367, 0, UINT64_C(0xcb37aeb9e5d361ed)}, {2367, PRIME64, UINT64_C(0xd2db3415b942b42a)},
};

static void test_known_vectors(void **state)
{
    (void)state;
    static uint8_t data[2367];
    uint64_t generator = PRIME32;
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(generator >> 56);
        generator *= PRIME64;
    }
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        struct bytes b = {.data = data, .size = vectors[i].size};
        assert_int_equal(hash64(b, vectors[i].seed), vectors[i].hash);
    }
}

/* The size of every path of the algorithm, at every alignment: the place in memory is no input. */
static void test_alignment_does_not_matter(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 3, 4, 8, 9, 16, 17, 128, 129, 240, 241, 1024, 1025};
    uint8_t room[1025 + 8];
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        uint64_t wanted = 0;
        for (size_t shift = 0; shift < 8; shift++) {
            for (size_t i = 0; i < sizes[s]; i++)
                room[shift + i] = (uint8_t)(i * 7);
            uint64_t got = hash64((struct bytes){.data = room + shift, .size = sizes[s]}, 5);
            wanted = shift == 0 ? got : wanted;
            assert_int_equal(got, wanted);
        }
    }
}

static void test_null_is_empty(void **state)
{
    (void)state;
    assert_int_equal(hash64((struct bytes){.data = NULL, .size = 0}, 3), hash64(bytes_of(""), 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_vectors),
        cmocka_unit_test(test_alignment_does_not_matter),
        cmocka_unit_test(test_null_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
