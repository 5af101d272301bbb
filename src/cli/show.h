/* show.h -- results for people: sizes, tables, and any JSON value in a readable way. Control
 * characters of hostile names become '?'. */
#ifndef VQ_CLI_SHOW_H
#define VQ_CLI_SHOW_H

#include <jansson.h>
#include <stdio.h>

typedef enum vq_cell { VQ_CELL_TEXT, VQ_CELL_COUNT, VQ_CELL_BYTES, VQ_CELL_REAL } vq_cell;

typedef struct vq_column {
    const char *key, *title; /* key of the row object; a missing or null value prints "-" */
    vq_cell cell;            /* all but TEXT are set to the right */
    int digits;              /* REAL: behind the point */
} vq_column;

/* vq_show_clean -- text with every control character replaced, into buf; returns buf. */
const char *vq_show_clean(const char *text, char *buf, size_t len);
/* vq_show_bytes -- "1.25 MiB (1310720)" is for people: "1.25 MiB" into buf; returns buf. */
const char *vq_show_bytes(double bytes, char *buf, size_t len);
/* vq_show_table -- rows (array of objects) under titles, each line indented by two. On a terminal a
 * table of more than 80 columns has its first cells on lines of their own. */
void vq_show_table(FILE *f, const json_t *rows, const vq_column *columns, int n);
/* vq_show_field -- "  name            text" */
void vq_show_field(FILE *f, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* vq_show_json -- an object of any keys: scalars as fields, arrays of objects as tables, objects
 * below their name. */
void vq_show_json(FILE *f, const json_t *value);

/* Numbers of a result object; NAN or 0 or "" when the key is missing. */
double vq_result_real(const json_t *o, const char *key);
json_int_t vq_result_int(const json_t *o, const char *key);
const char *vq_result_text(const json_t *o, const char *key);

/* vq_show_quoted -- text as a JSON string, in ASCII, without asking for memory: what else is in it
 * becomes '?'. */
void vq_show_quoted(FILE *out, const char *text);

#endif
