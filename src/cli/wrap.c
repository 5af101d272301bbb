/* wrap.c -- lines of at most 80 columns. */
#include "cli/wrap.h"

#include <string.h>
#include <unistd.h>

/* Columns of n bytes of UTF-8. */
static int columns_of(const char *text, size_t n)
{
    int columns = 0;
    for (size_t i = 0; i < n; i++) columns += ((unsigned char)text[i] & 0xc0) != 0x80;
    return columns;
}

/* One paragraph of n bytes. */
static void put_words(FILE *f, int column, int indent, const char *text, size_t n)
{
    const char *gap = "";
    while (n) {
        const char *space = memchr(text, ' ', n);
        const size_t len = space ? (size_t)(space - text) : n;
        const int width = columns_of(text, len);
        if (*gap && column + 1 + width > VQ_COLUMNS) {
            fprintf(f, "\n%*s", indent, "");
            column = indent;
            gap = "";
        }
        fprintf(f, "%s%.*s", gap, (int)len, text);
        column += width + (*gap ? 1 : 0);
        gap = " ";
        text += len + (space ? 1 : 0);
        n -= len + (space ? 1 : 0);
    }
    fputc('\n', f);
}

void vq_wrap(FILE *f, int column, int indent, const char *text)
{
    for (;;) {
        const size_t len = strcspn(text, "\n");
        put_words(f, column, indent, text, len);
        if (!text[len]) return;
        text += len + 1;
        column = 0;
    }
}

void vq_wrap_shown(FILE *f, int column, int indent, const char *text)
{
    if (isatty(fileno(f)))
        vq_wrap(f, column, indent, text);
    else
        fprintf(f, "%s\n", text);
}
