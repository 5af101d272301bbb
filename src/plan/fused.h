/* fused.h -- which linears runtimes fuse, by name: they must share scheme and second-level scales.
 * test tests/unit/plan/test_run_fused.c */
#ifndef VQ_PLAN_FUSED_H
#define VQ_PLAN_FUSED_H

#include <stdbool.h>
#include <stddef.h>

#define VQ_FUSED_FOLLOWERS 2

/* vq_fused_follower -- name of the i-th module (i < VQ_FUSED_FOLLOWERS) fused with `leader`
 * ("...q_proj" -> "...k_proj", "...v_proj") into buf [len]; false when there is none or it does not
 * fit. */
bool vq_fused_follower(const char *leader, int i, char *buf, size_t len);
/* vq_fused_follows -- is this module a follower in some fused set? */
bool vq_fused_follows(const char *module);

#endif
