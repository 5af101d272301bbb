/* hints.c -- command lines that work when they are pasted. */
#include "cli/hints.h"

#include <stdio.h>
#include <string.h>

static void add(char *buf, size_t len, const char *text)
{
    const size_t n = strlen(buf);
    (void)snprintf(buf + n, len - n, "%s", text);
}

/* Control characters as $'\x1b'. */
static void add_escaped(char *buf, size_t len, const char *word)
{
    char one[8];
    add(buf, len, "$'");
    for (; *word; word++) {
        const unsigned char c = (unsigned char)*word;
        (void)snprintf(one, sizeof one, c < 32 || c > 126 ? "\\x%02x" : "%c", c);
        if (c == '\'' || c == '\\') (void)snprintf(one, sizeof one, "\\%c", c);
        add(buf, len, one);
    }
    add(buf, len, "'");
}

static bool has_control(const char *word)
{
    for (; *word; word++)
        if ((unsigned char)*word < 32 || *word == 127) return true;
    return false;
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
    if (has_control(word)) {
        add_escaped(buf, len, word);
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
