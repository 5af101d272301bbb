/* targets.c -- the table of target formats, made of the lines of targets.inc. */
#include "formats/target.h"

/* NOLINTNEXTLINE(bugprone-macro-parentheses): a declaration */
#define VQ_TARGET(name) extern const vq_target name;
#include "formats/targets.inc"
#undef VQ_TARGET

#define VQ_TARGET(name) &(name),
const vq_target *const vq_targets[] = {
#include "formats/targets.inc"
    NULL};

extern const vq_target vq_reader_fp8, vq_reader_mxfp4;
const vq_target *const vq_readers[] = {&vq_reader_fp8, &vq_reader_mxfp4, NULL};
