/*
 * target_zookeeper.h -- ZooKeeper, as one more target of what `dkv-cli bench` measures with.
 */
#ifndef DKV_BENCH_TARGET_ZOOKEEPER_H
#define DKV_BENCH_TARGET_ZOOKEEPER_H

#include "cli/bench/target.h"

extern const struct target_kind target_zookeeper;

#endif
