/*
 * fixture.h -- what a test of a service's messages writes into, reads with, and is told.
 */
#ifndef DKV_UNIT_WIRE_FIXTURE_H
#define DKV_UNIT_WIRE_FIXTURE_H

#include "../unit.h"

#include "wire/wire.h"

struct fixture {
    struct buf buf;
    struct wire_list list;
    struct wire_arena arena;
    struct wire_error error;
};

/* *state is a struct fixture, empty at first; at the end no memory of ours is left. */
int fixture_setup(void **state);
int fixture_teardown(void **state);
#define FIXTURE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#endif
