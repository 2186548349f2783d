/*
 * address_test.c -- what a name may stand for on a host that lacks some of it.
 *
 * The linker puts the functions of this file in the place of the resolver's.
 */
#define _GNU_SOURCE
#include "../unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rpc/address.h"

/* What the name stands for, for this test. */
static struct addrinfo *resolved;

int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **out_found);
void __wrap_freeaddrinfo(struct addrinfo *found);

int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **out_found)
{
    (void)port;
    (void)hints;
    assert_string_equal(host, "name");
    *out_found = resolved;
    return 0;
}

void __wrap_freeaddrinfo(struct addrinfo *found)
{
    assert_ptr_equal(found, resolved);
}

/* One that is there: any port of 127.0.0.1. */
static struct sockaddr_in here;
static struct addrinfo free_one;
/* One that is set aside for documents, so that no host has it. */
static struct sockaddr_in elsewhere;
static struct addrinfo missing_one;
/* Of a kind that the system has never heard of, as IPv6 without the kernel's module. */
static struct addrinfo unknown_one;

static int setup(void **state)
{
    (void)state;
    here = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    elsewhere = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(0xc0000201)}};
    free_one = (struct addrinfo){
        .ai_family = AF_INET,
        .ai_socktype = SOCK_STREAM,
        .ai_addr = (struct sockaddr *)&here,
        .ai_addrlen = sizeof(here),
    };
    missing_one = free_one;
    missing_one.ai_addr = (struct sockaddr *)&elsewhere;
    unknown_one = free_one;
    unknown_one.ai_family = AF_MAX + 100;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return 0;
}

static int probe(struct addrinfo *first, struct addrinfo *second)
{
    first->ai_next = second;
    if (second != NULL)
        second->ai_next = NULL;
    resolved = first;
    return rpc_address_probe("name:1");
}

static void test_what_is_not_here_is_left_out(void **state)
{
    (void)state;
    assert_int_equal(probe(&free_one, NULL), 0);
    assert_int_equal(probe(&missing_one, &free_one), 0);
    assert_int_equal(probe(&free_one, &missing_one), 0);
    assert_int_equal(probe(&unknown_one, &free_one), 0);
    assert_int_equal(probe(&free_one, &unknown_one), 0);
}

static void test_one_must_be_here(void **state)
{
    (void)state;
    assert_int_equal(probe(&missing_one, NULL), ERR_IO);
    assert_int_equal(errno, EADDRNOTAVAIL);
    assert_int_equal(probe(&unknown_one, NULL), ERR_IO);
    assert_int_equal(errno, EAFNOSUPPORT);
    assert_int_equal(probe(&unknown_one, &missing_one), ERR_IO);
    assert_int_equal(errno, EADDRNOTAVAIL);
}

/* One that another holds counts, whatever else there is. */
static void test_all_that_is_here_must_be_free(void **state)
{
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t size = sizeof(here);
    assert_int_equal(bind(fd, (struct sockaddr *)&here, size), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&here, &size), 0);
    struct sockaddr_in other = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct addrinfo other_one = free_one;
    other_one.ai_addr = (struct sockaddr *)&other;
    assert_int_equal(probe(&free_one, NULL), ERR_BUSY);
    assert_int_equal(probe(&other_one, &free_one), ERR_BUSY);
    assert_int_equal(probe(&missing_one, &free_one), ERR_BUSY);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_not_here_is_left_out),
        TEST(test_one_must_be_here),
        TEST(test_all_that_is_here_must_be_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
