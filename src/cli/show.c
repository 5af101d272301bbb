/* show.c -- tables and fields for people. */
#include "cli/show.h"
#include "cli/wrap.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_COLUMNS 12
#define CELL_BYTES 256
#define FIELD_BYTES 4096
#define MAX_DEPTH 6
#define NAME_COLUMNS 18

const char *vq_show_clean(const char *text, char *buf, size_t len)
{
    size_t n = 0;
    for (; text[n] && n + 1 < len; n++)
        buf[n] = (unsigned char)text[n] < 32 || text[n] == 127 ? '?' : text[n];
    buf[n] = 0;
    return buf;
}

const char *vq_show_bytes(double bytes, char *buf, size_t len)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    int u = 0;
    while (bytes >= 1024 && u < 4) {
        bytes /= 1024;
        u++;
    }
    snprintf(buf, len, u == 0 ? "%.0f %s" : bytes < 10 ? "%.2f %s" : "%.1f %s", bytes, units[u]);
    return buf;
}

double vq_result_real(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

json_int_t vq_result_int(const json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}

const char *vq_result_text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static void add_text(char *buf, size_t len, const char *text)
{
    const size_t used = strlen(buf);
    vq_show_clean(text, buf + used, len - used);
}

/* A scalar, or a short array of scalars such as a shape. */
static void value_text(const json_t *v, char *buf, size_t len)
{
    size_t i;
    const json_t *item;
    switch (json_typeof(v)) {
    case JSON_STRING:
        vq_show_clean(json_string_value(v), buf, len);
        return;
    case JSON_INTEGER:
        snprintf(buf, len, "%lld", (long long)json_integer_value(v));
        return;
    case JSON_REAL:
        snprintf(buf, len, "%.6g", json_real_value(v));
        return;
    case JSON_ARRAY:
        snprintf(buf, len, "[");
        json_array_foreach(v, i, item)
        {
            char one[CELL_BYTES];
            value_text(item, one, sizeof one);
            if (i) add_text(buf, len, ", ");
            add_text(buf, len, one);
        }
        add_text(buf, len, "]");
        return;
    case JSON_OBJECT:
        snprintf(buf, len, "{%zu keys}", json_object_size(v));
        return;
    default:
        snprintf(buf, len, "%s", json_is_true(v) ? "yes" : json_is_false(v) ? "no" : "-");
    }
}

static void cell_text(const json_t *row, const vq_column *c, char buf[CELL_BYTES])
{
    const json_t *v = json_object_get(row, c->key);
    if (!v || json_is_null(v) || (json_is_string(v) && !json_string_length(v)))
        snprintf(buf, CELL_BYTES, "-");
    else if (c->cell == VQ_CELL_BYTES && json_is_number(v))
        vq_show_bytes(json_number_value(v), buf, CELL_BYTES);
    else if (c->cell == VQ_CELL_REAL && json_is_number(v))
        snprintf(buf, CELL_BYTES, "%.*f", c->digits, json_number_value(v));
    else
        value_text(v, buf, CELL_BYTES);
}

#define LEAST_WRAPPED 12 /* a narrower last column is not broken */

/* A last column of text goes on below itself, where there is room for it. */
static void put_cell(FILE *f, const char *text, int width, bool right, bool last, int column)
{
    if (last && !right && column + 2 + LEAST_WRAPPED <= VQ_COLUMNS) {
        fputs("  ", f);
        vq_wrap_shown(f, column + 2, column + 2, text);
        return;
    }
    fprintf(f, right ? "  %*s" : "  %-*s", right || !last ? width : 0, text);
    if (last) fputc('\n', f);
}

/* On a terminal the first cells of a table that is too wide stand on lines of their own. */
static bool is_too_wide(FILE *f, const vq_column *columns, const int *width, int n)
{
    int column = 0;
    for (int c = 0; c < n; c++) {
        const bool wraps =
            c == n - 1 && columns[c].cell == VQ_CELL_TEXT && width[c] > LEAST_WRAPPED;
        column += 2 + (wraps ? LEAST_WRAPPED : width[c]);
    }
    return n > 1 && column > VQ_COLUMNS && isatty(fileno(f));
}

/* A line of the table, or two; row NULL: the titles. */
static void put_line(FILE *f, const json_t *row, const vq_column *columns, const int *width, int n,
                     bool wide)
{
    char text[CELL_BYTES];
    int column = 0;
    if (wide) {
        if (row)
            cell_text(row, columns, text);
        else
            snprintf(text, sizeof text, "%s", columns[0].title);
        fputs("  ", f);
        vq_wrap_shown(f, 2, 4, text);
        column = fprintf(f, "  ");
    }
    for (int c = wide; c < n; c++) {
        if (row)
            cell_text(row, &columns[c], text);
        else
            snprintf(text, sizeof text, "%s", columns[c].title);
        put_cell(f, text, width[c], columns[c].cell != VQ_CELL_TEXT, c == n - 1, column);
        column += 2 + width[c];
    }
}

void vq_show_table(FILE *f, const json_t *rows, const vq_column *columns, int n)
{
    int width[MAX_COLUMNS] = {0};
    char text[CELL_BYTES];
    size_t i;
    const json_t *row;
    if (n > MAX_COLUMNS) n = MAX_COLUMNS;
    for (int c = 0; c < n; c++) {
        width[c] = (int)strlen(columns[c].title);
        json_array_foreach(rows, i, row)
        {
            cell_text(row, &columns[c], text);
            if ((int)strlen(text) > width[c]) width[c] = (int)strlen(text);
        }
    }
    const bool wide = is_too_wide(f, columns, width, n);
    put_line(f, NULL, columns, width, n, wide);
    json_array_foreach(rows, i, row)
    {
        put_line(f, row, columns, width, n, wide);
    }
}

void vq_show_field(FILE *f, const char *name, const char *fmt, ...)
{
    char clean[CELL_BYTES], text[FIELD_BYTES];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    char line[CELL_BYTES + 1 + FIELD_BYTES];
    (void)snprintf(line, sizeof line, "%s: %s", vq_show_clean(name, clean, sizeof clean), text);
    if (strlen(clean) >= NAME_COLUMNS) { /* some names are sentences */
        fputs("  ", f);
        vq_wrap_shown(f, 2, 4, line);
        return;
    }
    const int taken = fprintf(f, "  %-*s ", NAME_COLUMNS - 1, clean);
    vq_wrap_shown(f, taken, NAME_COLUMNS + 2, text);
}

/* A table whose columns are the keys of the first row. */
static void show_rows(FILE *f, const char *name, const json_t *rows)
{
    vq_column columns[MAX_COLUMNS];
    int n = 0;
    const char *key;
    json_t *value;
    json_object_foreach(json_array_get(rows, 0), key, value)
    {
        if (n == MAX_COLUMNS) break;
        const vq_cell cell = strcmp(key, "bytes") == 0 ? VQ_CELL_BYTES
                             : json_is_integer(value)  ? VQ_CELL_COUNT
                                                       : VQ_CELL_TEXT;
        columns[n++] = (vq_column){key, key, cell, 0};
    }
    fprintf(f, "\n%s (%zu)\n", name, json_array_size(rows));
    vq_show_table(f, rows, columns, n);
}

static bool is_plain(const json_t *v)
{
    return !json_is_object(v) && !json_is_object(json_array_get(v, 0));
}

/* sizes: the object is called bytes_..., so its numbers are bytes. */
static void show_object(FILE *f, const json_t *o, bool sizes, int depth)
{
    const char *key;
    json_t *value;
    char text[512], bytes[32], clean[CELL_BYTES];
    json_object_foreach((json_t *)o, key, value)
    {
        if (!is_plain(value)) continue;
        value_text(value, text, sizeof text);
        const bool size = json_is_integer(value) && (sizes || strncmp(key, "bytes", 5) == 0);
        vq_show_field(f, key, size ? "%s (%s)" : "%s%s", text,
                      size ? vq_show_bytes((double)json_integer_value(value), bytes, sizeof bytes)
                           : "");
    }
    json_object_foreach((json_t *)o, key, value)
    {
        if (is_plain(value) || depth == MAX_DEPTH) continue;
        vq_show_clean(key, clean, sizeof clean);
        if (json_is_array(value)) {
            show_rows(f, clean, value);
            continue;
        }
        fprintf(f, "\n%s\n", clean);
        show_object(f, value, strncmp(key, "bytes", 5) == 0, depth + 1);
    }
}

void vq_show_json(FILE *f, const json_t *value)
{
    show_object(f, value, false, 0);
}

void vq_show_quoted(FILE *out, const char *text)
{
    (void)fputc('"', out);
    for (const char *c = text; *c; c++) {
        if (*c == '"' || *c == '\\') (void)fputc('\\', out);
        (void)fputc((unsigned char)*c < ' ' || (unsigned char)*c > '~' ? '?' : *c, out);
    }
    (void)fputc('"', out);
}
