/* code_points.h -- classes of characters that several parts of the tokenizer ask for. test
 * tests/unit/text/test_added_tokens.c */
#ifndef VQ_TEXT_CODE_POINTS_H
#define VQ_TEXT_CODE_POINTS_H

#include <stdbool.h>
#include <stdint.h>

/* White_Space of Unicode, the \s of the library's regular expressions */
static inline bool vq_is_space(int32_t c)
{
    return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
           c == 0x205F || c == 0x3000;
}

#endif
