/* utf8.h -- is it UTF-8? */
#ifndef VQ_TEXT_UTF8_H
#define VQ_TEXT_UTF8_H

#include <stddef.h>

#include "base/status.h"

/* vq_utf8_check -- VQ_E_INPUT "WHAT is not UTF-8 at byte N" (surrogates and overlong forms are
 * not). test tests/unit/text/test_utf8.c */
vq_status vq_utf8_check(const char *text, size_t n, const char *what, vq_err *e);

#endif
