/* outputs.c -- what stands beside the weights of an artifact: sidecars and config.json. */
#include "run/quantize/outputs.h"

#include <stdlib.h>
#include <string.h>

#include "model/op/op.h"
#include "json/json_lenient.h"
#include "json/json_make.h"

/* The folders of "folder/name" below dir. */
static vq_status make_parents(const char *dir, const char *name, vq_arena *a, vq_err *e)
{
    for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
        const char *path = vq_arena_text(a, e, "%s/%.*s", dir, (int)(slash - name), name);
        if (!path) return e->status;
        VQ_TRY(vq_make_dir(path, e));
    }
    return VQ_OK;
}

/* A file that was cut short meanwhile cannot be written either: that it changed is what to say. */
static vq_status copy_sidecar(const char *to, const vq_map *m, vq_err *e)
{
    const vq_status s = vq_write_file(to, m->data, m->size, e);
    if (vq_map_changed(m)) {
        VQ_TRY(vq_maps_check(e)); /* an input may not */
        return vq_remove(to, e);
    }
    return s;
}

/* What somebody writes to while vq works is not handed on half written. */
static vq_status copy_sidecars(const char *dir, const vq_sidecars *all, const vq_reporter *reporter,
                               vq_arena *a, vq_err *e)
{
    for (size_t i = 0; i < all->n; i++) {
        const char *to = vq_join(a, dir, all->names[i], e);
        if (!to) return e->status;
        VQ_TRY(make_parents(dir, all->names[i], a, e));
        VQ_TRY(copy_sidecar(to, &all->maps[i], e));
        if (!vq_exists(to))
            vq_warn(reporter, "files-left-out", all->names[i],
                    "the file was written to meanwhile, and is not copied");
    }
    return VQ_OK;
}

static const char *const type_names[] = {"dtype", "torch_dtype"};

/* Of the models inside this one (text_config, vision_config) that say it, too. */
static vq_status say_inner_types(const json_t *given, const json_t *type, char **text, size_t *len,
                                 vq_err *e)
{
    const char *outer;
    json_t *inner;
    json_object_foreach((json_t *)(uintptr_t)given, outer, inner)
    {
        if (!json_is_object(inner) || strcmp(outer, "quantization_config") == 0) continue;
        for (int i = 0; i < 2; i++)
            if (json_is_string(json_object_get(inner, type_names[i])))
                VQ_TRY(vq_json_splice_in(text, len, outer, type_names[i], type, e));
    }
    return VQ_OK;
}

/* The type of which loaders make the weights, under the name that the config has for it. */
static vq_status say_type(const vq_plan *p, char **text, size_t *len, vq_err *e)
{
    const json_t *given = p->model->checkpoint.config.root;
    vq_json_maker m = {0};
    json_t *type;
    if (!vq_plan_loads_as_bf16(p)) return VQ_OK;
    VQ_TRY(vq_make_done(&m, vq_make_text(&m, "bfloat16"), "config.json", &type, e));
    const bool older = json_object_get(given, "torch_dtype") || !json_object_get(given, "dtype");
    vq_status s = older ? vq_json_splice(text, len, "torch_dtype", type, e) : VQ_OK;
    if (s == VQ_OK && json_object_get(given, "dtype"))
        s = vq_json_splice(text, len, "dtype", type, e);
    if (s == VQ_OK) s = say_inner_types(given, type, text, len, e);
    json_decref(type);
    return s;
}

/* The text of the model's config with what was added to it; free it. */
static vq_status config_text(const vq_plan *p, const json_t *quantization, bool untied, char **text,
                             size_t *len, vq_err *e)
{
    const char *given = p->model->checkpoint.config.text;
    *text = strdup(given ? given : "{}");
    if (!*text) return vq_fail(e, VQ_E_LIMIT, "config.json: no memory for the text");
    *len = strlen(*text);
    VQ_TRY(vq_json_splice(text, len, "quantization_config", quantization, e));
    if (untied) VQ_TRY(vq_json_splice(text, len, "tie_word_embeddings", json_false(), e));
    return say_type(p, text, len, e);
}

/* Runtimes quantize linears: tables of embeddings are none that they would have to leave out. */
static bool is_table(const vq_model *m, const char *module)
{
    const int id = m->arch ? vq_graph_find(&m->graph, module) : -1;
    return id >= 0 && !m->graph.nodes[id].op->linear;
}

/* The part of a module's path behind the longest prefix, up to a dot, that it shares with a node:
 * "vision_tower.x" of "model.vision_tower.x". */
static const char *branch_of(const vq_graph *g, const char *module)
{
    size_t shared = 0;
    for (int id = 0; id < g->count; id++) {
        const char *name = g->nodes[id].name;
        for (size_t i = 0; name[i] && name[i] == module[i]; i++)
            if (name[i] == '.' && i + 1 > shared) shared = i + 1;
    }
    return module + shared;
}

/* Does `step` (n bytes) stand between dots in the path of any node? */
static bool is_step(const vq_graph *g, const char *step, size_t n)
{
    for (int id = 0; id < g->count; id++)
        for (const char *at = g->nodes[id].name; at;
             at = strchr(at, '.') ? strchr(at, '.') + 1 : NULL)
            if (strncmp(at, step, n) == 0 && (at[n] == '.' || at[n] == '\0')) return true;
    return false;
}

/* The entry of the ignore list for a dense module. Modules outside the graph (image towers) are
 * renamed by runtimes, so they are listed by a pattern for the first path step that no node has,
 * wherever it stands. */
static const char *left_out(const vq_model *m, const char *module, vq_arena *a, vq_err *e)
{
    if (!m->arch || vq_graph_find(&m->graph, module) >= 0) return module;
    const char *branch = branch_of(&m->graph, module);
    const size_t n = strcspn(branch, ".");
    if (branch[n] == '\0' || strspn(branch, "0123456789") == n || is_step(&m->graph, branch, n))
        return module;
    return vq_arena_text(a, e, "re:(.*[.])?%.*s[.].*", (int)n, branch);
}

/* Linears whose weight is the embedding's and not stored: of them a bias is, or their family has one.
 * Runtimes would look for their scales. */
static vq_status list_tied(const vq_plan *p, const char **dense, size_t *n, vq_arena *a, vq_err *e)
{
    static const char of_bert[] = "cls.predictions.";
    const vq_tensor_set *s = &p->model->checkpoint.weights;
    for (size_t i = 0; !p->model->arch && i < s->count; i++) {
        const char *name = s->sorted[i]->name;
        const size_t len = strlen(name), end = sizeof ".bias" - 1;
        const char *module = strncmp(name, of_bert, sizeof of_bert - 1) == 0
                                 ? vq_arena_text(a, e, "%sdecoder", of_bert)
                             : vq_ends_with(name, ".bias")
                                 ? vq_arena_text(a, e, "%.*s", (int)(len - end), name)
                                 : "";
        if (!module) return e->status;
        if (module[0] && !vq_tensor_set_member(s, module, "weight") && !vq_lists(dense, *n, module))
            dense[(*n)++] = module;
    }
    return VQ_OK;
}

static vq_status list_dense(const vq_plan *p, const char **dense, size_t *n, vq_arena *a, vq_err *e)
{
    for (int i = 0; i < p->nweights; i++) {
        const vq_plan_weight *w = &p->weights[i];
        if (w->quantized || is_table(p->model, w->module)) continue;
        const char *name = left_out(p->model, w->module, a, e);
        if (!name) return e->status;
        if (name == w->module || !vq_lists(dense, *n, name)) dense[(*n)++] = name;
    }
    return VQ_OK;
}

/* The text of config.json; free it. */
static vq_status make_config(const vq_plan *p, const vq_module *modules, size_t nmodules,
                             bool untied, char **text, size_t *len, vq_arena *a, vq_err *e)
{
    const char **dense = VQ_ALLOC(a, const char *, p->model->checkpoint.weights.count, "config", e);
    if (!dense) return e->status;
    size_t ndense = 0;
    *text = NULL;
    VQ_TRY(list_dense(p, dense, &ndense, a, e));
    VQ_TRY(list_tied(p, dense, &ndense, a, e));
    json_t *quantization = NULL;
    VQ_TRY(p->target->write_config(modules, nmodules, dense, ndense, &quantization, e));
    const vq_status s = config_text(p, quantization, untied, text, len, e);
    json_decref(quantization);
    return s;
}

static vq_status write_config(const char *dir, const vq_plan *p, const vq_module *modules,
                              size_t nmodules, bool untied, vq_arena *a, vq_err *e)
{
    const char *path = vq_join(a, dir, "config.json", e);
    char *text = NULL;
    size_t len = 0;
    if (!path) return e->status;
    vq_status s = make_config(p, modules, nmodules, untied, &text, &len, a, e);
    if (s == VQ_OK) s = vq_write_file(path, text, len, e);
    free(text);
    return s;
}

vq_status vq_outputs_config_bytes(const vq_plan *p, const vq_module *modules, size_t nmodules,
                                  size_t *bytes, vq_arena *a, vq_err *e)
{
    char *text = NULL;
    *bytes = 0;
    const vq_status s = make_config(p, modules, nmodules, true, &text, bytes, a, e);
    free(text);
    return s;
}

/* A folder that its readers would not know again is not handed over. */
static vq_status check_whole(const char *dir, const vq_target *t, vq_arena *a, vq_err *e)
{
    for (int i = 0; t->files[i]; i++) {
        const char *path = vq_join(a, dir, t->files[i], e);
        if (!path) return e->status;
        if (!vq_exists(path))
            return vq_fail(e, VQ_E_BUG, "%s: format %s needs this file", path, t->name);
    }
    return VQ_OK;
}

vq_status vq_outputs_sidecars(const char *dir, const vq_plan *p, const vq_sidecars *beside,
                              const vq_module *modules, size_t nmodules, bool untied,
                              const vq_reporter *reporter, vq_arena *a, vq_err *e)
{
    VQ_TRY(copy_sidecars(dir, beside, reporter, a, e));
    VQ_TRY(write_config(dir, p, modules, nmodules, untied, a, e));
    return check_whole(dir, p->target, a, e);
}
