/*
 * be.h -- integers as big-endian bytes, so that memcmp orders keys as numbers.
 */
#ifndef DKV_BASE_BE_H
#define DKV_BASE_BE_H

#include <stdint.h>

static inline void be16_store(uint8_t out[2], uint16_t v)
{
    out[0] = (uint8_t)(v >> 8);
    out[1] = (uint8_t)v;
}

static inline uint16_t be16_load(const uint8_t in[2])
{
    return (uint16_t)((unsigned)in[0] << 8 | (unsigned)in[1]);
}

static inline void be32_store(uint8_t out[4], uint32_t v)
{
    out[0] = (uint8_t)(v >> 24);
    out[1] = (uint8_t)(v >> 16);
    out[2] = (uint8_t)(v >> 8);
    out[3] = (uint8_t)v;
}

static inline uint32_t be32_load(const uint8_t in[4])
{
    return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | (uint32_t)in[3];
}

static inline void be64_store(uint8_t out[8], uint64_t v)
{
    be32_store(out, (uint32_t)(v >> 32));
    be32_store(out + 4, (uint32_t)v);
}

static inline uint64_t be64_load(const uint8_t in[8])
{
    return (uint64_t)be32_load(in) << 32 | be32_load(in + 4);
}

#endif
