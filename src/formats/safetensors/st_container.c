/* st_container.c -- safetensors as a container of a model's weights, in one or many files: find
 * them, check the index against what the shards hold; writing is st_write.c's. */
#include "formats/safetensors/st_container.h"

#include <stdlib.h>
#include <string.h>

#include "formats/safetensors/safetensors.h"
#include "json/json_walk.h"

#define INDEX_MAX 100000000u

typedef struct map_entry { /* one line of weight_map */
    const char *tensor, *file;
} map_entry;

typedef struct st_index {
    map_entry *map; /* sorted by tensor name; NULL while counting */
    size_t count, bytes;
    size_t count_max,
        bytes_max; /* of the second walk, as the first measured: the file may change meanwhile */
    char *pool;
    bool found;
} st_index;

static vq_status keep_pair(st_index *x, const char *key, size_t len, const json_t *file, vq_err *e)
{
    const char *name = json_string_value(file);
    if (!name) return vq_fail(e, VQ_E_INPUT, "weight_map: %s is not mapped to a file name", key);
    if (strchr(name, '/') || strstr(name, "..") || !vq_ends_with(name, ".safetensors")) {
        return vq_fail(e, VQ_E_INPUT,
                       "weight_map: %s is not the name of a safetensors file in this folder", name);
    }
    const size_t flen = json_string_length(file);
    if (x->map && (x->count == x->count_max || len + flen + 2 > x->bytes_max - x->bytes)) {
        return vq_fail(e, VQ_E_INPUT, "the file changed while it was read");
    }
    if (x->map) {
        x->map[x->count].tensor = memcpy(x->pool + x->bytes, key, len + 1);
        x->map[x->count].file = memcpy(x->pool + x->bytes + len + 1, name, flen + 1);
    }
    x->count++;
    x->bytes += len + flen + 2;
    return VQ_OK;
}

static vq_status map_member(void *ctx, vq_json_walk *w, const char *key, size_t len, vq_err *e)
{
    json_t *v;
    VQ_TRY(vq_json_value(w, &v, e));
    const vq_status s = keep_pair(ctx, key, len, v, e);
    json_decref(v);
    return s;
}

static vq_status top_member(void *ctx, vq_json_walk *w, const char *key, size_t len, vq_err *e)
{
    (void)len;
    st_index *x = ctx;
    if (strcmp(key, "weight_map") == 0) {
        if (x->found) return vq_fail(e, VQ_E_INPUT, "weight_map comes twice");
        x->found = true;
        return vq_json_object(w, map_member, x, e);
    }
    json_t *v;
    VQ_TRY(vq_json_value(w, &v, e));
    json_decref(v);
    return VQ_OK;
}

static vq_status walk_index(const vq_map *m, st_index *x, vq_err *e)
{
    vq_json_walk w = {(const char *)m->data, m->size, 0};
    x->count_max = x->count;
    x->bytes_max = x->bytes;
    x->count = x->bytes = 0;
    x->found = false;
    VQ_TRY(vq_json_object(&w, top_member, x, e));
    while (w.at < w.len && strchr(" \t\r\n", w.text[w.at]) && w.text[w.at]) w.at++;
    if (w.at != w.len)
        return vq_fail(e, VQ_E_INPUT, "byte %zu: text after the closing brace", w.at);
    return x->found ? VQ_OK
                    : vq_fail(e, VQ_E_INPUT,
                              "no weight_map, so it is no index of weights: "
                              "give the folder of the model");
}

static int by_tensor(const void *a, const void *b)
{
    return strcmp(((const map_entry *)a)->tensor, ((const map_entry *)b)->tensor);
}

static vq_status read_index(st_index *x, const char *path, vq_arena *a, vq_err *e)
{
    vq_map m;
    VQ_TRY(vq_map_open(&m, path, e));
    vq_status s = m.size <= INDEX_MAX
                      ? walk_index(&m, x, e)
                      : vq_fail(e, VQ_E_INPUT, "%zu bytes are too many for an index", m.size);
    if (s == VQ_OK && x->count == 0) s = vq_fail(e, VQ_E_INPUT, "weight_map is empty");
    if (s == VQ_OK) {
        x->map = VQ_ALLOC(a, map_entry, x->count, "index", e);
        x->pool = x->map ? VQ_ALLOC(a, char, x->bytes, "index", e) : NULL;
        s = x->pool ? walk_index(&m, x, e) : VQ_E_LIMIT;
    }
    vq_map_close(&m);
    if (s != VQ_OK) (void)vq_at(e, "%s", path);
    VQ_TRY(s);
    qsort(x->map, x->count, sizeof *x->map, by_tensor);
    for (size_t i = 1; i < x->count; i++) {
        if (strcmp(x->map[i - 1].tensor, x->map[i].tensor) == 0) {
            return vq_fail(e, VQ_E_INPUT, "%s: %s comes twice in weight_map", path,
                           x->map[i].tensor);
        }
    }
    return VQ_OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The distinct file names of the map, sorted. */
static vq_status shard_names(const st_index *x, const char ***names, size_t *n, vq_arena *a,
                             vq_err *e)
{
    const char **all = VQ_ALLOC(a, const char *, x->count, "shard names", e);
    if (!all) return VQ_E_LIMIT;
    for (size_t i = 0; i < x->count; i++) all[i] = x->map[i].file;
    qsort(all, x->count, sizeof *all, by_text);
    *n = 0;
    for (size_t i = 0; i < x->count; i++) {
        if (*n == 0 || strcmp(all[*n - 1], all[i]) != 0) all[(*n)++] = all[i];
    }
    *names = all;
    return VQ_OK;
}

/* What the container keeps of an opened set. */
typedef struct vq_st_shards {
    vq_st_file *files;
    size_t count;
} vq_st_shards;

static vq_status sort_tensors(vq_tensor_set *s, const vq_st_shards *all, vq_arena *a, vq_err *e)
{
    size_t n = 0;
    for (size_t f = 0; f < all->count; f++) n += all->files[f].count;
    s->sorted = VQ_ALLOC(a, vq_tensor *, n, "tensor list", e);
    if (!s->sorted) return VQ_E_LIMIT;
    for (size_t f = 0; f < all->count; f++) {
        for (size_t i = 0; i < all->files[f].count; i++)
            s->sorted[s->count++] = &all->files[f].tensors[i];
    }
    vq_tensor_set_sort(s);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(s->sorted[i - 1]->name, s->sorted[i]->name) == 0) {
            return vq_fail(e, VQ_E_INPUT, "%s: this tensor is in two shards", s->sorted[i]->name);
        }
    }
    return VQ_OK;
}

/* Every tensor of a shard must be in the map under that shard, and every line of the map must
 * exist. */
static vq_status check_map(const vq_tensor_set *s, const st_index *x, vq_err *e)
{
    const vq_st_shards *all = s->self;
    for (size_t f = 0; f < all->count; f++) {
        const char *shard = vq_base_name(all->files[f].path);
        for (size_t i = 0; i < all->files[f].count; i++) {
            const map_entry key = {all->files[f].tensors[i].name, NULL};
            const map_entry *hit = bsearch(&key, x->map, x->count, sizeof *x->map, by_tensor);
            if (!hit)
                return vq_fail(e, VQ_E_INPUT, "%s: tensor %s is not in the index", shard,
                               key.tensor);
            if (strcmp(hit->file, shard) != 0)
                return vq_fail(e, VQ_E_INPUT, "%s: tensor %s is in %s by the index", shard,
                               key.tensor, hit->file);
        }
    }
    for (size_t i = 0; i < x->count; i++) {
        if (!vq_tensor_set_find(s, x->map[i].tensor))
            return vq_fail(e, VQ_E_INPUT, "%s: no tensor %s, which the index puts there",
                           x->map[i].file, x->map[i].tensor);
    }
    return VQ_OK;
}

static vq_status open_shards(vq_st_shards *all, vq_tensor_file *files, const char *const *paths,
                             size_t n, vq_arena *a, vq_err *e)
{
    for (size_t i = 0; i < n; i++) {
        VQ_TRY(vq_st_open(&all->files[i], paths[i], a, e));
        files[i] = (vq_tensor_file){.path = all->files[i].path, .map = all->files[i].map};
        all->count = i + 1;
    }
    return VQ_OK;
}

static vq_status open_files(vq_tensor_set *s, const char *const *paths, size_t n, vq_arena *a,
                            vq_err *e)
{
    vq_st_shards *all = s->self;
    vq_tensor_file *files = VQ_NEW(a, vq_tensor_file, n, "shards", e);
    all->files = files ? VQ_NEW(a, vq_st_file, n, "shards", e) : NULL;
    if (!all->files) return VQ_E_LIMIT;
    VQ_TRY(open_shards(all, files, paths, n, a, e));
    s->files = files;
    s->nfiles = n;
    return sort_tensors(s, all, a, e);
}

static vq_status open_index(vq_tensor_set *s, const char *path, vq_arena *a, vq_err *e)
{
    st_index x = {0};
    const char **names = NULL, *first = NULL;
    size_t n = 0, missing = 0;
    VQ_TRY(read_index(&x, path, a, e));
    VQ_TRY(shard_names(&x, &names, &n, a, e));
    const int dir = (int)(vq_base_name(path) - path); /* with its slash; 0 in the current folder */
    for (size_t i = 0; i < n; i++) {
        const char *shard = names[i];
        if (!(names[i] = vq_arena_text(a, e, "%.*s%s", dir, path, shard))) return VQ_E_LIMIT;
        if (!vq_exists(names[i]) && missing++ == 0) first = shard;
    }
    if (missing)
        return vq_fail(
            e, VQ_E_INPUT,
            "%s: shard %s is missing (%zu of %zu are): an incomplete download? fetch the "
            "model again",
            vq_base_name(path), first, missing, n);
    VQ_TRY(open_files(s, names, n, a, e));
    return check_map(s, &x, e);
}

/* The one safetensors file of a folder that has none of the usual names. */
static vq_status only_file(const char *dir, const char **path, vq_arena *a, vq_err *e)
{
    const char *const *names, *hit = NULL;
    size_t n, hits = 0;
    VQ_TRY(vq_list_dir(dir, a, &names, &n, e));
    for (size_t i = 0; i < n; i++) {
        if (!vq_ends_with(names[i], ".safetensors")) continue;
        hit = names[i];
        hits++;
    }
    if (hits == 0)
        return vq_fail(
            e, VQ_E_INPUT,
            "%s: no model.safetensors and no model.safetensors.index.json in this folder", dir);
    if (hits > 1)
        return vq_fail(
            e, VQ_E_INPUT,
            "%s: %zu safetensors files and no model.safetensors.index.json: name the file", dir,
            hits);
    *path = vq_join(a, dir, hit, e);
    return *path ? VQ_OK : VQ_E_LIMIT;
}

static vq_status find_in_folder(const char *dir, const char **path, vq_arena *a, vq_err *e)
{
    static const char *const usual[] = {"model.safetensors", "model.safetensors.index.json"};
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
        if (!(*path = vq_join(a, dir, usual[i], e))) return VQ_E_LIMIT;
        if (vq_exists(*path)) return VQ_OK;
    }
    return only_file(dir, path, a, e);
}

static void close_shards(void *self)
{
    vq_st_shards *all = self;
    for (size_t i = 0; i < all->count; i++) vq_st_close(&all->files[i]);
    all->count = 0;
}

static vq_status open_path(vq_tensor_set *s, const char *path, vq_arena *a, vq_err *e)
{
    if (vq_is_dir(path)) VQ_TRY(find_in_folder(path, &path, a, e));
    s->self = VQ_NEW(a, vq_st_shards, 1, "shards", e);
    if (!s->self) return VQ_E_LIMIT;
    const vq_status status =
        vq_ends_with(path, ".json") ? open_index(s, path, a, e) : open_files(s, &path, 1, a, e);
    if (status != VQ_OK) close_shards(s->self);
    return status;
}

static vq_status create(void **self, vq_arena *a, vq_err *e)
{
    vq_st_writer *w = NULL;
    VQ_TRY(vq_st_writer_new(&w, a, e));
    *self = w;
    return VQ_OK;
}

static vq_status declare(void *self, const char *name, vq_dtype t, const int64_t *shape, int ndim,
                         int64_t *id, vq_err *e)
{
    return vq_st_writer_declare(self, name, t, shape, ndim, id, e);
}

static vq_status begin(void *self, const char *dir, uint64_t shard_bytes, vq_err *e)
{
    return vq_st_writer_open(self, dir, shard_bytes, e);
}

static vq_status write_bytes(void *self, int64_t id, uint64_t at, const void *data, size_t n,
                             vq_err *e)
{
    return vq_st_writer_write(self, id, at, data, n, e);
}

static vq_status commit(void *self, const char *const **names, size_t *n, vq_err *e)
{
    return vq_st_writer_commit(self, names, n, e);
}

static void drop(void *self)
{
    vq_st_writer_drop(self);
}

const vq_container vq_container_safetensors = {
    .name = "safetensors",
    .file = "model.safetensors",
    .fallback = true,
    .open = open_path,
    .close = close_shards,
    .create = create,
    .declare = declare,
    .begin = begin,
    .write = write_bytes,
    .commit = commit,
    .drop = drop,
};
