/*
 * unit.h -- what every unit test includes first: cmocka with the headers that it needs.
 */
#ifndef DKV_UNIT_UNIT_H
#define DKV_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A test between the setup() and teardown() of its own file. */
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
