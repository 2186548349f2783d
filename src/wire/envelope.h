/*
 * envelope.h -- inside wire/: where the messages of an envelope are. Its functions: paxos_wire.h.
 */
#ifndef DKV_WIRE_ENVELOPE_H
#define DKV_WIRE_ENVELOPE_H

#define ENVELOPE_MESSAGES 1 /* Number of the field, in paxos.proto. */

#endif
