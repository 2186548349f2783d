/*
 * message.h -- what nodes say to each other.
 *
 * Any message may be lost, repeated, delayed or overtaken; every rule tolerates that. `wire/`
 * validates what arrives, so that a message in this form keeps the bounds given here.
 */
#ifndef DKV_PAXOS_MESSAGE_H
#define DKV_PAXOS_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "paxos/ballot.h"
#include "paxos/members.h"
#include "paxos/value.h"

#define PROTOCOL_VERSION 1
#define CLUSTER_NAME_SIZE_MAX 63
#define DISK_ID_SIZE 16

enum mode {
    MODE_CLASSIC = 1,
};

enum message_kind {
    MESSAGE_HELLO = 1, /* Who I am; first on every stream. Uses: hello. */
    MESSAGE_GOODBYE,   /* Your Hello is refused, and why. Uses: refusal. */
    MESSAGE_HEARTBEAT, /* How far I am. Uses: progress. */
    MESSAGE_PREPARE,   /* Phase 1a. Uses: slot, ballot. */
    MESSAGE_PROMISE,   /* Phase 1b. Uses: slot, ballot, other = accepted or none, value or NULL. */
    MESSAGE_ACCEPT,    /* Phase 2a. Uses: slot, ballot, value. */
    MESSAGE_ACCEPTED,  /* Phase 2b. Uses: slot, ballot. */
    MESSAGE_REFUSED,   /* To Prepare or Accept. Uses: slot, ballot asked, other = promised. */
    MESSAGE_LEARN,     /* The slot is decided. Uses: slot, ballot, tag, value or NULL. */
    MESSAGE_FETCH,     /* Send me what was chosen. Uses: slot = first, to = last, both included. */
    MESSAGE_CHOSEN,    /* Answer to FETCH, one slot. Uses: slot, value. The receiver's driver ends
                          the answer with one without a value: slot = the first one not in it. */
};

/* docs/protocol.md, section 1: peers must agree on version, mode, cluster and members. */
struct hello {
    uint32_t protocol_version;
    enum mode mode;
    char cluster[CLUSTER_NAME_SIZE_MAX + 1]; /* NUL-terminated, not empty. */
    struct members members;
    uint32_t id;                    /* The sender's. */
    uint64_t boot;                  /* The sender's. */
    bool asks;                      /* The sender wants a Hello back. */
    uint8_t disk_id[DISK_ID_SIZE];  /* The sender's. */
    uint8_t recorded[DISK_ID_SIZE]; /* What the sender has durably recorded of the receiver's
                                       disk_id; all zero when nothing. */
};

enum refusal {
    REFUSAL_NONE = 0,
    REFUSAL_VERSION, /* Another protocol version. */
    REFUSAL_CLUSTER, /* Another cluster name. */
    REFUSAL_MODE,    /* Another mode. */
    REFUSAL_MEMBERS, /* Another member list. */
    REFUSAL_ID,      /* The id is not a member's, or is the receiver's own. */
    REFUSAL_DISK,    /* The id has voted with another disk: that disk was lost or swapped. */
};

struct progress {
    uint64_t boot;
    uint64_t applied;   /* Highest slot applied. */
    uint64_t chosen_to; /* Highest slot up to which all are known to be chosen. */
    uint64_t frontier; /* Highest slot in which an Accept, an accepted value or a Learn was seen. */
};

/* Fields that a kind does not use are zero. */
struct message {
    enum message_kind kind;
    uint64_t slot;
    uint64_t to;
    struct ballot ballot;
    struct ballot other;
    struct tag tag;
    struct value *value; /* One reference is the message's. */
    enum refusal refusal;
    struct progress progress;
    struct hello *hello; /* HELLO only. Borrowed by what is received, owned by what is sent. */
};

#endif
