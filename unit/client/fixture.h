/*
 * fixture.h -- what the tests of libdkv share: one or two fake nodes, and clients of them.
 */
#ifndef DKV_UNIT_CLIENT_FIXTURE_H
#define DKV_UNIT_CLIENT_FIXTURE_H

#include "fake.h"

/* "127.0.0.1:port,…" of these, in a static buffer. A port of 0: one that nobody listens on. */
const char *fixture_endpoints(const uint16_t *ports, size_t count);

/* A client of these endpoints; options may be NULL, and need not name them. */
struct dkv_client *fixture_client_of(const char *endpoints, const struct dkv_options *options);

/* The nodes of the test at hand, with ids 1 and 2. Fixtures of cmocka start one or both. */
extern struct fake one;
extern struct fake two;
int fixture_setup_one(void **state);
int fixture_setup_two(void **state);
int fixture_teardown(void **state);
#define FIXTURE_TEST_ONE(name) \
    cmocka_unit_test_setup_teardown(name, fixture_setup_one, fixture_teardown)
#define FIXTURE_TEST_TWO(name) \
    cmocka_unit_test_setup_teardown(name, fixture_setup_two, fixture_teardown)

/* A client of `one`; and the endpoints of both. */
struct dkv_client *fixture_client(const struct dkv_options *options);
const char *fixture_both(void);

struct dkv_bytes text(const char *s);

/* A put of key k, executed. */
struct dkv_answer put(struct dkv_client *client, const char *value);

#endif
