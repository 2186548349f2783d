/* mailbox_test.c -- nothing is lost, each sender's mail stays in order, and a sleeper wakes. */
#define _GNU_SOURCE
#include "../unit.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/mailbox.h"

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
        mailbox_sleep(&reader.box);
        mailbox_run(&reader.box, &reader);
    }
    for (uint32_t i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_join(senders[i].thread, NULL), 0);
    assert_int_equal(reader.got, SENDERS * LETTERS);
    assert_null(mailbox_take(&reader.box));
    mailbox_fini(&reader.box);
}

static void test_no_sleep_with_mail(void **state)
{
    (void)state;
    struct reader reader;
    memset(&reader, 0, sizeof(reader));
    assert_int_equal(mailbox_init(&reader.box), 0);
    struct letter l = {{.run = letter_read}, 0, 0};
    mailbox_push(&reader.box, &l.mail);
    mailbox_sleep(&reader.box);
    assert_true(mailbox_run(&reader.box, &reader));
    assert_false(mailbox_run(&reader.box, &reader));
    mailbox_fini(&reader.box);
}

/* An owner that sleeps in its own way: on a semaphore. */
static void sem_wake(void *context)
{
    assert_int_equal(sem_post(context), 0);
}

static void test_own_sleep(void **state)
{
    (void)state;
    struct reader reader;
    memset(&reader, 0, sizeof(reader));
    sem_t awake;
    assert_int_equal(sem_init(&awake, 0, 0), 0);
    mailbox_init_with(&reader.box, sem_wake, &awake);
    struct sender senders[SENDERS];
    for (uint32_t i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.reader = &reader, .number = i};
        assert_int_equal(pthread_create(&senders[i].thread, NULL, send_all, &senders[i]), 0);
    }
    while (reader.got < SENDERS * LETTERS) {
        if (mailbox_doze(&reader.box)) {
            /* A lost wake-up would sleep here for ever. */
            assert_int_equal(sem_wait(&awake), 0);
            mailbox_rouse(&reader.box);
        }
        mailbox_run(&reader.box, &reader);
    }
    for (uint32_t i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_join(senders[i].thread, NULL), 0);
    assert_int_equal(reader.got, SENDERS * LETTERS);
    mailbox_fini(&reader.box);
    sem_destroy(&awake);
}

/* Whoever is awake is not woken, and whoever has mail does not sleep. */
static void test_woken_when_asleep_only(void **state)
{
    (void)state;
    struct reader reader;
    memset(&reader, 0, sizeof(reader));
    sem_t awake;
    int value = 0;
    assert_int_equal(sem_init(&awake, 0, 0), 0);
    mailbox_init_with(&reader.box, sem_wake, &awake);
    struct letter first = {{.run = letter_read}, 0, 0};
    struct letter second = {{.run = letter_read}, 0, 1};
    mailbox_push(&reader.box, &first.mail);
    assert_int_equal(sem_getvalue(&awake, &value), 0);
    assert_int_equal(value, 0);
    assert_false(mailbox_doze(&reader.box));
    assert_true(mailbox_run(&reader.box, &reader));
    assert_true(mailbox_doze(&reader.box));
    mailbox_push(&reader.box, &second.mail);
    assert_int_equal(sem_getvalue(&awake, &value), 0);
    assert_int_equal(value, 1);
    mailbox_rouse(&reader.box);
    assert_true(mailbox_run(&reader.box, &reader));
    /* It may also wake for a reason of its own. */
    assert_true(mailbox_doze(&reader.box));
    mailbox_rouse(&reader.box);
    assert_false(mailbox_run(&reader.box, &reader));
    mailbox_fini(&reader.box);
    sem_destroy(&awake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_senders),
        cmocka_unit_test(test_no_sleep_with_mail),
        cmocka_unit_test(test_own_sleep),
        cmocka_unit_test(test_woken_when_asleep_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
