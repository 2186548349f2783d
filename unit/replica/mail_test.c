/* mail_test.c -- first in, first out, also when the queue wraps and grows. */
#include "../unit.h"

#include "base/mem.h"
#include "base/prng.h"
#include "replica/mail.h"

static void first_in_first_out(void **state)
{
    (void)state;
    struct prng prng;
    prng_init(&prng, 1);
    struct mail mail = {0};
    uint64_t pushed = 0;
    uint64_t popped = 0;
    for (int i = 0; i < 20000; i++) {
        if (prng_below(&prng, 100) < 52) {
            struct letter letter = {.wait_for = pushed++};
            assert_int_equal(mail_push(&mail, &letter), 0);
        } else if (popped < pushed) {
            assert_int_equal(mail_first(&mail)->wait_for, popped);
            assert_int_equal(mail_pop(&mail).wait_for, popped);
            popped++;
        } else {
            assert_null(mail_first(&mail));
        }
    }
    mail_fini(&mail);
    assert_int_equal(mem_outstanding(), 0);
}

static void without_memory(void **state)
{
    (void)state;
    struct mail mail = {0};
    struct letter letter = {.wait_for = 1};
    mem_fail_after(0);
    assert_int_equal(mail_push(&mail, &letter), ERR_NO_MEMORY);
    mem_fail_after(-1);
    assert_null(mail_first(&mail));
    mail_fini(&mail);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_in_first_out),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
