/* json_make.h -- making JSON values, with one error where memory ends: every value that the library
 * has no memory for is noted, and vq_make_done says so once. Text and keys that are not UTF-8 (a
 * path) stand as a shell reads them (base/shell_word.h); a number that is not finite is null. test
 * tests/unit/json/test_json_make.c, tests/unit/report/test_report.c */
#ifndef VQ_JSON_JSON_MAKE_H
#define VQ_JSON_JSON_MAKE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

/* vq_json_watch -- before the first value: memory that the library is refused is noted
 * (base/memory.h). */
void vq_json_watch(void);

/* One value under way. Start with {0}. */
typedef struct vq_json_maker {
    bool lost; /* some value is missing: there was no memory for it */
} vq_json_maker;

/* vq_make_* -- a new value. Hand it to vq_put, vq_add or vq_make_done, which take it over. NULL
 * (noted) without memory; all functions here take NULL. */
json_t *vq_make_object(vq_json_maker *m);
json_t *vq_make_array(vq_json_maker *m);
json_t *vq_make_text(vq_json_maker *m, const char *text); /* null of NULL */
json_t *vq_make_real(vq_json_maker *m, double value);

/* vq_put_* -- a member of an object behind those that it has; the same key again replaces the value
 * in its place. */
void vq_put(vq_json_maker *m, json_t *object, const char *key, json_t *value);
void vq_put_text(vq_json_maker *m, json_t *object, const char *key, const char *text);
void vq_put_int(vq_json_maker *m, json_t *object, const char *key, int64_t value);
void vq_put_real(vq_json_maker *m, json_t *object, const char *key, double value);
void vq_put_flag(vq_json_maker *m, json_t *object, const char *key, bool value);
/* vq_put_object, vq_put_array -- an empty one, borrowed from the object that it is now in. */
json_t *vq_put_object(vq_json_maker *m, json_t *object, const char *key);
json_t *vq_put_array(vq_json_maker *m, json_t *object, const char *key);
/* vq_add, vq_add_int, vq_add_object -- at the end of an array; the new object is borrowed from
 * it. */
void vq_add(vq_json_maker *m, json_t *array, json_t *value);
void vq_add_int(vq_json_maker *m, json_t *array, int64_t value);
json_t *vq_add_object(vq_json_maker *m, json_t *array);

/* vq_make_done -- the finished value: a new reference in *out, or VQ_E_LIMIT ("what: no memory for
 * the text") when anything of it was lost; then nothing is left. */
vq_status vq_make_done(const vq_json_maker *m, json_t *value, const char *what, json_t **out,
                       vq_err *e);
/* vq_json_dump -- an object or array as text by the library's flags: free it with free(); NULL with
 * VQ_E_LIMIT. */
vq_status vq_json_dump(const json_t *value, size_t flags, const char *what, char **text, vq_err *e);
/* vq_json_save -- value as the file PATH. VQ_E_LIMIT | VQ_E_IO. */
vq_status vq_json_save(const json_t *value, size_t flags, const char *path, vq_err *e);

#endif
