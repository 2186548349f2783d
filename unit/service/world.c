/* world.c -- see world.h. */
#define _GNU_SOURCE
#include "world.h"

#include <arpa/inet.h>
#include <ftw.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "node/monotime.h"
#include "service/service.h"
#include "wire/admin_wire.h"

static uint16_t free_port(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static void configure(struct world *w, enum mode mode, bool faults_enabled)
{
    struct config base = {
        .members = {.count = w->count},
        .cluster = "test",
        .mode = mode,
        .mode_given = true,
        .faults_enabled = faults_enabled,
        .map_size = 1 << 28,
        .state_max = 1 << 28,
        .queue_bytes = 64 << 20,
        .queue_ops = 1000,
        .pipeline = 32,
        .checkpoint_slots = 20,
    };
    for (uint32_t i = 0; i < w->count; i++) {
        base.members.ids[i] = i + 1;
        snprintf(base.addresses[i], sizeof(base.addresses[i]), "127.0.0.1:%u",
                 (unsigned)free_port());
    }
    for (uint32_t i = 0; i < w->count; i++) {
        struct config *c = &w->nodes[i].config;
        *c = base;
        c->id = i + 1;
        snprintf(c->data_dir, sizeof(c->data_dir), "%s/%u", w->dir, (unsigned)i + 1);
    }
}

static void *loop_main(void *arg)
{
    node_run(arg);
    return NULL;
}

void world_start(struct world *w, uint32_t index)
{
    struct world_node *n = &w->nodes[index];
    assert_null(n->node);
    char message[NODE_MESSAGE_SIZE_MAX] = "";
    assert_int_equal(node_open(&n->config, &n->node), 0);
    if (service_open(n->node, &n->server, message) != 0 || node_start(n->node, message) != 0)
        fail_msg("node %u: %s", (unsigned)index + 1, message);
    assert_int_equal(pthread_create(&n->loop, NULL, loop_main, n->node), 0);
}

void world_stop(struct world *w, uint32_t index)
{
    struct world_node *n = &w->nodes[index];
    node_stop(n->node);
    assert_int_equal(pthread_join(n->loop, NULL), 0);
    rpc_server_close(n->server);
    node_close(n->node);
    n->node = NULL;
}

void world_begin(void)
{
    log_setup(LOG_FORMAT_TEXT, LOG_ERROR, 0);
    node_block_signals();
}

enum mode world_mode(int argc, char **argv)
{
    bool is_classic = argc > 1 && strcmp(argv[1], mode_name(MODE_CLASSIC)) == 0;
    return is_classic ? MODE_CLASSIC : MODE_COORDINATED;
}

struct world world;

int world_setup_alone(void **state)
{
    (void)state;
    world_open(&world, 1, false);
    return 0;
}

int world_teardown(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

void world_open(struct world *w, uint32_t count, bool faults_enabled)
{
    world_open_mode(w, MODE_COORDINATED, count, faults_enabled);
}

void world_open_mode(struct world *w, enum mode mode, uint32_t count, bool faults_enabled)
{
    memset(w, 0, sizeof(*w));
    w->count = count;
    snprintf(w->dir, sizeof(w->dir), "/tmp/dkv-service-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    configure(w, mode, faults_enabled);
    rpc_init();
    assert_int_equal(rpc_client_open(NULL, &w->client), 0);
    for (uint32_t i = 0; i < count; i++) {
        world_start(w, i);
        assert_int_equal(rpc_channel_open(w->client, w->nodes[i].config.addresses[i], NULL,
                                          &w->nodes[i].channel),
                         0);
    }
    for (uint32_t i = 0; i < count; i++)
        world_wait_ready(w, i);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void world_close(struct world *w)
{
    for (uint32_t i = 0; i < w->count; i++)
        if (w->nodes[i].node != NULL)
            world_stop(w, i);
    rpc_client_close(w->client);
    rpc_fini();
    nftw(w->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

struct rpc_result world_call(struct world *w, uint32_t index, const char *method,
                             struct buf *request, uint64_t timeout_ns)
{
    struct buf none = {0};
    struct rpc_result result = {0};
    assert_int_equal(rpc_channel_call_wait(w->nodes[index].channel, method,
                                           request != NULL ? request : &none, timeout_ns, &result),
                     0);
    return result;
}

void world_wait_ready(struct world *w, uint32_t index)
{
    uint64_t until_ns = monotime_ns() + 10 * MONOTIME_S;
    for (;;) {
        struct rpc_result r = world_call(w, index, WIRE_ADMIN_HEALTH, NULL, MONOTIME_S);
        struct wire_arena arena;
        struct wire_error error;
        struct wire_health health = {0};
        wire_arena_init(&arena);
        bool ready = r.status == RPC_OK &&
                     wire_decode_health(buf_bytes(&r.body), &arena, &health, &error) == 0 &&
                     health.ready;
        wire_arena_fini(&arena);
        buf_fini(&r.body);
        if (ready)
            return;
        if (monotime_ns() > until_ns)
            fail_msg("node %u is not ready: %s", (unsigned)index + 1, r.text);
        usleep(5000);
    }
}

enum rpc_status world_write(struct world *w, uint32_t index, const struct command *c,
                            uint64_t timeout_ns, struct rpc_result *out_result)
{
    struct buf request = {0};
    assert_int_equal(wire_encode_write(c, &request), 0);
    struct rpc_result r = world_call(w, index, wire_write_method(c->kind), &request, timeout_ns);
    if (out_result != NULL)
        *out_result = r;
    else
        buf_fini(&r.body);
    return r.status;
}

enum rpc_status world_put(struct world *w, uint32_t index, const char *key, const char *value)
{
    struct command c = {.kind = COMMAND_PUT, .key = bytes_of(key), .value = bytes_of(value)};
    return world_write(w, index, &c, 5 * MONOTIME_S, NULL);
}

enum rpc_status world_get(struct world *w, uint32_t index, const char *key,
                          enum wire_consistency consistency, uint64_t timeout_ns, char *out_value,
                          size_t size)
{
    struct wire_get get = {.key = bytes_of(key), .consistency = consistency};
    struct buf request = {0};
    assert_int_equal(wire_encode_get(&get, &request), 0);
    struct rpc_result r = world_call(w, index, WIRE_KV_GET, &request, timeout_ns);
    out_value[0] = '\0';
    if (r.status == RPC_OK) {
        struct wire_arena arena;
        struct wire_error error;
        struct wire_get_answer answer;
        wire_arena_init(&arena);
        assert_int_equal(wire_decode_get_answer(buf_bytes(&r.body), &arena, &answer, &error), 0);
        if (answer.found)
            snprintf(out_value, size, "%.*s", (int)answer.value.size,
                     (const char *)answer.value.data);
        wire_arena_fini(&arena);
    }
    buf_fini(&r.body);
    return r.status;
}

void world_cut(struct world *w, uint32_t index, bool cut)
{
    struct wire_set_faults faults = {.replace = true};
    for (uint32_t i = 0; cut && i < w->count; i++)
        if (i != index)
            faults.rules[faults.rules_count++] = (struct wire_fault_rule){
                .peer = i + 1, .direction = WIRE_BOTH, .drop_ppm = WIRE_PPM_MAX};
    struct buf request = {0};
    assert_int_equal(wire_encode_set_faults(&faults, &request), 0);
    struct rpc_result r = world_call(w, index, WIRE_ADMIN_SET_FAULTS, &request, MONOTIME_S);
    assert_int_equal(r.status, RPC_OK);
    buf_fini(&r.body);
}
