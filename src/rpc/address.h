/*
 * address.h -- why an address cannot be listened on (private to this room).
 */
#ifndef DKV_RPC_ADDRESS_H
#define DKV_RPC_ADDRESS_H

#include "base/err.h"

/*
 * Bind every address that "host:port" or "[v6]:port" stands for, and let go again: the library
 * itself says no more than yes or no, and is content if one of several addresses is free. 0: all
 * of them that this host has are free, and it has one; ERR_INVALID: it does not parse or resolve;
 * ERR_BUSY: in use; ERR_IO: the system refuses it, errno says why; ERR_NO_MEMORY.
 */
int rpc_address_probe(const char *address) MUST_CHECK;

#endif
