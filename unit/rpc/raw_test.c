/*
 * raw_test.c -- what clients other than ours may do: compress, or send no message at all.
 *
 * It speaks to the library directly, since our own client does none of it.
 */
#include <pthread.h>

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

#include "world.h"

#include <string.h>

#include "base/mem.h"

static void on_count(void *context, struct rpc_call *call, struct bytes request,
                     uint64_t deadline_ns)
{
    struct counter *seen = context;
    (void)request;
    (void)deadline_ns;
    counter_add(seen, 1);
    struct buf reply = {0};
    rpc_call_answer(call, &reply);
}

/* A call by hand: `request` NULL sends none. */
static grpc_status_code raw_call(uint16_t port, bool gzip, grpc_byte_buffer *request)
{
    char key[] = GRPC_COMPRESSION_CHANNEL_DEFAULT_ALGORITHM;
    grpc_arg arg = {.type = GRPC_ARG_INTEGER,
                    .key = key,
                    .value.integer = gzip ? GRPC_COMPRESS_GZIP : GRPC_COMPRESS_NONE};
    const grpc_channel_args args = {.num_args = 1, .args = &arg};
    grpc_channel_credentials *credentials = grpc_insecure_credentials_create();
    grpc_channel *channel = grpc_channel_create(loopback(port), credentials, &args);
    grpc_channel_credentials_release(credentials);
    grpc_completion_queue *queue = grpc_completion_queue_create_for_pluck(NULL);
    gpr_timespec deadline =
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_seconds(10, GPR_TIMESPAN));
    grpc_call *call =
        grpc_channel_create_call(channel, NULL, GRPC_PROPAGATE_DEFAULTS, queue,
                                 grpc_slice_from_static_string("/t.T/Count"), NULL, deadline, NULL);
    grpc_metadata_array headers;
    grpc_metadata_array trailers;
    grpc_metadata_array_init(&headers);
    grpc_metadata_array_init(&trailers);
    grpc_byte_buffer *reply = NULL;
    grpc_status_code status = GRPC_STATUS_UNKNOWN;
    grpc_slice text = grpc_empty_slice();
    grpc_op ops[] = {
        {.op = GRPC_OP_SEND_INITIAL_METADATA},
        {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT},
        {.op = GRPC_OP_RECV_INITIAL_METADATA,
         .data.recv_initial_metadata.recv_initial_metadata = &headers},
        {.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &reply},
        {.op = GRPC_OP_RECV_STATUS_ON_CLIENT,
         .data.recv_status_on_client = {.trailing_metadata = &trailers,
                                        .status = &status,
                                        .status_details = &text}},
        {.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = request},
    };
    assert_int_equal(grpc_call_start_batch(call, ops, request == NULL ? 5 : 6, ops, NULL),
                     GRPC_CALL_OK);
    grpc_completion_queue_pluck(queue, ops, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    if (reply != NULL)
        grpc_byte_buffer_destroy(reply);
    grpc_slice_unref(text);
    grpc_metadata_array_destroy(&headers);
    grpc_metadata_array_destroy(&trailers);
    grpc_call_unref(call);
    grpc_channel_destroy(channel);
    grpc_completion_queue_shutdown(queue);
    grpc_completion_queue_pluck(queue, NULL, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
    grpc_completion_queue_destroy(queue);
    return status;
}

static grpc_byte_buffer *zeros(size_t size)
{
    grpc_slice slice = grpc_slice_malloc(size);
    memset(GRPC_SLICE_START_PTR(slice), 0, size);
    grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return buffer;
}

static void test_compressed_is_refused_unseen(void **state)
{
    (void)state;
    struct counter seen = COUNTER_INIT;
    const struct rpc_method method = {.name = "/t.T/Count", .unary = on_count, .context = &seen};
    struct rpc_server *server = server_start(&method, 1);
    grpc_byte_buffer *small = zeros(1000);
    grpc_byte_buffer *bomb = zeros(64 << 20); /* 64 KiB on the way. */
    assert_int_equal(raw_call(rpc_server_port(server), false, small), GRPC_STATUS_OK);
    assert_int_equal(raw_call(rpc_server_port(server), true, bomb), GRPC_STATUS_UNIMPLEMENTED);
    assert_int_equal(counter_get(&seen), 1);
    grpc_byte_buffer_destroy(small);
    grpc_byte_buffer_destroy(bomb);
    rpc_server_close(server);
}

/* Of a call that the library refuses the message has arrived as well when it is short; and what
   compression would make longer comes as it is. */
static void test_what_is_refused_is_not_taken(void **state)
{
    (void)state;
    struct counter seen = COUNTER_INIT;
    const struct rpc_method method = {.name = "/t.T/Count", .unary = on_count, .context = &seen};
    struct rpc_server *server = server_start(&method, 1);
    for (int i = 0; i < 20; i++) {
        grpc_byte_buffer *request = zeros(i % 2 == 0 ? 6 : 200);
        assert_int_equal(raw_call(rpc_server_port(server), true, request),
                         GRPC_STATUS_UNIMPLEMENTED);
        grpc_byte_buffer_destroy(request);
    }
    assert_int_equal(counter_get(&seen), 0);
    rpc_server_close(server);
}

static void test_call_without_a_message(void **state)
{
    (void)state;
    struct counter seen = COUNTER_INIT;
    const struct rpc_method method = {.name = "/t.T/Count", .unary = on_count, .context = &seen};
    struct rpc_server *server = server_start(&method, 1);
    assert_int_equal(raw_call(rpc_server_port(server), false, NULL), GRPC_STATUS_INVALID_ARGUMENT);
    assert_int_equal(counter_get(&seen), 0);
    rpc_server_close(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_compressed_is_refused_unseen),
        WORLD_TEST(test_what_is_refused_is_not_taken),
        WORLD_TEST(test_call_without_a_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
