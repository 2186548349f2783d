/* fixture.c -- see fixture.h. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

const char *fixture_endpoints(const uint16_t *ports, size_t count)
{
    static char joined[256];
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        uint16_t port = ports[i] != 0 ? ports[i] : dead_port();
        used += (size_t)snprintf(joined + used, sizeof(joined) - used, "%s%s", i > 0 ? "," : "",
                                 loopback(port));
        assert_true(used < sizeof(joined));
    }
    return joined;
}

struct dkv_client *fixture_client_of(const char *endpoints, const struct dkv_options *options)
{
    struct dkv_options all = options != NULL ? *options : (struct dkv_options){0};
    struct dkv_client *client = NULL;
    all.endpoints = endpoints;
    assert_int_equal(dkv_open(&all, &client), DKV_OK);
    return client;
}

struct fake one;
struct fake two;
static bool has_two;

int fixture_setup_one(void **state)
{
    (void)state;
    fake_start(&one, 1);
    has_two = false;
    return 0;
}

int fixture_setup_two(void **state)
{
    assert_int_equal(fixture_setup_one(state), 0);
    fake_start(&two, 2);
    has_two = true;
    return 0;
}

int fixture_teardown(void **state)
{
    (void)state;
    fake_stop(&one);
    if (has_two)
        fake_stop(&two);
    return 0;
}

struct dkv_client *fixture_client(const struct dkv_options *options)
{
    const uint16_t port = fake_port(&one);
    return fixture_client_of(fixture_endpoints(&port, 1), options);
}

const char *fixture_both(void)
{
    const uint16_t ports[] = {fake_port(&one), fake_port(&two)};
    return fixture_endpoints(ports, 2);
}

struct dkv_bytes text(const char *s)
{
    return (struct dkv_bytes){.data = s, .size = strlen(s)};
}

struct dkv_answer put(struct dkv_client *client, const char *value)
{
    const struct dkv_op op = {.kind = DKV_PUT, .key = text("k"), .value = text(value)};
    struct dkv_answer answer;
    dkv_execute(client, &op, &answer);
    return answer;
}
