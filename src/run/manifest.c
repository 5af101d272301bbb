/* manifest.c -- writing and reading vq.json. */
#include "run/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SELF "self_sha256"
#define DUMP (JSON_INDENT(1) | JSON_SORT_KEYS)

/* Digest of the manifest's text with an empty self_sha256; the JSON library gives one text for one
 * value. */
static vq_status digest_of(json_t *root, char sha[VQ_SHA256_TEXT], vq_err *e)
{
    json_t *blank = json_copy(root);
    (void)json_object_set_new(blank, SELF, json_string(""));
    char *text = json_dumps(blank, DUMP);
    json_decref(blank);
    if (!text) return vq_fail(e, VQ_E_LIMIT, "%s: no memory for the text", VQ_MANIFEST_NAME);
    vq_sha256_of(text, strlen(text), sha);
    free(text);
    return VQ_OK;
}

vq_status vq_manifest_write(const char *dir, json_t *root, vq_err *e)
{
    char sha[VQ_SHA256_TEXT], path[4096];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, VQ_MANIFEST_NAME) >= sizeof path)
        return vq_fail(e, VQ_E_IO, "%s: the path is too long", dir);
    VQ_TRY(digest_of(root, sha, e));
    (void)json_object_set_new(root, SELF, json_string(sha));
    char *text = json_dumps(root, DUMP);
    if (!text) return vq_fail(e, VQ_E_LIMIT, "%s: no memory for the text", path);
    const vq_status s = vq_write_file(path, text, strlen(text), e);
    free(text);
    return s;
}

/* Any changed byte must show: the file has to be exactly the text that its value gives. */
static bool same_text(const vq_map *m, const json_t *root)
{
    char *text = json_dumps(root, DUMP);
    const bool same = text && strlen(text) == m->size && memcmp(text, m->data, m->size) == 0;
    free(text);
    return same;
}

static vq_status read_map(const vq_map *m, const char *path, json_t **root, bool *intact, vq_err *e)
{
    json_error_t why;
    *root = json_loadb((const char *)m->data, m->size, JSON_REJECT_DUPLICATES, &why);
    if (!*root) return vq_fail(e, VQ_E_INPUT, "%s:%d: not JSON: %s", path, why.line, why.text);
    const char *schema = json_string_value(json_object_get(*root, "schema"));
    const char *self = json_string_value(json_object_get(*root, SELF));
    char sha[VQ_SHA256_TEXT] = "";
    vq_status s = VQ_OK;
    if (!schema || strcmp(schema, "vq.artifact/1") != 0)
        s = vq_fail(e, VQ_E_INPUT,
                    "%s: schema is not vq.artifact/1; this file is not an artifact's manifest",
                    path);
    if (s == VQ_OK) s = digest_of(*root, sha, e);
    *intact = s == VQ_OK && self && strcmp(self, sha) == 0 && same_text(m, *root);
    if (s != VQ_OK) json_decref(*root);
    return s;
}

vq_status vq_manifest_read(const char *dir, json_t **root, bool *intact, vq_err *e)
{
    char path[4096];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, VQ_MANIFEST_NAME) >= sizeof path)
        return vq_fail(e, VQ_E_IO, "%s: the path is too long", dir);
    vq_map m;
    VQ_TRY(vq_map_open(&m, path, e));
    const vq_status s = read_map(&m, path, root, intact, e);
    vq_map_close(&m);
    return s;
}

static vq_status add_file(json_t *files, const char *dir, const char *name, vq_arena *a, vq_err *e)
{
    const char *path = vq_join(a, dir, name, e);
    if (!path) return e->status;
    if (strcmp(name, VQ_MANIFEST_NAME) == 0 || vq_is_dir(path)) return VQ_OK;
    vq_map m;
    VQ_TRY(vq_map_open(&m, path, e));
    char sha[VQ_SHA256_TEXT];
    vq_sha256_map(&m, sha);
    vq_map_close(&m);
    (void)json_object_set_new(files, name, json_string(sha));
    return VQ_OK;
}

vq_status vq_manifest_files(const char *dir, json_t **files, vq_arena *a, vq_err *e)
{
    const char *const *names;
    size_t n;
    VQ_TRY(vq_list_dir(dir, a, &names, &n, e));
    *files = json_object();
    vq_status s = VQ_OK;
    for (size_t i = 0; i < n && s == VQ_OK; i++) s = add_file(*files, dir, names[i], a, e);
    if (s != VQ_OK) json_decref(*files);
    return s;
}
