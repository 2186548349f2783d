/* golden_test.c -- each record as it stands on the disk, to the byte, and as it is printed. */
#include "../golden.h"
#include "samples.h"

/* ---- To the byte ------------------------------------------------------------------------ */

/* Key and value as hexadecimal digits: once written they never change. */
static const char *const golden[SAMPLES][2] = {
    {"0000000000000011",
     "5f7b1e8535c4b1c101060000000000000001000000020000000000000007000000000000000000000000"
     "0000000000000000"},
    {"0000000000000011",
     "a50f9ed70b2d129401060000000000000003000000010000000000000009000000000000000100000002"
     "0000000000000007010000000000000000000000000000000000000000"},
    {"0000000000000011",
     "824cbf3e7e4d77ec01060000000000000003000000010000000000000009000000000000000100000002"
     "0000000000000007020000000300000000000000040000000000000005"},
    {"0000000000000011",
     "160010d7a5b600e501060000000000000003000000010000000000000009000000000000000100000002"
     "0000000000000007030000000300000000000000040000000000000005010000030000000a6b6579736f"
     "6d652076616c7565"},
    {"0000000000000012",
     "e75f1da7d42c47da0107030000000300000000000000040000000000000005010000030000000a6b6579"
     "736f6d652076616c7565"},
    {"63686f73656e5f746f", "03d370f12932af6801050000000000000010"},
    {"706565722f00000003", "07c85b0ff41c5abb010409080000000000000000000000000000"},
    {"61646d6974746564", "ccf3ef1b6d9481c70103"},
    {"626f6f74", "19bb7c7751a3f71b0102000000000000000c"},
    {"6964656e74697479",
     "7c419a0387a4e342010101000000020102030405060708090a0b0c0d0e0f100300000001000000020000"
     "001e646b76"},
    {"6964656e74697479",
     "7eba5a3102e1046d010101000000020102030405060708090a0b0c0d0e0f100300000001000000020000"
     "001e646b76"},
    {"68656164",
     "e37f38e409bd7b3001080000000000000064000000000000005a0000000000000003000000000000004d"
     "00000000000000020000000000000001"},
    {"610062", "b1a9d9b21cb2e575010900000000000000050000000000000006000000000000000276616c7565"},
    {"636c69656e74", "81de088bbce19070010a6f7061717565"},
    {"7265736572766564", "29242daa4a80d70d010b0000000000004000"},
    {"0000000000000011000000000000001d000000030c",
     "eeea07685bb3925c010c0000000000000003000000010000000000000009"},
    {"0000000000000011000000000000001d000000030d",
     "d24f7ff464ea5fd4010d0000000000000001000000020000000000000007"},
    {"0000000000000011000000000000001d000000030e", "0b890c4d7851b6bb010e"},
    {"6964656e74697479",
     "fdeaa078ba15177c010102000000020102030405060708090a0b0c0d0e0f100300000001000000020000"
     "001e646b76"},
    {"6a6f75726e616c", "c7b66f218e6e052b010f0000000000001000"},
    {"6b6579", "c2c03adb6f6b98db0110"},
    {"636c69656e74", "f725642f6ce2f624011081de088bbce19070010a6f7061717565"},
};

static void test_golden(void **state)
{
    (void)state;
    struct sample s[SAMPLES];
    samples_init(s);
    for (int i = 0; i < SAMPLES; i++) {
        assert_golden(buf_bytes(&s[i].key), golden[i][0]);
        assert_golden(buf_bytes(&s[i].value), golden[i][1]);
    }
    samples_fini(s);
}

/* ---- Words ------------------------------------------------------------------------------ */

static void assert_prints(const struct sample *s, const char *text)
{
    struct buf out = {0};
    assert_int_equal(record_print(s->table, buf_bytes(&s->key), buf_bytes(&s->value), &out), 0);
    assert_int_equal(buf_append_u8(&out, 0), 0);
    assert_string_equal((const char *)out.data, text);
    buf_fini(&out);
}

static void test_print(void **state)
{
    (void)state;
    struct sample s[SAMPLES];
    samples_init(s);
    assert_prints(&s[0], "votes/17 promised 1.2.7 accepted none");
    assert_prints(&s[1], "votes/17 promised 3.1.9 accepted 1.2.7 noop");
    assert_prints(&s[2], "votes/17 promised 3.1.9 accepted 1.2.7 barrier 3.4.5");
    struct buf text = {0};
    assert_int_equal(record_print(s[4].table, buf_bytes(&s[4].key), buf_bytes(&s[4].value), &text),
                     0);
    assert_memory_equal(text.data, "learnt/18 batch 3.4.5 commands 1 bytes ", 39);
    buf_fini(&text);
    assert_prints(&s[5], "meta/chosen_to 16");
    assert_prints(&s[6], "meta/peer/3 disk 09080000000000000000000000000000");
    assert_prints(&s[7], "meta/admitted yes");
    assert_prints(&s[8], "meta/boot 12");
    assert_prints(&s[10], "state/identity node 2 cluster \"dkv\" mode classic members 1,2,30 disk "
                          "0102030405060708090a0b0c0d0e0f10");
    assert_prints(&s[11],
                  "state/head applied 100 revision 90 evicted_to 3 hash 77 keys 2 clients 1");
    assert_prints(&s[12], "keys/\"a\\x00b\" created 5 modified 6 version 2 bytes 5");
    assert_prints(&s[13], "sessions/\"client\" bytes 6");
    assert_prints(&s[14], "meta/reserved 16384");
    assert_prints(&s[15], "ranges/17..29+3/promised 3.1.9");
    assert_prints(&s[16], "ranges/17..29+3/voted 1.2.7 noop");
    assert_prints(&s[17], "ranges/17..29+3/learnt noop");
    assert_prints(&s[18],
                  "meta/identity node 2 cluster \"dkv\" mode coordinated members 1,2,30 disk "
                  "0102030405060708090a0b0c0d0e0f10");
    assert_prints(&s[SAMPLES_JOURNAL], "meta/journal 4096");
    assert_prints(&s[SAMPLES_JOURNAL + 1], "keys_undo/\"key\" none before");
    assert_prints(&s[SAMPLES_JOURNAL + 2], "sessions_undo/\"client\" before: bytes 16");
    s[5].value.data[12] ^= 1;
    assert_prints(&s[5], "meta/chosen_to corrupt");
    s[0].key.size = 3;
    assert_prints(&s[0], "votes/\"\\x00\\x00\\x00\" corrupt");
    samples_fini(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_print),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
