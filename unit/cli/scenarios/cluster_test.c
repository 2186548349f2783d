/*
 * cluster_test.c -- a throwaway cluster comes up, is broken, is stopped, and leaves nothing behind:
 * in the end, after Ctrl-C, and when its process is killed with -9.
 */
#define _GNU_SOURCE
#include "../../unit.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../temp.h"
#include "cli/scenarios/cleanup.h"
#include "cli/scenarios/cluster.h"
#include "cli/scenarios/leash.h"
#include "cli/scenarios/moment.h"
#include "stand_in.h"

static struct temp temp; /* TMPDIR of each test: what clusters leave behind is there. */

static int setup(void **state)
{
    (void)state;
    temp_init(&temp);
    setenv("TMPDIR", temp.path, 1);
    setenv("DKV_NODE", "/proc/self/exe", 1);
    setenv("DKV_ENDPOINTS", "localhost:1", 1);
    unsetenv("STAND_IN");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unsetenv("TMPDIR");
    temp_fini(&temp);
    return 0;
}

/* Somebody listens there. */
static bool is_listening(void *context, const char *address)
{
    (void)context;
    struct sockaddr_in at = {.sin_family = AF_INET};
    at.sin_port = htons((uint16_t)strtoul(strrchr(address, ':') + 1, NULL, 10));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
    close(fd);
    return ok;
}

static const struct cluster_options three = {
    .nodes = 3, .ready_timeout_ms = 20000, .is_ready = is_listening};

static struct cluster *start_three(void)
{
    struct cluster *c = NULL;
    char text[CLUSTER_TEXT_SIZE_MAX] = "";
    assert_int_equal(cluster_new(&three, &c), 0);
    int err = cluster_start(c, text);
    if (err != 0)
        fail_msg("%s", text);
    return c;
}

/* The letter of proc(5): 'S' sleeping, 'T' stopped, 'Z' a zombie; 0: there is no such process. */
static char process_state(pid_t pid)
{
    char path[64];
    char line[256] = "";
    snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    char *got = fgets(line, sizeof(line), file);
    fclose(file);
    const char *paren = got != NULL ? strrchr(line, ')') : NULL;
    return paren != NULL ? paren[2] : '\0';
}

static bool is_gone(pid_t pid)
{
    char state = process_state(pid);
    return state == 0 || state == 'Z';
}

static void await_gone(pid_t pid)
{
    for (int tries = 0; tries < 500 && !is_gone(pid); tries++)
        moment_sleep_ms(10);
    assert_true(is_gone(pid));
}

static void await_state(pid_t pid, char state)
{
    for (int tries = 0; tries < 500 && process_state(pid) != state; tries++)
        moment_sleep_ms(10);
    assert_int_equal(process_state(pid), state);
}

static int entries_in(const char *path)
{
    DIR *directory = opendir(path);
    assert_non_null(directory);
    int count = 0;
    for (struct dirent *e = readdir(directory); e != NULL; e = readdir(directory))
        count += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(directory);
    return count;
}

static long size_of(const struct cluster *c, const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", cluster_directory(c), name);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long size = ftell(file);
    fclose(file);
    return size;
}

static void test_life(void **state)
{
    (void)state;
    struct cluster *c = start_three();
    pid_t pids[3];
    for (uint32_t i = 0; i < 3; i++) {
        pids[i] = cluster_pid(c, i);
        assert_true(pids[i] > 0 && !is_gone(pids[i]));
        assert_true(getpgid(pids[i]) == pids[i]); /* Ctrl-C does not reach it. */
        assert_true(is_listening(NULL, cluster_address(c, i)));
        for (uint32_t j = 0; j < i; j++)
            assert_string_not_equal(cluster_address(c, i), cluster_address(c, j));
    }
    assert_int_equal(entries_in(temp.path), 1);
    assert_int_equal(cluster_stop(c), 0);
    for (uint32_t i = 0; i < 3; i++)
        assert_true(is_gone(pids[i]));
    cluster_close(c);
    assert_int_equal(entries_in(temp.path), 0);
}

static void test_kill_and_restart(void **state)
{
    (void)state;
    struct cluster *c = start_three();
    char address[CLUSTER_ADDRESS_SIZE_MAX];
    snprintf(address, sizeof(address), "%s", cluster_address(c, 1));
    pid_t old = cluster_pid(c, 1);
    cluster_kill(c, 1);
    assert_true(is_gone(old));
    assert_int_equal(cluster_pid(c, 1), 0);
    assert_false(is_listening(NULL, address));
    assert_true(is_listening(NULL, cluster_address(c, 0)));
    cluster_kill(c, 1); /* Twice is once. */

    char text[CLUSTER_TEXT_SIZE_MAX] = "";
    assert_int_equal(cluster_restart(c, 1, text), 0);
    assert_string_equal(cluster_address(c, 1), address);
    assert_true(is_listening(NULL, address));
    assert_int_equal(size_of(c, "node-2/starts"), 2); /* Its old data. */
    assert_int_equal(size_of(c, "node-1/starts"), 1);
    cluster_close(c); /* Without a stop: they are killed. */
    assert_int_equal(entries_in(temp.path), 0);
}

static void test_pause_and_resume(void **state)
{
    (void)state;
    struct cluster *c = start_three();
    pid_t pid = cluster_pid(c, 2);
    cluster_pause(c, 2);
    await_state(pid, 'T');
    cluster_resume(c, 2);
    await_state(pid, 'S');
    cluster_pause(c, 2);
    await_state(pid, 'T');
    assert_int_equal(cluster_stop(c), 0); /* Also the paused one ends by itself. */
    cluster_close(c);
}

static void test_what_a_node_inherits(void **state)
{
    (void)state;
    struct cluster *c = start_three();
    char *logs = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&logs, &size);
    cluster_print_logs(c, out, 5);
    fclose(out);
    /* Three files, and this program's variables are not its own. */
    assert_non_null(strstr(logs, "the end of node 3's log:\n    files 3, DKV_ENDPOINTS not set\n"));
    free(logs);
    cluster_close(c);
}

/* cluster_start fails with err, text says `said`, and nothing is left. */
static void expect_no_start(const struct cluster_options *options, int err, const char *said)
{
    struct cluster *c = NULL;
    char text[CLUSTER_TEXT_SIZE_MAX] = "";
    assert_int_equal(cluster_new(options, &c), 0);
    assert_int_equal(cluster_start(c, text), err);
    if (strstr(text, said) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", text, said);
    assert_int_equal(cluster_pid(c, 0), 0);
    assert_int_equal(entries_in(temp.path), 0);
    cluster_close(c);
}

static void test_a_node_that_fails(void **state)
{
    (void)state;
    setenv("STAND_IN", "fail", 1);
    expect_no_start(&three, ERR_IO, "node 1 ended with code 3; its last words:\n");
    expect_no_start(&three, ERR_IO, "    the disk is on fire\n");
    setenv("STAND_IN", "deaf", 1);
    struct cluster_options impatient = three;
    impatient.ready_timeout_ms = 100;
    expect_no_start(&impatient, ERR_TIMEOUT, "node 1 is not ready after 100 ms");
}

static void test_no_program(void **state)
{
    (void)state;
    struct cluster_options options = three;
    options.node_binary = "/nowhere/dkv-node";
    expect_no_start(&options, ERR_NOT_FOUND, "there is no program /nowhere/dkv-node");
    unsetenv("DKV_NODE");
    options.node_binary = NULL;
    expect_no_start(&options, ERR_NOT_FOUND, "--node-binary PATH or DKV_NODE");
}

static void test_other_ports_when_taken(void **state)
{
    (void)state;
    struct temp marks;
    temp_init(&marks);
    char how[TEMP_PATH_MAX + 32];
    snprintf(how, sizeof(how), "taken:%s/once", marks.path);
    setenv("STAND_IN", how, 1);
    struct cluster *c = start_three();
    assert_int_equal(entries_in(marks.path), 1);
    assert_int_equal(entries_in(temp.path), 2); /* marks, and one cluster. */
    cluster_close(c);
    temp_fini(&marks);
}

static void test_unclean_ends_are_counted(void **state)
{
    (void)state;
    setenv("STAND_IN", "unclean", 1);
    struct cluster *c = start_three();
    cluster_kill(c, 0); /* As it was wanted. */
    assert_int_equal(cluster_stop(c), 2);
    cluster_close(c);
}

/* ---- The end of the process itself --------------------------------------------------------- */

static void on_interrupt(void *cluster)
{
    cluster_wreck(cluster);
}

/* In a process of its own: tell the nodes' pids, then wait for what comes. */
static void run_child(int to_parent)
{
    struct cluster *c = NULL;
    char text[CLUSTER_TEXT_SIZE_MAX];
    if (cluster_new(&three, &c) != 0 || cleanup_begin(on_interrupt, c) != 0 ||
        cluster_start(c, text) != 0)
        _exit(1);
    for (uint32_t i = 0; i < 3; i++) {
        pid_t pid = cluster_pid(c, i);
        if (write(to_parent, &pid, sizeof(pid)) != sizeof(pid))
            _exit(1);
    }
    for (;;)
        pause();
}

/* Returns how it ended, as waitpid(2) has it. */
static int end_child_with(int signo, pid_t out_nodes[3])
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    if (child == 0) {
        close(fds[0]);
        run_child(fds[1]);
    }
    close(fds[1]);
    for (int i = 0; i < 3; i++)
        assert_int_equal(read(fds[0], &out_nodes[i], sizeof(pid_t)), sizeof(pid_t));
    close(fds[0]);
    for (int i = 0; i < 3; i++)
        assert_false(is_gone(out_nodes[i]));
    assert_int_equal(kill(child, signo), 0);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void test_interrupted(void **state)
{
    (void)state;
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < 3; i++) {
        pid_t nodes[3];
        int status = end_child_with(signals[i], nodes);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), CLEANUP_EXIT_CODE);
        for (int n = 0; n < 3; n++)
            await_gone(nodes[n]);
        assert_int_equal(entries_in(temp.path), 0);
    }
}

static void test_killed(void **state)
{
    (void)state;
    pid_t nodes[3];
    int status = end_child_with(SIGKILL, nodes);
    assert_true(WIFSIGNALED(status));
    for (int n = 0; n < 3; n++)
        await_gone(nodes[n]);
}

static void nothing(void *context)
{
    (void)context;
}

static void test_cleanup_ends(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(cleanup_begin(nothing, NULL), 0);
        cleanup_end();
    }
    cleanup_end();
    sigset_t blocked;
    assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &blocked), 0);
    assert_false(sigismember(&blocked, SIGINT));
}

static void test_leash_of_another(void **state)
{
    (void)state;
    /* Its parent is not who the command line says: it has gone meanwhile. */
    char program[] = "dkv-cli";
    char leash[] = LEASH_ARGUMENT;
    char parent[] = "1";
    char binary[] = "/bin/true";
    char *argv[] = {program, leash, parent, binary, NULL};
    assert_true(leash_is_asked(4, argv));
    assert_false(leash_is_asked(3, argv));
    pid_t child = fork();
    if (child == 0)
        _exit(leash_exec(4, argv));
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 127);
}

int main(int argc, char **argv)
{
    if (leash_is_asked(argc, argv))
        return leash_exec(argc, argv);
    if (stand_in_is_asked(argc, argv))
        return stand_in_run(argc, argv);
    const struct CMUnitTest tests[] = {
        TEST(test_life),
        TEST(test_kill_and_restart),
        TEST(test_pause_and_resume),
        TEST(test_what_a_node_inherits),
        TEST(test_a_node_that_fails),
        TEST(test_no_program),
        TEST(test_other_ports_when_taken),
        TEST(test_unclean_ends_are_counted),
        TEST(test_interrupted),
        TEST(test_killed),
        TEST(test_cleanup_ends),
        TEST(test_leash_of_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
