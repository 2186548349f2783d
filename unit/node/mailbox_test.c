/* mailbox_test.c -- nothing is lost, each sender's mail stays in order, and a sleeper wakes. */
#define _GNU_SOURCE
#include "../unit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/mailbox.h"
#include "node/monotime.h"

#define SENDERS 4
#define LETTERS 20000

struct letter {
    struct mail mail;
    uint32_t sender;
    uint32_t number;
};

struct reader {
    struct mailbox box;
    uint32_t next[SENDERS];
    uint32_t got;
};

static struct letter letters[SENDERS][LETTERS];

static void letter_read(struct mail *mail, void *owner)
{
    struct letter *l = (struct letter *)(void *)mail;
    struct reader *r = owner;
    assert_int_equal(l->number, r->next[l->sender]);
    r->next[l->sender]++;
    r->got++;
}

struct sender {
    pthread_t thread;
    struct reader *reader;
    uint32_t number;
};

static void *send_all(void *arg)
{
    struct sender *s = arg;
    for (uint32_t i = 0; i < LETTERS; i++) {
        struct letter *l = &letters[s->number][i];
        *l = (struct letter){{.run = letter_read}, s->number, i};
        mailbox_push(&s->reader->box, &l->mail);
        if (i % 64 == 0)
            usleep(10); /* So that the reader sleeps now and then. */
    }
    return NULL;
}

static void test_many_senders(void **state)
{
    (void)state;
    struct reader reader;
    memset(&reader, 0, sizeof(reader));
    assert_int_equal(mailbox_init(&reader.box), 0);
    struct sender senders[SENDERS];
    for (uint32_t i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.reader = &reader, .number = i};
        assert_int_equal(pthread_create(&senders[i].thread, NULL, send_all, &senders[i]), 0);
    }
    /* A lost wake-up would sleep here for ever: the test's time limit finds it. */
    while (reader.got < SENDERS * LETTERS) {
        assert_false(mailbox_sleep(&reader.box, UINT64_MAX, -1));
        mailbox_run(&reader.box, &reader);
    }
    for (uint32_t i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_join(senders[i].thread, NULL), 0);
    assert_int_equal(reader.got, SENDERS * LETTERS);
    assert_null(mailbox_take(&reader.box));
    mailbox_fini(&reader.box);
}

static void test_sleep_ends_in_time(void **state)
{
    (void)state;
    struct mailbox box;
    assert_int_equal(mailbox_init(&box), 0);
    uint64_t start_ns = monotime_ns();
    assert_false(mailbox_sleep(&box, start_ns + 20 * MONOTIME_MS, -1));
    assert_true(monotime_ns() >= start_ns + 20 * MONOTIME_MS);
    /* The past is now. */
    assert_false(mailbox_sleep(&box, 1, -1));
    mailbox_fini(&box);
}

static void test_no_sleep_with_mail(void **state)
{
    (void)state;
    struct reader reader;
    memset(&reader, 0, sizeof(reader));
    assert_int_equal(mailbox_init(&reader.box), 0);
    struct letter l = {{.run = letter_read}, 0, 0};
    mailbox_push(&reader.box, &l.mail);
    assert_false(mailbox_sleep(&reader.box, UINT64_MAX, -1));
    assert_true(mailbox_run(&reader.box, &reader));
    assert_false(mailbox_run(&reader.box, &reader));
    mailbox_fini(&reader.box);
}

static void test_other_descriptor(void **state)
{
    (void)state;
    struct mailbox box;
    assert_int_equal(mailbox_init(&box), 0);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_true(mailbox_sleep(&box, UINT64_MAX, ends[0]));
    close(ends[0]);
    close(ends[1]);
    mailbox_fini(&box);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_senders),
        cmocka_unit_test(test_sleep_ends_in_time),
        cmocka_unit_test(test_no_sleep_with_mail),
        cmocka_unit_test(test_other_descriptor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
