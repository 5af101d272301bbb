/* checkpoint_list.c -- the linears of a model folder. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "formats/folder/checkpoint.h"
#include "formats/layouts/module_map.h"

typedef struct found {
    const char *name;
    bool quantized;
} found;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const found *)a)->name, ((const found *)b)->name);
}

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcasecmp(text + n - m, end) == 0;
}

static bool is_dense_linear(const vq_tensor *t)
{
    return t->ndim == 2 && ends_with(t->name, ".weight") &&
           (t->dtype == VQ_F32 || t->dtype == VQ_F16 || t->dtype == VQ_BF16);
}

static vq_status gather(const vq_checkpoint *c, found *all, size_t *n, vq_arena *a, vq_err *e)
{
    for (size_t i = 0; c->modules && i < c->modules->count; i++)
        all[(*n)++] = (found){.name = c->modules->modules[i].linear.name, .quantized = true};
    for (size_t i = 0; i < c->weights.count; i++) {
        const vq_tensor *t = c->weights.sorted[i];
        if (!is_dense_linear(t)) continue;
        const char *name =
            vq_arena_text(a, e, "%.*s", (int)(strlen(t->name) - strlen(".weight")), t->name);
        if (!name) return VQ_E_LIMIT;
        all[(*n)++] = (found){.name = name};
    }
    qsort(all, *n, sizeof *all, by_name);
    return VQ_OK;
}

vq_status vq_checkpoint_modules(const vq_checkpoint *c, vq_arena *a, const char *const **names,
                                const bool **quantized, size_t *n, vq_err *e)
{
    const size_t most = c->weights.count + (c->modules ? c->modules->count : 0);
    found *all = VQ_ALLOC(a, found, most, "module names", e);
    const char **name = all ? VQ_ALLOC(a, const char *, most, "module names", e) : NULL;
    bool *flag = name ? VQ_ALLOC(a, bool, most, "module names", e) : NULL;
    if (!flag) return VQ_E_LIMIT;
    *n = 0;
    VQ_TRY(gather(c, all, n, a, e));
    for (size_t i = 0; i < *n; i++) {
        name[i] = all[i].name;
        flag[i] = all[i].quantized;
    }
    *names = name;
    *quantized = flag;
    return VQ_OK;
}
