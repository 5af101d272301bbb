/* json_walk.h -- the members of a large JSON object one by one, so that a hostile file of 100 MB
 * costs no gigabytes of parsed values. jansson parses each key and value; the object itself is
 * never in memory. */
#ifndef VQ_JSON_JSON_WALK_H
#define VQ_JSON_JSON_WALK_H

#include <jansson.h>

#include "base/arena.h"

typedef struct vq_json_walk {
    const char *text; /* borrowed, not NUL-terminated */
    size_t len;
    size_t at; /* next byte to read */
} vq_json_walk;

/* vq_json_member -- called for each member with the walk standing at the value, which the callback
 * takes with vq_json_value or
 *   vq_json_object. key: len bytes and a NUL, UTF-8, valid during the call. */
typedef vq_status (*vq_json_member)(void *ctx, vq_json_walk *w, const char *key, size_t len,
                                    vq_err *e);

/* vq_json_object -- walk the object that starts at the next byte that is no white space, and stop
 * behind its closing brace. Keys may
 *   come twice: only the caller knows a cheap way to see it. VQ_E_INPUT with the byte offset |
 *        VQ_E_LIMIT
 *   test tests/unit/json/test_json_walk.c */
vq_status vq_json_object(vq_json_walk *w, vq_json_member member, void *ctx, vq_err *e);

/* vq_json_value -- the value at the walk's place, of at most 64 KiB of text; keys of objects inside
 * it are unique. New reference in *v. */
vq_status vq_json_value(vq_json_walk *w, json_t **v, vq_err *e);

/* vq_json_file -- parse a whole small file (at most max bytes of text) as Python does
 * (json_lenient.h); the top is an object. New reference in *v. */
vq_status vq_json_file(const char *path, size_t max, json_t **v, vq_err *e);

#endif
