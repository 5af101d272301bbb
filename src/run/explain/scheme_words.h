/* scheme_words.h -- a scheme for people. test tests/cli/explain.sh */
#ifndef VQ_RUN_EXPLAIN_SCHEME_WORDS_H
#define VQ_RUN_EXPLAIN_SCHEME_WORDS_H

#include "base/num/num.h"

/* vq_scheme_words -- "weights as 4-bit floats (e2m1), an e4m3 scale for each 16 columns ..." into
 * buf; returns buf. */
const char *vq_scheme_words(const vq_scheme *s, char *buf, size_t len);

#endif
