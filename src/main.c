/* main.c -- dkv-node: read the settings, open, serve, stop. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/log.h"
#include "node/config.h"
#include "node/node.h"
#include "rpc/rpc.h"
#include "service/service.h"
#include "store/verify.h"

#define EXIT_USAGE 2

static const char *lookup(const char *name)
{
    return getenv(name);
}

/* Each client and peer takes a descriptor: as many as the system allows. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void print_bad(void *context, const char *line)
{
    (void)context;
    puts(line);
}

static int verify(const char *dir)
{
    struct store_error error;
    struct store_verify_report report = {0};
    int err = store_verify(dir, print_bad, NULL, &report, &error);
    if (err != 0) {
        fprintf(stderr, "dkv-node: %s\n", error.text);
        return EXIT_FAILURE;
    }
    uint64_t records = report.journal_records;
    for (int t = 1; t <= RECORD_TABLES; t++) {
        printf("%-13s %llu records\n", record_table_name((enum record_table)t),
               (unsigned long long)report.records[t]);
        records += report.records[t];
    }
    printf("%-13s %llu records\n", "journal", (unsigned long long)report.journal_records);
    printf("%s: %llu records, %llu bad\n", dir, (unsigned long long)records,
           (unsigned long long)report.bad);
    return report.bad == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void announce(const struct config *c)
{
    log_info("dkv-node %u of cluster %s serves on %s (%u member%s, data in %s)", (unsigned)c->id,
             c->cluster, c->addresses[members_index(&c->members, c->id)],
             (unsigned)c->members.count, c->members.count == 1 ? "" : "s", c->data_dir);
}

/* The port is taken before the disk is touched. */
static int serve(struct node *n)
{
    struct rpc_server *server;
    char message[SERVICE_MESSAGE_SIZE_MAX > NODE_MESSAGE_SIZE_MAX ? SERVICE_MESSAGE_SIZE_MAX
                                                                  : NODE_MESSAGE_SIZE_MAX];
    if (service_open(n, &server, message) != 0) {
        log_error("%s", message);
        return EXIT_FAILURE;
    }
    int err = node_start(n, message);
    if (err == 0) {
        announce(node_config(n));
        node_run(n);
        log_info("stopped");
    } else if (err == ERR_CLOSED) {
        log_info("%s", message);
    } else {
        log_error("%s", message);
    }
    rpc_server_close(server);
    return err == 0 || err == ERR_CLOSED ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run(const struct config *config)
{
    log_setup(config->log_format, config->log_level, config->id);
    if (config->warning[0] != '\0')
        log_warn("%s", config->warning);
    raise_descriptors();
    node_block_signals();
    rpc_init();
    struct node *n = NULL;
    int status = EXIT_FAILURE;
    int err = node_open(config, &n);
    if (err == 0)
        status = serve(n);
    else
        log_error("this node cannot start: %s", err_text(err));
    node_close(n);
    rpc_fini();
    return status;
}

int main(int argc, char **argv)
{
    static struct config config; /* Some KiB. */
    char message[SETTINGS_MESSAGE_SIZE_MAX];
    int err = config_load(argc, argv, lookup, &config, message);
    if (err != 0) {
        fprintf(stderr, "dkv-node: %s\n", err == ERR_INVALID ? message : err_text(err));
        return err == ERR_INVALID ? EXIT_USAGE : EXIT_FAILURE;
    }
    switch (config.action) {
    case CONFIG_HELP:
        config_print_help(stdout);
        return EXIT_SUCCESS;
    case CONFIG_VERSION:
        puts("dkv-node " NODE_VERSION);
        return EXIT_SUCCESS;
    case CONFIG_VERIFY:
        return verify(config.data_dir);
    case CONFIG_RUN:
        return run(&config);
    }
    return EXIT_FAILURE;
}
