/* normal_chars.c -- normalizers that look at one character at a time. */
#include <utf8proc.h>

#include "text/steps/byte_alphabet.h"
#include "text/steps/code_points.h"
#include "text/steps/normalize.h"

/* Full lower case without context: only U+0130 has more than one character. */
vq_status vq_char_lower(int32_t c, vq_sink *out, vq_err *e)
{
    if (c == 0x130) return vq_sink_put(out, "i\xcc\x87", 3, e);
    return vq_sink_char(out, utf8proc_tolower(c), e);
}

vq_status vq_char_no_mark(int32_t c, vq_sink *out, vq_err *e)
{
    const utf8proc_category_t k = utf8proc_category(c);
    const bool mark =
        k == UTF8PROC_CATEGORY_MN || k == UTF8PROC_CATEGORY_MC || k == UTF8PROC_CATEGORY_ME;
    return mark ? VQ_OK : vq_sink_char(out, c, e);
}

vq_status vq_char_no_accent(int32_t c, vq_sink *out, vq_err *e)
{
    return utf8proc_category(c) == UTF8PROC_CATEGORY_MN ? VQ_OK : vq_sink_char(out, c, e);
}

static bool nmt_drops(int32_t c)
{
    return (c >= 1 && c <= 8) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || c == 0x8F ||
           c == 0x9F;
}

static bool nmt_blanks(int32_t c)
{
    return c == 9 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 ||
           (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
           c == 0xFEFF || c == 0xFFFD;
}

vq_status vq_char_nmt(int32_t c, vq_sink *out, vq_err *e)
{
    if (nmt_drops(c)) return VQ_OK;
    return vq_sink_char(out, nmt_blanks(c) ? ' ' : c, e);
}

/* BERT: no control characters, one kind of space */
vq_status vq_char_clean(int32_t c, vq_sink *out, vq_err *e)
{
    if (c == '\t' || c == '\n' || c == '\r') return vq_sink_char(out, ' ', e);
    const utf8proc_category_t k = utf8proc_category(c);
    if (c == 0 || c == 0xFFFD || k == UTF8PROC_CATEGORY_CC || k == UTF8PROC_CATEGORY_CF ||
        k == UTF8PROC_CATEGORY_CO)
        return VQ_OK;
    return vq_sink_char(out, vq_is_space(c) ? ' ' : c, e);
}

static bool is_chinese(int32_t c)
{
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
           (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
           (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

vq_status vq_char_chinese(int32_t c, vq_sink *out, vq_err *e)
{
    const bool apart = is_chinese(c);
    if (apart) VQ_TRY(vq_sink_put(out, " ", 1, e));
    VQ_TRY(vq_sink_char(out, c, e));
    return apart ? vq_sink_put(out, " ", 1, e) : VQ_OK;
}

vq_status vq_char_bytes(int32_t c, vq_sink *out, vq_err *e)
{
    uint8_t bytes[4], letters[8];
    size_t len = 0;
    const size_t n = (size_t)utf8proc_encode_char(c, bytes);
    for (size_t i = 0; i < n; i++) len += vq_byte_letter(bytes[i], letters + len);
    return vq_sink_put(out, letters, len, e);
}
