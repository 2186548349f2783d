/*
 * message.h -- what nodes say to each other.
 *
 * Any message may be lost, repeated, delayed or overtaken; every rule tolerates that. `wire/`
 * validates what arrives, so that a message in this form keeps the bounds given here.
 */
#ifndef DKV_PAXOS_MESSAGE_H
#define DKV_PAXOS_MESSAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "paxos/ballot.h"
#include "paxos/interval.h"
#include "paxos/members.h"
#include "paxos/value.h"

/* Nothing has been released yet: until then messages change without it. */
#define PROTOCOL_VERSION 1
#define CLUSTER_NAME_SIZE_MAX 63
#define DISK_ID_SIZE 16

enum mode {
    MODE_CLASSIC = 1,     /* docs/protocol.md, section 2. */
    MODE_COORDINATED = 2, /* Section 7. */
};

/* "classic", "coordinated"; "unknown". Static. */
const char *mode_name(enum mode mode);

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
    MESSAGE_CHOSEN,    /* Answer to FETCH. Uses: slot, value; or interval, value = NOOP. The
                          receiver's driver ends the answer with one without a value: slot = the
                          first one not in it. */

    /* In coordinated mode only. There ACCEPT also uses interval: own slots of the proposer that it
       passed over, declared as skipped; or none. PREPARE, PROMISE, ACCEPTED and REFUSED are not
       used: the kinds with intervals are. */
    MESSAGE_PREPARE_RANGE, /* Phase 1a. Uses: interval, ballot. */
    MESSAGE_PROMISE_RANGE, /* Phase 1b. Uses: interval = granted, which may be shorter than asked at
                              the right; ballot, reports (NULL: nothing to report). */
    MESSAGE_ACCEPT_NOOP,   /* Phase 2a, NOOP in each slot. Uses: interval, ballot. */
    MESSAGE_VOTED,         /* Phase 2b, told to all. Uses: interval = exactly the slots accepted,
                              ballot; value = NOOP when that was accepted in each, else NULL. */
    MESSAGE_REFUSED_RANGE, /* To PREPARE_RANGE, ACCEPT, ACCEPT_NOOP. Uses: ballot as asked, other =
                              what stands in its way; interval as asked, or of ACCEPT: all slots
                              from that one on that were promised to others. */
    MESSAGE_SKIP,          /* Own slots of the sender in which it has proposed nothing, and never
                              will. Uses: interval. */
    MESSAGE_SKIPPED,     /* Answer to SKIP. Uses: slot = the lowest slot of the receiver's that the
                            sender knows nothing of. */
    MESSAGE_LEARN_NOOP,  /* Each slot is decided, and holds NOOP. Uses: interval. */
    MESSAGE_ASK,         /* What do you know of these slots? Uses: interval. */
    MESSAGE_READ,        /* How far have you accepted anything but NOOP? Uses: slot = number of
                            the question. */
    MESSAGE_READ_ANSWER, /* Uses: slot = number of the question, to = that slot. */
    MESSAGE_COMING, /* An Accept with a large value is on its way, behind this. Uses: slot, to =
                       bytes of the value. */
};

/* docs/protocol.md, section 1: peers must agree on version, mode, cluster and members. */
struct hello {
    uint32_t protocol_version;
    enum mode mode;
    char cluster[CLUSTER_NAME_SIZE_MAX + 1]; /* NUL-terminated, not empty. */
    struct members members;
    uint32_t id;                    /* The sender's. */
    uint64_t boot;                  /* The sender's. */
    uint64_t life;                  /* Drawn at random at the sender's start; 0: not told. */
    bool asks;                      /* The sender wants a Hello back. */
    uint8_t disk_id[DISK_ID_SIZE];  /* The sender's. */
    uint8_t recorded[DISK_ID_SIZE]; /* What the sender has durably recorded of the receiver's
                                       disk_id; all zero when nothing. */
    /* What the sender has seen of the receiver since its start: if it is more than the receiver's
       disk knows of, that disk went back in time. */
    uint64_t seen_boot;
    uint64_t seen_life; /* Of that boot, the first; 0: not known. */
    uint64_t seen_slot; /* Coordinated mode: highest own slot the receiver used. */
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
    /* Coordinated mode only. */
    uint64_t position;        /* The sender's lowest own slot neither used, skipped nor revoked. */
    uint64_t known;           /* The receiver's lowest own slot that the sender knows nothing of. */
    struct member_set broken; /* To whom the stream that the sender dialled is broken. */
    /* What a round trip takes, as RFC 7323 has it for TCP; by clocks that nobody else reads. */
    uint64_t sent_ns; /* When this was sent. */
    uint64_t echo_ns; /* The sent_ns of the receiver's last heartbeat; 0: none has come, */
    uint64_t held_ns; /* and how long before this one that came. */
};

/*
 * What an acceptor reports of slots that it promised. Ballot none: they are known to be chosen,
 * with this value. Else it has accepted the value there, at that ballot. More than one slot only
 * with NOOP.
 */
struct vote_report {
    struct interval interval;
    struct ballot ballot;
    struct value *value; /* One reference is the report's. */
};

/* In one promise at most so many. */
#define REPORTS_MAX 4096
/* And values of so many bytes together; a promise is cut to keep that, but not below one slot. */
#define REPORTS_BYTES_MAX ((size_t)1 << 20)

/* Counted, as values are, and immutable once it is shared. */
struct vote_reports {
    atomic_uint refs;
    uint32_t count;
    uint32_t capacity;
    struct vote_report items[]; /* Ascending by interval.first. */
};

/* Empty, with room for `capacity`; one reference, the caller's. ERR_NO_MEMORY. */
int reports_new(uint32_t capacity, struct vote_reports **out_reports) MUST_CHECK;

/* Append one, before anybody else has a reference. The value's reference moves into it. */
void reports_add(struct vote_reports *reports, struct vote_report report);

/* NULL is fine for both. */
struct vote_reports *reports_ref(struct vote_reports *reports);
void reports_unref(struct vote_reports *reports);

/* Fields that a kind does not use are zero. */
struct message {
    enum message_kind kind;
    uint64_t slot;
    uint64_t to;
    struct ballot ballot;
    struct ballot other;
    struct tag tag;
    struct interval interval;
    struct value *value;          /* One reference is the message's. */
    struct vote_reports *reports; /* The same. */
    enum refusal refusal;
    struct progress progress;
    struct hello *hello; /* HELLO only. Borrowed by what is received, owned by what is sent. */
};

/* Drop what a message that was to be sent owns: its references, and its hello. */
void message_fini(struct message *m);

#endif
