/* model.c -- opening a model: checkpoint, architecture, graph, token ids. */
#include "load/model.h"

#include <stdio.h>
#include <string.h>

#include "formats/layouts/module_map.h"
#include "load/key_orders.h"
#include "load/sides.h"
#include "load/stacked.h"
#include "model/op/op.h"
#include "text/json_lines.h"

static bool holds(const vq_model *m, int node)
{
    const char *name = m->graph.nodes[node].name;
    return vq_tensor_set_member(&m->checkpoint.weights, name, "weight") ||
           (m->checkpoint.modules && vq_module_map_find(m->checkpoint.modules, name));
}

/* Classifiers, embedding models and language parts of others have the blocks of a family without
 * its head, or under another name: no graph, but recipes without data work. */
static vq_status check_ends(const vq_model *m, vq_config *c, vq_err *e)
{
    const vq_graph *g = &m->graph;
    const bool table = holds(m, g->embedding),
               head = g->nodes[g->lm_head].tied || holds(m, g->lm_head);
    if (table && head) return VQ_OK;
    return vq_config_unsupported(c, e, "%s.weight is missing from %s",
                                 g->nodes[table ? g->lm_head : g->embedding].name,
                                 m->checkpoint.path);
}

static bool same_tensor(const vq_tensor *a, const vq_tensor *b)
{
    return !a->coded && !b->coded && a->dtype == b->dtype && a->bytes == b->bytes &&
           memcmp(a->data, b->data, a->bytes) == 0;
}

/* A head that is stored and differs from the embedding is what runtimes multiply with, whatever
 * config.json says. source transformers 5 modeling_utils.py tie_weights */
static void untie_stored(vq_model *m)
{
    const vq_graph *g = &m->graph;
    vq_node *head = &m->graph.nodes[g->lm_head];
    const vq_tensor_set *set = &m->checkpoint.weights;
    const vq_tensor *own = vq_tensor_set_member(set, head->name, "weight"),
                    *rows = vq_tensor_set_member(set, g->nodes[g->embedding].name, "weight");
    if (!head->tied || !own || !rows) return;
    m->untied = !same_tensor(own, rows);
    head->tied = !m->untied;
    if (own->coded || rows->coded) return;
    vq_mapped_forget(own->data, own->bytes); /* what was only compared does not stay in memory */
    vq_mapped_forget(rows->data, rows->bytes);
}

/* How tensors of the graph are stored, told to the checkpoint. */
static vq_status tell_storage(vq_model *m, vq_arena *a, vq_err *e)
{
    const vq_graph *g = &m->graph;
    const vq_node *head = &g->nodes[g->lm_head];
    for (int id = 0; id < g->count; id++)
        if (g->nodes[id].transposed) vq_checkpoint_transpose(&m->checkpoint, g->nodes[id].name);
    if (!head->tied) return VQ_OK;
    const char *from = vq_arena_text(a, e, "%s.weight", g->nodes[g->embedding].name);
    if (!from) return e->status;
    vq_checkpoint_tie(&m->checkpoint, head->name, from);
    return VQ_OK;
}

/* A token that the family has by default: small models leave it out with the rest of the words. */
static int64_t in_vocabulary(const vq_model *m, int64_t token)
{
    return token < m->graph.vocab ? token : -1;
}

/* The language part of a model of images and text, if its family has a builder. PaliGemma's, a Gemma,
 * looks both ways. */
static const vq_arch *arch_inside(const vq_hf_config *c)
{
    const json_t *text = json_object_get(c->root, "text_config");
    const char *type = json_string_value(json_object_get(text, "model_type"));
    const vq_arch *own = vq_arch_find(c->model_type);
    if (!type || (own && strcmp(own->model_type, c->model_type) == 0)) return NULL;
    return strcmp(c->model_type, "paligemma") == 0 ? NULL : vq_arch_find(type);
}

/* How many heads there are is read off nothing but config.json, and rounding does not ask. */
static vq_status check_heads(const vq_model *m, vq_config *c, vq_err *e)
{
    const vq_source *s = &m->checkpoint.source;
    for (int id = 0; id < m->graph.count; id++) {
        const vq_node *n = &m->graph.nodes[id];
        const bool out = n->role == VQ_ROLE_O;
        vq_linear l;
        if (!n->op->linear || n->transposed || n->role < VQ_ROLE_Q || n->role > VQ_ROLE_O ||
            s->linear(s->self, n->name, 0, 0, &l, NULL) != VQ_OK)
            continue;
        if (out ? l.k != n->in_width && l.n == n->width : l.n != n->width && l.k == n->in_width)
            return vq_config_unsupported(
                c, e, "%s is [%lld, %lld]; the heads in config.json ask for [%lld, %lld]", n->name,
                (long long)l.n, (long long)l.k, (long long)n->width, (long long)n->in_width);
    }
    return VQ_OK;
}

/* A config without the sizes that every model has, or with impossible ones, is that of no model. Inside
 * another one may leave out what its family has by default. */
static bool is_of_a_size(const char *text)
{
    static const char *const keys[] = {"hidden_size is ", "num_hidden_layers is ",
                                       "num_attention_heads is ", "vocab_size is "};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strncmp(text, keys[i], strlen(keys[i])) == 0) return true;
    return false;
}

static vq_status build(vq_model *m, bool *broken, vq_arena *a, vq_err *e)
{
    vq_hf_config *of = &m->checkpoint.config;
    const json_t *text = json_object_get(of->root, "text_config");
    vq_config c = {.root = of->root, .model_type = of->model_type, .source = &m->checkpoint.source};
    if (arch_inside(of)) {
        c.root = text;
        c.around = of->root;
    }
    vq_status s = m->arch->build(&c, &m->graph, a, e);
    *broken = s != VQ_OK && !c.around && is_of_a_size(e->text);
    if (s != VQ_OK && !c.unsupported) return vq_at(e, "config.json");
    if (s == VQ_OK) s = check_ends(m, &c, e);
    if (s == VQ_OK) s = check_heads(m, &c, e);
    VQ_TRY(s);
    const char *path = vq_join(a, m->checkpoint.dir, "config.json", e);
    if (!path) return e->status;
    return vq_hf_config_tokens(of, path, in_vocabulary(m, m->arch->bos),
                               in_vocabulary(m, m->arch->eos), e);
}

/* What config.json says of the forward pass and this build does not know, or does not understand,
 * leaves a model without a graph: recipes without data work all the same. */
static vq_status build_graph(vq_model *m, vq_arena *a, vq_err *e)
{
    bool broken = false;
    const vq_status s = build(m, &broken, a, e);
    if (s == VQ_OK) {
        VQ_TRY(vq_stacked_split(&m->checkpoint, &m->graph, a, e));
        untie_stored(m);
        VQ_TRY(tell_storage(m, a, e));
        return vq_key_orders_load(&m->graph, &m->checkpoint.source, a, e);
    }
    if (broken) return vq_at(e, "%s", m->checkpoint.path);
    if (s != VQ_E_INPUT) return s;
    m->arch = NULL;
    m->without_graph = vq_arena_text(a, e, "%s", e->text);
    if (!m->without_graph) return e->status;
    *e = (vq_err){0};
    return VQ_OK;
}

static vq_dtype model_dtype(const vq_checkpoint *c)
{
    const vq_tensor *largest = NULL;
    for (size_t i = 0; i < c->weights.count; i++) {
        const vq_tensor *t = c->weights.sorted[i];
        const bool dense = t->dtype == VQ_BF16 || t->dtype == VQ_F16 || t->dtype == VQ_F32;
        if (dense && (!largest || t->bytes > largest->bytes)) largest = t;
    }
    return largest ? largest->dtype : VQ_BF16;
}

/* job NULL: as it is stored. */
static vq_status open_as(vq_model *m, const char *path, vq_job *job, vq_arena *a, vq_err *e)
{
    *m = (vq_model){0};
    VQ_TRY(vq_checkpoint_open(&m->checkpoint, path, a, e));
    m->dtype = model_dtype(&m->checkpoint);
    m->arch = arch_inside(&m->checkpoint.config);
    if (!m->arch) m->arch = vq_arch_find(m->checkpoint.config.model_type);
    vq_status s = VQ_OK;
    if (job && vq_dequantize(&m->dequantized, &m->checkpoint, job, a, e) != VQ_OK)
        s = vq_at(e, "%s", path);
    if (s == VQ_OK && m->arch) s = build_graph(m, a, e);
    if (s == VQ_OK && !m->arch) s = vq_sides_tell(&m->checkpoint, a, e);
    if (s != VQ_OK) vq_model_close(m);
    return s;
}

vq_status vq_model_open(vq_model *m, const char *path, vq_arena *a, vq_err *e)
{
    return open_as(m, path, NULL, a, e);
}

vq_status vq_model_open_dense(vq_model *m, const char *path, vq_job *job, vq_arena *a, vq_err *e)
{
    return open_as(m, path, job, a, e);
}

void vq_model_close(vq_model *m)
{
    vq_dequantize_done(&m->dequantized);
    vq_checkpoint_close(&m->checkpoint);
}

/* Why there is no graph, in a clause. */
static const char *no_graph(const vq_model *m, char *buf, size_t len)
{
    if (m->without_graph)
        (void)snprintf(buf, len, "%s", m->without_graph);
    else if (!m->checkpoint.config.root)
        (void)snprintf(buf, len, "there is no config.json beside the weights");
    else
        (void)snprintf(buf, len, "vq has no forward pass of architecture \"%s\"",
                       m->checkpoint.config.model_type);
    return buf;
}

static void warn_of_no_graph(const vq_model *m, const vq_reporter *w)
{
    char why[512];
    if (!m->checkpoint.config.root)
        vq_warn(w, "no-config", m->checkpoint.path,
                "there is no config.json beside the weights: what is a linear is told by names and "
                "shapes, calibration and eval cannot run, and no runtime will load the result "
                "without the model's config.json");
    else
        vq_warn(w, "no-forward-pass", m->checkpoint.path,
                "%s: recipes without data work, calibration and eval cannot run this model",
                no_graph(m, why, sizeof why));
}

void vq_model_warn(const vq_model *m, const vq_reporter *w)
{
    if (!m->arch) warn_of_no_graph(m, w);
    if (m->dequantized.weights)
        vq_warn(
            w, "input-dequantized", m->checkpoint.path,
            "the input is quantized already (%s): %zu weights are dequantized, and the error of "
            "both quantizations adds up",
            m->dequantized.what, m->dequantized.weights);
    if (m->untied)
        vq_warn(w, "head-not-tied", m->graph.nodes[m->graph.lm_head].name,
                "config.json ties it to the embedding, but what is stored differs: the stored one "
                "is used, as transformers does");
}

vq_status vq_model_need_graph(const vq_model *m, const char *what, vq_err *e)
{
    char why[512];
    if (m->arch) return VQ_OK;
    return vq_fail(e, VQ_E_INPUT,
                   "%s: %s cannot run this model: %s (recipes that need no data work on any)",
                   m->checkpoint.path, what, no_graph(m, why, sizeof why));
}

vq_exec vq_model_exec(const vq_model *m, const vq_job *job, vq_arena *a, bool quantize_inputs)
{
    return (vq_exec){
        .graph = &m->graph,
        .source = &m->checkpoint.source,
        .kernels = &job->kernels,
        .arena = a,
        .quantize_inputs = quantize_inputs,
    };
}

static vq_status ids_from_file(const vq_map *map, vq_ids *out, const char *path, vq_arena *a,
                               vq_err *e)
{
    if (map->size % 4)
        return vq_fail(e, VQ_E_INPUT, "%s: %zu bytes are not whole int32 ids", path, map->size);
    out->count = map->size / 4;
    int32_t *ids = VQ_ALLOC(a, int32_t, out->count, "token ids", e);
    if (!ids) return e->status;
    memcpy(ids, map->data, map->size);
    out->ids = ids;
    return VQ_OK;
}

vq_status vq_model_tokenizer(const vq_model *m, vq_tokenizer **t, vq_arena *a, vq_err *e)
{
    const char *path = vq_join(a, m->checkpoint.dir, "tokenizer.json", e);
    if (!path) return e->status;
    if (vq_tokenizer_open(t, path, e) == VQ_OK) return VQ_OK;
    return vq_at(e, "tokenizer (text needs one; token ids with --tokens do not)");
}

static vq_status ids_from_text(const vq_model *m, const vq_map *map, vq_ids *out,
                               const vq_reporter *w, const char *path, vq_arena *a, vq_err *e)
{
    vq_tokenizer *t = NULL;
    VQ_TRY(vq_model_tokenizer(m, &t, a, e));
    int32_t *ids = NULL;
    vq_tokenizer_heed(t, w);
    const vq_status s =
        vq_tokenizer_encode(t, (const char *)map->data, map->size, false, a, &ids, &out->count, e);
    out->ids = ids;
    out->bos = vq_tokenizer_adds_bos(t);
    vq_tokenizer_free(t);
    return s == VQ_OK ? VQ_OK : vq_at(e, "%s", path);
}

int64_t vq_model_first_token(const vq_model *m)
{
    const vq_hf_config *c = &m->checkpoint.config;
    return c->bos >= 0 ? c->bos : c->eos_count ? c->eos[0] : 0;
}

vq_status vq_model_check_ids(const vq_model *m, const int32_t *ids, size_t n, vq_err *e)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= m->graph.vocab)
            return vq_fail(e, VQ_E_INPUT,
                           "id %d at position %zu is outside the vocabulary of %lld; is this the "
                           "right tokenizer?",
                           ids[i], i, (long long)m->graph.vocab);
    return VQ_OK;
}

/* Ids that were written in 64 bits are every one followed by a zero, which is an id, too. */
static void tell_wide(const vq_ids *ids, const char *path, const vq_reporter *w)
{
    bool zeros = ids->count >= 16, others = false;
    for (size_t i = 0; zeros && i < ids->count; i += 2) {
        others = others || ids->ids[i] != 0;
        zeros = i + 1 < ids->count && ids->ids[i + 1] == 0;
    }
    if (zeros && others)
        vq_warn(w, "looks-like-int64", path,
                "every second id is 0, as in a file of 64-bit ids; --tokens reads 32 bits an id, "
                "little-endian (numpy: ids.astype('<i4').tofile)");
}

/* Read as text, the braces and names of each line count, too. */
static void tell_json(const vq_map *map, const char *path, const vq_reporter *w)
{
    if (vq_json_lines_likely((const char *)map->data, map->size))
        vq_warn(w, "looks-like-jsonl", path,
                "its first line is a JSON object, and the file is read as it stands, braces and "
                "all; calibration takes what the lines hold with --set calib.kind=jsonl, or where "
                "the name ends in .jsonl, and vq eval takes text alone");
}

vq_status vq_model_ids(const vq_model *m, const char *path, bool tokens, const vq_reporter *w,
                       vq_ids *out, vq_arena *a, vq_err *e)
{
    *out = (vq_ids){.bos = -1};
    vq_map map;
    VQ_TRY(vq_map_open(&map, path, e));
    vq_sha256_of(map.data, map.size, out->sha256);
    vq_status s =
        tokens ? ids_from_file(&map, out, path, a, e) : ids_from_text(m, &map, out, w, path, a, e);
    if (s == VQ_OK && vq_model_check_ids(m, out->ids, out->count, e) != VQ_OK)
        s = vq_at(e, "%s", path);
    if (s == VQ_OK && tokens) tell_wide(out, path, w);
    if (s == VQ_OK && !tokens) tell_json(&map, path, w);
    vq_map_close(&map);
    return s;
}
