/* plan_make.c -- decides scheme and group of every 2-D weight. */
#include "plan/plan_make.h"

#include <stdio.h>
#include <string.h>

#include "calib/observer.h"
#include "load/draft_heads.h"
#include "model/op/op.h"
#include "model/walk/groups.h"
#include "plan/block_hint.h"
#include "plan/fused.h"
#include "plan/model_passes.h"
#include "plan/names.h"
#include "plan/op_check.h"
#include "plan/pass_order.h"
#include "plan/rule_hint.h"

static bool is_weight(const vq_tensor *t)
{
    const size_t n = strlen(t->name);
    return t->ndim == 2 && n > 7 && strcmp(t->name + n - 7, ".weight") == 0;
}

static const vq_node *node_of(const vq_model *m, const char *module)
{
    const int id = m->arch ? vq_graph_find(&m->graph, module) : -1;
    return id >= 0 ? &m->graph.nodes[id] : NULL;
}

/* What config.json says, which may be that of a model of images and text. */
static int64_t vocab_of(const vq_model *m)
{
    const json_t *root = m->checkpoint.config.root, *own = json_object_get(root, "vocab_size"),
                 *text = json_object_get(json_object_get(root, "text_config"), "vocab_size");
    return json_integer_value(own ? own : text);
}

static vq_status add_weight(vq_plan *p, const vq_tensor *t, vq_arena *a, vq_err *e)
{
    vq_plan_weight *w = &p->weights[p->nweights++];
    char *module = vq_arena_text(a, e, "%.*s", (int)(strlen(t->name) - 7), t->name);
    if (!module) return e->status;
    const vq_node *node = node_of(p->model, module);
    *w = (vq_plan_weight){
        .module = module, .tensor = t, .role = node ? node->role : VQ_ROLE_OTHER, .group = -1};
    w->layer = node ? node->layer : vq_name_layer(module);
    if (!p->model->arch) w->role = vq_name_role(module, t, vocab_of(p->model));
    return VQ_OK;
}

static vq_status collect_weights(vq_plan *p, vq_arena *a, vq_err *e)
{
    const vq_tensor_set *s = &p->model->checkpoint.weights;
    p->weights = VQ_NEW(a, vq_plan_weight, s->count, "plan", e);
    if (!p->weights) return e->status;
    for (size_t i = 0; i < s->count; i++)
        if (is_weight(s->sorted[i])) VQ_TRY(add_weight(p, s->sorted[i], a, e));
    if (p->nweights) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT, "%s: no 2-D tensor named *.weight; there is nothing to quantize",
                   p->model->checkpoint.path);
}

static vq_status check_float(const vq_plan_weight *w, vq_err *e)
{
    const vq_dtype t = w->tensor->dtype;
    if (t == VQ_F32 || t == VQ_F16 || t == VQ_BF16) return VQ_OK;
    return vq_fail(
        e, VQ_E_INPUT,
        "%s: type %s; only F32, F16 and BF16 weights can be quantized (keep it with a rule)",
        w->tensor->name, vq_dtype_name(t));
}

static bool stores_input_scale(const vq_plan *p, const vq_plan_weight *w)
{
    const vq_num *act = &w->scheme.act;
    return w->scheme.has_act &&
           (act->when == VQ_STATIC || (p->target->act_global_scale && act->global_scale));
}

/* What the format cannot hold of this weight and its scheme. */
static vq_status check_format(const vq_plan *p, const vq_plan_weight *w, vq_err *e)
{
    const vq_recipe *r = p->recipe;
    const vq_module m = vq_plan_module(p, w, 0);
    if (stores_input_scale(p, w) && r->calib.data == VQ_DATA_NONE)
        return vq_fail(e, VQ_E_RECIPE,
                       "%s: %s stores a calibrated input scale: --set calib.data=self, or --set "
                       "calib.data=required --data FILE",
                       r->path, w->scheme.id);
    if (!p->target->input_maps && w->tensor->transposed)
        return vq_fail(
            e, VQ_E_RECIPE,
            "%s: %s has no layer for a matrix that the model stores as "
            "[in][out] (Conv1D), and no runtime would load it; use --set output.format=vq",
            w->module, p->target->name);
    return vq_target_takes(p->target, &m, e) == VQ_OK ? VQ_OK : vq_at(e, "%s", w->module);
}

static vq_status check_groups(const vq_plan_weight *w, vq_err *e)
{
    const int64_t n = w->tensor->shape[0], k = w->tensor->shape[1];
    int64_t per_row, count;
    if (vq_group_count(&w->scheme.weight, n, k, &per_row, &count, e) != VQ_OK)
        return vq_at(e, "%s", w->module);
    if (w->scheme.has_act && vq_group_count(&w->scheme.act, 1, k, &per_row, &count, e) != VQ_OK)
        return vq_at(e, "%s: input", w->module);
    return VQ_OK;
}

/* Runtimes look rows up in tables as they are, and so does vq. */
static vq_status check_table(const vq_plan *p, const vq_plan_weight *w, vq_err *e)
{
    const vq_node *n = node_of(p->model, w->module);
    if (n ? n->op->linear : p->model->arch || w->role != VQ_ROLE_EMBED) return VQ_OK;
    return vq_fail(e, VQ_E_RECIPE,
                   "%s: %s is a table of rows, which nothing reads quantized; keep it: {match: "
                   "{name: [\"%s\"]}, use: keep}",
                   p->recipe->path, w->module, w->module);
}

/* Nothing that vq runs reads a weight outside the graph (towers of images, heads of other tasks):
 * neither calibration nor a check would see what becomes of it. */
static bool is_outside(const vq_plan *p, const vq_plan_weight *w)
{
    return p->model->arch && !node_of(p->model, w->module);
}

/* Why a weight is kept unless a rule spells out its role or its name; 0: it is not. Runtimes want
 * routers dense, and a router that errs sends tokens elsewhere. */
static int kept_because(const vq_plan *p, const vq_plan_weight *w)
{
    static const int why[] = {
        [VQ_PLACE_TOWER] = VQ_RULE_TOWER, [VQ_PLACE_NO_LINEAR] = VQ_RULE_NO_LINEAR};
    if (w->role == VQ_ROLE_ROUTER) return VQ_RULE_ROUTER;
    return p->model->arch ? 0 : why[vq_name_place(w->module, p->model->checkpoint.config.root)];
}

/* *kept: no rule names it. */
static vq_status rule_of_special(const vq_recipe *r, vq_plan_weight *w, bool *kept, vq_err *e)
{
    const char *role = vq_role_name(w->role);
    int any;
    VQ_TRY(vq_recipe_decide_named(r, role, w->module, w->layer, &w->rule, e));
    *kept = w->rule < 0;
    if (!*kept) return VQ_OK;
    VQ_TRY(vq_recipe_decide(r, role, w->module, w->layer, &any, e));
    if (any >= 0 && r->rules[any].keep) w->rule = any;
    return VQ_OK;
}

static vq_status decide(vq_plan *p, vq_plan_weight *w, bool *used, vq_err *e)
{
    const vq_recipe *r = p->recipe;
    const int because = kept_because(p, w);
    bool kept = false;
    if (because)
        VQ_TRY(rule_of_special(r, w, &kept, e));
    else
        VQ_TRY(vq_recipe_decide(r, vq_role_name(w->role), w->module, w->layer, &w->rule, e));
    if (kept && w->rule < 0) {
        w->rule = because;
        return VQ_OK;
    }
    if (vq_is_draft(p->model, w->module, w->layer)) { /* never run, so nothing is known of it */
        w->rule = VQ_RULE_DRAFT;
        p->ndraft++;
        return VQ_OK;
    }
    if (w->rule < 0)
        return vq_fail(e, VQ_E_RECIPE,
                       "%s: no rule decides %s (role %s); add {match: {name: [\"%s\"]}, use: keep}",
                       r->path, w->module, vq_role_name(w->role), w->module);
    used[w->rule] = true;
    const vq_rule_recipe *rule = &r->rules[w->rule];
    w->quantized = !rule->keep && rule->scheme->has_weight && !is_outside(p, w);
    if (!w->quantized) return VQ_OK;
    VQ_TRY(check_float(w, e));
    w->scheme = *rule->scheme;
    return vq_target_adapt(p->target, p->model->dtype, &w->scheme, e) == VQ_OK
               ? VQ_OK
               : vq_at(e, "%s", r->path);
}

/* The first weight whose width the groups do not divide, and how many others there are. */
static vq_status check_widths(const vq_plan *p, vq_err *e)
{
    const vq_plan_weight *first = NULL;
    int others = 0;
    vq_err again;
    for (int i = 0; i < p->nweights; i++) {
        const vq_plan_weight *w = &p->weights[i];
        if (!w->quantized || check_groups(w, first ? &again : e) == VQ_OK) continue;
        others += first != NULL;
        if (!first) first = w;
    }
    if (first) vq_block_hint(p, first, others, e);
    return first ? e->status : VQ_OK;
}

static vq_status decide_all(vq_plan *p, vq_arena *a, vq_err *e)
{
    bool *used = VQ_NEW(a, bool, p->recipe->nrules, "rules", e);
    if (!used) return e->status;
    for (int i = 0; i < p->nweights; i++) {
        VQ_TRY(decide(p, &p->weights[i], used, e));
        p->nquantized += p->weights[i].quantized;
    }
    VQ_TRY(check_widths(p, e));
    for (int i = 0; i < p->nweights; i++)
        if (p->weights[i].quantized) VQ_TRY(check_format(p, &p->weights[i], e));
    for (int i = 0; i < p->recipe->nrules; i++) {
        const vq_rule_recipe *r = &p->recipe->rules[i];
        if (used[i] || r->optional) continue;
        return vq_fail(
            e, VQ_E_RECIPE,
            "%s: %s decides no tensor of this model; correct it, drop it, or say optional: true%s",
            r->file, r->text, vq_rule_hint(p, r, a, e));
    }
    for (int i = 0; i < p->nweights; i++)
        if (p->weights[i].quantized) VQ_TRY(check_table(p, &p->weights[i], e));
    if (p->nquantized) return VQ_OK;
    return vq_fail(e, VQ_E_RECIPE,
                   "%s: every tensor of this model is kept; nothing would be quantized",
                   p->recipe->path);
}

/* A weight is in one group at most, so the members of all groups lie behind each other in one array
 * of nweights. */
static vq_plan_group open_group(const vq_plan *p, int layer, int stats)
{
    return (vq_plan_group){.weights = p->next_member, .layer = layer, .stats = stats};
}

static void close_group(vq_plan *p, vq_plan_group g)
{
    if (g.count == 0) return;
    for (int i = 0; i < g.count; i++) p->weights[g.weights[i]].group = p->ngroups;
    p->groups[p->ngroups++] = g;
    p->next_member += g.count;
}

static vq_status groups_from_graph(vq_plan *p, vq_arena *a, vq_err *e)
{
    vq_linear_group *lg;
    int n;
    VQ_TRY(vq_graph_groups(&p->model->graph, a, &lg, &n, e));
    int in_layer = 0;
    for (int i = 0; i < n; i++) {
        in_layer = i && lg[i].layer == lg[i - 1].layer ? in_layer + 1 : 0;
        vq_plan_group g = open_group(p, lg[i].layer, in_layer);
        g.fused = lg[i].fused;
        for (int j = 0; j < lg[i].count; j++) {
            const int w = vq_plan_weight_named(p, p->model->graph.nodes[lg[i].linears[j]].name);
            if (w >= 0 && p->weights[w].quantized) g.weights[g.count++] = w;
        }
        close_group(p, g);
    }
    return VQ_OK;
}

static void add_fused(const vq_plan *p, vq_plan_group *g, const char *module)
{
    char name[512];
    for (int i = 0; i < VQ_FUSED_FOLLOWERS && vq_fused_follower(module, i, name, sizeof name);
         i++) {
        const int w = vq_plan_weight_named(p, name);
        if (w >= 0 && p->weights[w].quantized && p->weights[w].group < 0)
            g->weights[g->count++] = w;
    }
    g->fused = g->count > 1;
}

/* Leaders first, so that a follower is taken by its leader; whoever is left stands alone. */
static void groups_from_names(vq_plan *p)
{
    for (int leaders = 1; leaders >= 0; leaders--)
        for (int i = 0; i < p->nweights; i++) {
            const vq_plan_weight *w = &p->weights[i];
            if (!w->quantized || w->group >= 0 || (leaders && vq_fused_follows(w->module)))
                continue;
            vq_plan_group g = open_group(p, w->layer, -1);
            g.weights[g.count++] = i;
            add_fused(p, &g, w->module);
            close_group(p, g);
        }
}

static bool same_scheme(const vq_plan_weight *a, const vq_plan_weight *b)
{
    return vq_num_equal(&a->scheme.weight, &b->scheme.weight) &&
           a->scheme.has_act == b->scheme.has_act &&
           (!a->scheme.has_act || vq_num_equal(&a->scheme.act, &b->scheme.act));
}

/* Runtimes make one matrix of fused members: none of them can stay dense beside the others. */
static vq_status check_kept(const vq_plan *p, const vq_plan_weight *leader, vq_err *e)
{
    char name[512];
    for (int i = 0;
         i < VQ_FUSED_FOLLOWERS && vq_fused_follower(leader->module, i, name, sizeof name); i++) {
        const int at = vq_plan_weight_named(p, name);
        if (at < 0 || p->weights[at].quantized == leader->quantized) continue;
        return vq_fail(
            e, VQ_E_RECIPE,
            "%s and %s are fused by runtimes and need one scheme, but the rules keep %s; "
            "keep both, or use --set output.format=vq",
            leader->module, name, leader->quantized ? name : leader->module);
    }
    return VQ_OK;
}

/* One kernel runs all experts of a block. Weights are sorted by name, so they lie side by side. */
static vq_status check_experts(const vq_plan *p, const vq_plan_weight *w, vq_err *e)
{
    const vq_plan_weight *before = w - 1;
    const char *rest, *other;
    const size_t n = vq_name_expert(w->module, &rest);
    if (w == p->weights || !n || vq_name_expert(before->module, &other) != n ||
        strncmp(w->module, before->module, n) != 0)
        return VQ_OK;
    if (w->quantized == before->quantized && (!w->quantized || same_scheme(w, before)))
        return VQ_OK;
    return vq_fail(e, VQ_E_RECIPE,
                   "%s and %s are experts of one block, which runtimes run as one with one scheme, "
                   "but the rules say %s and %s",
                   before->module, w->module, before->quantized ? before->scheme.id : "keep",
                   w->quantized ? w->scheme.id : "keep");
}

static vq_status check_fused(const vq_plan *p, vq_err *e)
{
    for (int i = 0; i < p->nweights && p->target->runtimes[0]; i++) {
        VQ_TRY(check_kept(p, &p->weights[i], e));
        VQ_TRY(check_experts(p, &p->weights[i], e));
    }
    for (int i = 0; i < p->ngroups; i++) {
        const vq_plan_group *g = &p->groups[i];
        const vq_plan_weight *first = &p->weights[g->weights[0]];
        for (int j = 1; g->fused && j < g->count; j++) {
            const vq_plan_weight *w = &p->weights[g->weights[j]];
            if (same_scheme(w, first)) continue;
            return vq_fail(
                e, VQ_E_RECIPE,
                "%s and %s are fused by runtimes and need one scheme, but the rules say %s and %s",
                first->module, w->module, first->scheme.id, w->scheme.id);
        }
    }
    return VQ_OK;
}

static vq_status resolve_passes(vq_plan *p, vq_err *e)
{
    const vq_recipe *r = p->recipe;
    for (int i = 0; i < r->npasses; i++) {
        const vq_pass_recipe *pass = &r->passes[i];
        if (pass->round) {
            p->rounder = vq_rounder_find(pass->name);
            p->round_options = &pass->options;
            if (p->rounder->needs) p->needs |= p->rounder->needs(p->round_options);
            continue;
        }
        if (pass->finish) {
            p->finish = vq_finish_find(pass->name);
            p->finish_options = &pass->options;
            continue;
        }
        if (p->npasses == VQ_PLAN_PASSES)
            return vq_fail(e, VQ_E_RECIPE, "%s:%d: more than %d passes", pass->file, pass->line,
                           VQ_PLAN_PASSES);
        const vq_transform *t = vq_transform_find(pass->name);
        p->passes[p->npasses++] = (vq_plan_pass){.transform = t, .options = &pass->options};
        if (t->needs) p->needs |= t->needs(&pass->options);
    }
    return p->rounder ? VQ_OK
                      : vq_fail(e, VQ_E_RECIPE,
                                "%s: the passes end without {do: round, method: ...}", r->path);
}

/* Statistics are gathered in blocks: a weight before or behind them has none to round by. */
static vq_status check_rounder(const vq_plan *p, vq_err *e)
{
    if (!p->model->arch || !p->rounder->needs || !p->rounder->needs(p->round_options)) return VQ_OK;
    for (int i = 0; i < p->nweights; i++) {
        const vq_plan_weight *w = &p->weights[i];
        if (w->quantized && p->groups[w->group].stats < 0)
            return vq_fail(e, VQ_E_RECIPE,
                           "%s: %s lies outside of the blocks, where nothing is gathered that %s "
                           "could round by; keep it with a rule",
                           p->recipe->path, w->module, p->rounder->name);
    }
    return VQ_OK;
}

/* Does the scheme take the pass, and the format what the pass makes of it? Channel counts are known
 * only after calibration; any will do here. */
static vq_status check_pass(const vq_plan *p, const vq_plan_pass *pass, const vq_plan_weight *w,
                            vq_err *e)
{
    const vq_transform *t = pass->transform;
    if (t->applies) VQ_TRY(t->applies(pass->options, &w->scheme, w->tensor->shape[1], e));
    const vq_module m = vq_plan_module(p, w, t->augments ? w->scheme.weight.group.cols : 0);
    return vq_target_takes(p->target, &m, e);
}

static vq_status check_passes(vq_plan *p, vq_err *e)
{
    for (int i = 0; i < p->npasses; i++)
        for (int j = 0; j < p->nweights; j++) {
            const vq_plan_weight *w = &p->weights[j];
            if (!w->quantized || check_pass(p, &p->passes[i], w, e) == VQ_OK) continue;
            return vq_at(e, "pass %s > %s", p->passes[i].transform->name, w->module);
        }
    return VQ_OK;
}

/* Known before the first weight is read. */
static vq_status check_finish(const vq_plan *p, vq_err *e)
{
    if (!p->finish || vq_tune_options_of(p->finish_options).vectors) return VQ_OK;
    for (int i = 0; i < p->nweights; i++)
        if (p->weights[i].quantized && p->weights[i].layer >= 0 &&
            p->weights[i].scheme.weight.global_scale)
            return VQ_OK;
    return vq_fail(e, VQ_E_RECIPE,
                   "%s: tune: no quantized weight has a second-level scale, so there are no scales "
                   "to tune; what: norms",
                   p->recipe->path);
}

static void add_observer_needs(vq_plan *p)
{
    for (int i = 0; i < p->nweights; i++)
        if (vq_plan_observes(p, &p->weights[i]))
            p->needs |= vq_observer_needs(p->weights[i].scheme.act.observer);
}

vq_status vq_plan_make(vq_plan *p, const vq_recipe *r, const vq_model *m, vq_arena *a, vq_err *e)
{
    *p = (vq_plan){.recipe = r, .model = m};
    if (m->checkpoint.config.quantized)
        return vq_fail(e, VQ_E_INPUT, "%s is already quantized (%s); give the original weights",
                       m->checkpoint.path, m->checkpoint.config.quant_method);
    VQ_TRY(vq_model_check(m, e));
    p->target = vq_target_find(r->format);
    if (!p->target)
        return vq_fail(e, VQ_E_RECIPE, "%s: output.format %s is not known", r->path, r->format);
    VQ_TRY(resolve_passes(p, e));
    VQ_TRY(collect_weights(p, a, e));
    VQ_TRY(decide_all(p, a, e));
    p->groups = VQ_NEW(a, vq_plan_group, p->nweights, "plan", e);
    p->next_member = p->groups ? VQ_ALLOC(a, int, p->nweights, "plan", e) : NULL;
    if (!p->next_member) return e->status;
    if (m->arch) VQ_TRY(groups_from_graph(p, a, e));
    groups_from_names(p);
    VQ_TRY(check_fused(p, e));
    VQ_TRY(check_rounder(p, e));
    VQ_TRY(check_passes(p, e));
    VQ_TRY(check_finish(p, e));
    VQ_TRY(vq_pass_order_check(p, e));
    VQ_TRY(vq_model_passes_check(p, a, e));
    VQ_TRY(vq_op_check(p, e));
    add_observer_needs(p);
    return VQ_OK;
}
