/* shell_word.c -- quoting that any bytes pass through. */
#include "base/shell_word.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

bool vq_is_utf8(const char *text)
{
    const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)text;
    utf8proc_ssize_t left = (utf8proc_ssize_t)strlen(text), n = 0;
    utf8proc_int32_t point;
    for (; left > 0; at += n, left -= n) {
        n = utf8proc_iterate(at, left, &point);
        if (n <= 0) return false;
    }
    return true;
}

size_t vq_shell_word(char *buf, size_t len, const char *text)
{
    /* cppcheck-suppress ctunullpointer ; len is 0 then */
    size_t n = (size_t)snprintf(buf, len, "$'");
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        const char *form = c < 32 || c > 126 ? "\\x%02x" : c == '\'' || c == '\\' ? "\\%c" : "%c";
        n += (size_t)snprintf(n < len ? buf + n : NULL, n < len ? len - n : 0, form, c);
    }
    return n + (size_t)snprintf(n < len ? buf + n : NULL, n < len ? len - n : 0, "'");
}

bool vq_is_shell_word(const char *text)
{
    const size_t n = strlen(text);
    return n > 3 && strncmp(text, "$'", 2) == 0 && text[n - 1] == '\'' && strstr(text, "\\x");
}

void vq_shell_word_back(char *text)
{
    char *to = text;
    if (!vq_is_shell_word(text)) return;
    for (const char *at = text + 2; *at && *at != '\'';) {
        char hex[3] = "";
        const bool escaped = *at == '\\' && at[1];
        at += escaped;
        if (escaped && *at == 'x' && strlen(at) > 2) {
            (void)snprintf(hex, sizeof hex, "%.2s", at + 1);
            *to++ = (char)strtoul(hex, NULL, 16);
            at += 3;
        } else
            *to++ = *at++;
    }
    *to = '\0';
}
