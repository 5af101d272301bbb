/* written.c -- finished sections as a vq_source, and the artifact put together from them. */
#include "run/store/written.h"

#include <string.h>

#include "base/file.h"
#include "run/store/unquantized.h"

static const vq_tensor *find_tensor(const vq_written *p, const char *name)
{
    const vq_tensor *t = NULL;
    for (int i = 0; !t && i < p->count; i++)
        if (p->files[i].open) t = vq_tensor_set_find(&p->files[i].set, name);
    return t;
}

static const vq_tensor *tensor_of(const vq_written *p, const char *module, const char *suffix)
{
    const vq_tensor *t = NULL;
    for (int i = 0; !t && i < p->count; i++)
        if (p->files[i].open) t = vq_tensor_set_member(&p->files[i].set, module, suffix);
    return t;
}

static const vq_stored_module *find_module(const vq_written *p, const char *module)
{
    for (size_t i = 0; i < p->nmodules; i++)
        if (strcmp(p->modules[i].linear.name, module) == 0) return &p->modules[i];
    return NULL;
}

/* The quantized module whose codes this tensor is. */
static const vq_stored_module *find_module_of(const vq_written *p, const char *tensor)
{
    for (size_t i = 0; i < p->nmodules; i++) {
        const char *module = p->modules[i].linear.name;
        const size_t n = strlen(module);
        if (strncmp(tensor, module, n) == 0 && strcmp(tensor + n, ".weight") == 0)
            return &p->modules[i];
    }
    return NULL;
}

static vq_status get_tensor(void *self, const char *name, vq_tensor *out, vq_err *e)
{
    const vq_written *p = self;
    const vq_tensor *t = find_tensor(p, name);
    if (!t) return p->below->tensor(p->below->self, name, out, e);
    *out = *t;
    return VQ_OK;
}

static bool has_tensor(void *self, const char *name)
{
    const vq_written *p = self;
    return find_tensor(p, name) || p->below->has(p->below->self, name);
}

static vq_status get_linear(void *self, const char *module, int64_t n, int64_t k, vq_linear *out,
                            vq_err *e)
{
    const vq_written *p = self;
    const vq_stored_module *s = find_module(p, module);
    VQ_TRY(p->below->linear(p->below->self, module, n, k, out, e));
    const vq_tensor bias = out->bias, *own_bias = tensor_of(p, module, "bias"),
                    *dense = tensor_of(p, module, "weight");
    if (s)
        *out = s->linear;
    else if (dense)
        out->dense = *dense;
    out->bias = own_bias ? *own_bias : bias;
    return VQ_OK;
}

static vq_status get_rows(void *self, const vq_linear *l, int64_t r0, int64_t count,
                          vq_qtensor *out, vq_arena *a, vq_err *e)
{
    const vq_written *p = self;
    const vq_stored_module *s = find_module(p, l->name);
    return s ? vq_stored_rows(s, r0, count, out, a, e)
             : p->below->rows(p->below->self, l, r0, count, out, a, e);
}

vq_status vq_written_init(vq_written *p, const char *dir, const vq_source *below,
                          const vq_target *target, int count, size_t max_modules, vq_arena *a,
                          vq_err *e)
{
    *p = (vq_written){.below = below, .dir = dir, .target = target, .count = count, .arena = a};
    p->source = (vq_source){
        .self = p, .tensor = get_tensor, .has = has_tensor, .linear = get_linear, .rows = get_rows};
    p->files = VQ_NEW(a, vq_written_files, count, "sections", e);
    p->modules = p->files ? VQ_NEW(a, vq_stored_module, max_modules, "sections", e) : NULL;
    return p->modules ? VQ_OK : e->status;
}

void vq_written_close(vq_written *p)
{
    for (int i = 0; i < p->count; i++)
        if (p->files[i].open) vq_tensor_set_close(&p->files[i].set);
    p->count = 0;
}

void vq_written_forget(const vq_written *p)
{
    for (int i = 0; i < p->count; i++)
        if (p->files[i].open) vq_tensor_set_forget(&p->files[i].set);
}

const char *vq_written_folder(const vq_written *p, int section, vq_err *e)
{
    return vq_arena_text(p->arena, e, "%s/part-%04d", p->dir, section);
}

static vq_status fill_module(vq_written *p, const vq_tensor_set *set, const vq_module *m, vq_err *e)
{
    vq_stored_module *s = &p->modules[p->nmodules];
    *s = (vq_stored_module){.target = p->target,
                            .layout = vq_layout_for(p->target->layouts, m->scheme)};
    if (!s->layout) return vq_fail(e, VQ_E_BUG, "%s: no layout holds %s", m->name, m->scheme->id);
    s->linear = (vq_linear){.name = m->name,
                            .n = m->n,
                            .k = m->k,
                            .scheme = *m->scheme,
                            .arc_s = m->arc_s,
                            .hadamard = m->hadamard};
    VQ_TRY(vq_stored_fill(s, set, p->arena, e));
    p->nmodules++;
    return VQ_OK;
}

/* Edited tensors in a section lie as in the model's files, so those that are stored transposed
 * there are turned into rows [out][in]. */
static void turn_tensors(const vq_written *p, const vq_tensor_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        vq_tensor below, *t = set->sorted[i];
        vq_err quiet;
        if (p->below->has(p->below->self, t->name) && !find_module_of(p, t->name) &&
            p->below->tensor(p->below->self, t->name, &below, &quiet) == VQ_OK && below.transposed)
            *t = vq_tensor_turn(t);
    }
}

vq_status vq_written_add(vq_written *p, int section, const vq_module *modules, size_t n, vq_err *e)
{
    vq_written_files *f = &p->files[section];
    const char *dir = vq_written_folder(p, section, e);
    if (!dir) return e->status;
    VQ_TRY(vq_tensor_set_open(&f->set, p->target->container, dir, p->arena, e));
    f->open = true;
    for (size_t i = 0; i < n; i++) VQ_TRY(fill_module(p, &f->set, &modules[i], e));
    turn_tensors(p, &f->set);
    return VQ_OK;
}

const vq_tensor *vq_written_global_scale(const vq_written *p, const char *module,
                                         vq_global_scale *global_scale)
{
    const vq_stored_module *s = find_module(p, module);
    for (int i = 0; s && i < VQ_LAYOUT_FIELDS && s->layout->fields[i].suffix; i++) {
        const vq_tensor *t = s->tensors[i];
        if (s->layout->fields[i].kind != VQ_FIELD_GLOBAL_SCALE || !t ||
            vq_to_f32(t, 0, 1, &global_scale->value, NULL) != VQ_OK)
            continue;
        global_scale->divides = s->target->global_scale_divides;
        return t;
    }
    return NULL;
}

typedef struct assembly {
    const vq_written *written;
    const vq_plan *plan;
    const vq_job *job;
    const vq_tensor_set *instead;
    const char *dir;
    vq_tensor_writer *writer;
    const vq_tensor *
        *tensors; /* [count] those of the sections, and those that replace one of the model's */
    int64_t *ids, *unquantized; /* of them; of the model's */
    size_t count;
} assembly;

static size_t count_tensors(const assembly *s)
{
    const vq_written *p = s->written;
    size_t n = s->instead->count;
    for (int i = 0; i < p->count; i++) n += p->files[i].open ? p->files[i].set.count : 0;
    return n;
}

static void collect_tensors(assembly *s)
{
    const vq_written *p = s->written;
    for (int i = 0; i < p->count; i++)
        for (size_t j = 0; p->files[i].open && j < p->files[i].set.count; j++) {
            const vq_tensor *t = p->files[i].set.sorted[j],
                            *other = vq_tensor_set_find(s->instead, t->name);
            s->tensors[s->count++] = other ? other : t;
        }
    for (size_t j = 0; j < s->instead->count; j++)
        if (!find_tensor(p, s->instead->sorted[j]->name))
            s->tensors[s->count++] = s->instead->sorted[j];
}

static vq_status declare_all(const assembly *s, vq_arena *a, vq_err *e)
{
    const vq_written *p = s->written;
    const vq_tensor_set **sets = VQ_ALLOC(a, const vq_tensor_set *, p->count + 1, "sections", e);
    if (!sets) return e->status;
    int nsets = 0;
    for (int i = 0; i < p->count; i++)
        if (p->files[i].open) sets[nsets++] = &p->files[i].set;
    sets[nsets++] = s->instead;
    for (size_t i = 0; i < s->count; i++) {
        const vq_tensor t = vq_tensor_as_stored(s->tensors[i]);
        VQ_TRY(
            vq_tensor_writer_declare(s->writer, t.name, t.dtype, t.shape, t.ndim, &s->ids[i], e));
    }
    return vq_unquantized_declare(s->plan, sets, nsets, s->writer, s->unquantized, e);
}

static vq_status copy_all(const assembly *s, vq_err *e)
{
    for (size_t i = 0; i < s->count; i++)
        VQ_TRY(vq_copy_tensor(s->tensors[i], s->writer, s->ids[i], e));
    return vq_unquantized_copy(s->plan, &s->job->kernels, s->writer, s->unquantized, e);
}

static vq_status assemble(const assembly *s, vq_arena *a, vq_err *e)
{
    VQ_TRY(declare_all(s, a, e));
    VQ_TRY(vq_tensor_writer_begin(s->writer, s->dir, s->plan->recipe->shard, e));
    VQ_TRY(copy_all(s, e));
    return vq_tensor_writer_commit(s->writer, NULL, NULL, e);
}

vq_status vq_written_assemble(const vq_written *p, const vq_plan *plan, const vq_job *job,
                              const vq_tensor_set *instead, const char *dir, vq_arena *a, vq_err *e)
{
    static const vq_tensor_set nothing = {.count = 0};
    assembly s = {.written = p,
                  .plan = plan,
                  .job = job,
                  .instead = instead ? instead : &nothing,
                  .dir = dir};
    const size_t most = count_tensors(&s) + 1;
    s.ids = VQ_ALLOC(a, int64_t, most, "tensors", e);
    s.tensors = s.ids ? VQ_ALLOC(a, const vq_tensor *, most, "tensors", e) : NULL;
    s.unquantized = s.tensors
                        ? VQ_ALLOC(a, int64_t, plan->model->checkpoint.weights.count, "tensors", e)
                        : NULL;
    if (!s.unquantized) return e->status;
    collect_tensors(&s);
    VQ_TRY(vq_tensor_writer_new(&s.writer, plan->target->container, a, e));
    const vq_status status = assemble(&s, a, e);
    vq_tensor_writer_drop(s.writer);
    return status;
}
