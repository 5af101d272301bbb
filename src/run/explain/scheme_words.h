/* scheme_words.h -- a scheme for people. test tests/cli/explain.sh */
#ifndef VQ_RUN_EXPLAIN_SCHEME_WORDS_H
#define VQ_RUN_EXPLAIN_SCHEME_WORDS_H

#include "formats/target.h"

/* vq_scheme_words -- "weights as 4-bit floats (e2m1), an e4m3 scale for each 16 columns ..." into
 * buf; returns buf. t: where it is stored, which says whether second-level scales of inputs are. */
const char *vq_scheme_words(const vq_scheme *s, const vq_target *t, char *buf, size_t len);

#endif
