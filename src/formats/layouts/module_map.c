/* module_map.c -- the modules of an artifact: read by its target, filled from the tensors, and no
 * tensor left over. */
#include "formats/layouts/module_map.h"

#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b)
{
    const vq_stored_module *x = a, *y = b;
    return strcmp(x->linear.name, y->linear.name);
}

const vq_stored_module *vq_module_map_find(const vq_module_map *m, const char *module)
{
    const vq_stored_module key = {.linear.name = module};
    return m && m->count ? bsearch(&key, m->modules, m->count, sizeof key, by_name) : NULL;
}

const char *vq_suffix_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? dot + 1 : "";
}

char *vq_module_of(const char *name, vq_arena *a, vq_err *e)
{
    const char *suffix = vq_suffix_of(name);
    const int n = *suffix ? (int)(suffix - name) - 1 : (int)strlen(name);
    return vq_arena_text(a, e, "%.*s", n, name);
}

static bool dense_type(vq_dtype t)
{
    return t == VQ_F32 || t == VQ_F16 || t == VQ_BF16 || t == VQ_F64;
}

bool vq_holds_codes(const vq_tensor *t)
{
    const char *suffix = vq_suffix_of(t->name);
    return strcmp(suffix, "weight_packed") == 0 ||
           (strcmp(suffix, "weight") == 0 && t->ndim >= 2 && !dense_type(t->dtype));
}

/* Scales and the like must belong to a module, and to its layout. */
static vq_status check_stray(const vq_module_map *m, const vq_tensor *t, vq_arena *a, vq_err *e)
{
    static const char *const more[] = {"weight_g_idx", "weight_scale_inv", "qweight", "qzeros",
                                       "weight_scale_2"};
    const char *suffix = vq_suffix_of(t->name);
    bool known = false;
    for (int i = 0; m->target->suffixes[i]; i++)
        known |= strcmp(m->target->suffixes[i], suffix) == 0;
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) known |= strcmp(more[i], suffix) == 0;
    if (!known || (strcmp(suffix, "weight") == 0 && !vq_holds_codes(t))) return VQ_OK;
    const vq_arena_mark here = vq_arena_here(a);
    const char *name = vq_module_of(t->name, a, e);
    if (!name) return VQ_E_LIMIT;
    const vq_stored_module *s = vq_module_map_find(m, name);
    bool used = false;
    for (int i = 0; s && i < VQ_LAYOUT_FIELDS; i++) used |= s->tensors[i] == t;
    vq_arena_rewind(a, here);
    if (used) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT, "%s: %s", t->name,
                   s ? "the layout of its module has no such tensor"
                     : "it belongs to no quantized module of the config");
}

static vq_status check_strays(const vq_module_map *m, const vq_tensor_set *set, vq_arena *a,
                              vq_err *e)
{
    for (size_t i = 0; i < set->count; i++) VQ_TRY(check_stray(m, set->sorted[i], a, e));
    return VQ_OK;
}

vq_status vq_module_map_new(vq_module_map **out, const vq_target *t, const vq_folder *f,
                            vq_arena *a, vq_err *e)
{
    vq_module_map *m = *out = VQ_NEW(a, vq_module_map, 1, "quantized modules", e);
    if (!m) return VQ_E_LIMIT;
    m->target = t;
    VQ_TRY(t->read_config(m, f, a, e));
    qsort(m->modules, m->count, sizeof *m->modules, by_name);
    for (size_t i = 0; i < m->count; i++) VQ_TRY(vq_stored_fill(&m->modules[i], f->weights, a, e));
    return check_strays(m, f->weights, a, e);
}
