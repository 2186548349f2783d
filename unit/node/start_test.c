/* start_test.c -- a node that is told to stop before it serves ends, and says so. */
#include "../unit.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../temp.h"
#include "node/node.h"
#include "rpc/rpc.h"

static struct temp dir;

static int setup(void **state)
{
    (void)state;
    temp_init(&dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    temp_fini(&dir);
    return 0;
}

static void open_alone(struct node **out_node)
{
    struct config config = {
        .id = 1,
        .members = {.count = 1, .ids = {1}},
        .cluster = "test",
        .mode = MODE_CLASSIC,
        .mode_given = true,
        .map_size = 1 << 28,
        .state_max = 1 << 28,
        .queue_bytes = 64 << 20,
        .queue_ops = 1000,
        .pipeline = 32,
        .checkpoint_slots = 20,
    };
    snprintf(config.data_dir, sizeof(config.data_dir), "%s/1", dir.path);
    assert_int_equal(node_open(&config, out_node), 0);
}

static void ends_at_once(struct node *n)
{
    char message[NODE_MESSAGE_SIZE_MAX] = "";
    assert_int_equal(node_start(n, message), ERR_CLOSED);
    assert_string_equal(message, "stopped while the state was being loaded");
    assert_false(node_is_serving(n));
    node_close(n);
}

static void test_a_signal_ends_the_loading(void **state)
{
    (void)state;
    struct node *n;
    open_alone(&n);
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    ends_at_once(n);
}

static void test_node_stop_ends_the_loading(void **state)
{
    (void)state;
    struct node *n;
    open_alone(&n);
    node_stop(n);
    ends_at_once(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_signal_ends_the_loading),
        TEST(test_node_stop_ends_the_loading),
    };
    node_block_signals();
    rpc_init();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rpc_fini();
    return failed;
}
