/* hints.c -- command lines that work when they are pasted. */
#include "cli/hints.h"

#include <stdio.h>
#include <string.h>

#include "base/shell_word.h"

static void add(char *buf, size_t len, const char *text)
{
    const size_t n = strlen(buf);
    (void)snprintf(buf + n, len - n, "%s", text);
}

/* What no shell reads back as it stands, or no terminal shows. */
static bool is_odd(const char *word)
{
    for (const char *c = word; *c; c++)
        if ((unsigned char)*c < 32 || *c == 127) return true;
    return !vq_is_utf8(word);
}

void vq_hint_word(char *buf, size_t len, const char *word)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,+@%";
    if (*buf) add(buf, len, " ");
    if (*word && strspn(word, plain) == strlen(word)) {
        add(buf, len, word);
        return;
    }
    if (is_odd(word)) {
        const size_t n = strlen(buf);
        (void)vq_shell_word(buf + n, len - n, word);
        return;
    }
    add(buf, len, "'");
    for (const char *quote; (quote = strchr(word, '\'')); word = quote + 1) {
        const size_t n = strlen(buf);
        (void)snprintf(buf + n, len - n, "%.*s'\\''", (int)(quote - word), word);
    }
    add(buf, len, word);
    add(buf, len, "'");
}

const char *vq_hint_path(const char *path, char buf[VQ_HINT_PATH])
{
    if (path[0] != '-') return path;
    (void)snprintf(buf, VQ_HINT_PATH, "./%s", path);
    return buf;
}
