/* test_family_gradients.c -- gradients of the first blocks of every family against central
 * differences of the forward pass itself: of the block's input, of vectors, of matrices. Cases:
 * make_families.py; one whose architecture has no builder, or an op without a backward, is named and
 * skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <glob.h>
#include <math.h>

#include "edit/overlay.h"
#include "made_case.h"
#include "memory_source.h"
#include "model/op/op.h"
#include "show.h"

enum { BLOCKS = 2, INPUTS = 16, VECTORS = 4, MATRICES = 3, NODES = 256 };

/* Half the distance of a difference, over the size of what is moved; and how near a gradient has to
 * come, over its own size and that of its neighbours: f32 sums over some thousand outputs leave
 * about a hundredth of that. */
#define STEP 1e-2
#define NEAR 2e-2

/* A gradient to compare: of entry `at` of a tensor (of the record without one). */
typedef struct place {
    char tensor[VQ_PARAM_NAME];
    int64_t at;
    double got;
} place;

typedef struct block {
    made_case *c;
    int layer;
    vq_batch batch;
    int64_t in, out;     /* floats of the records before and after */
    float *h, *loss, *g; /* input; d loss / d output; d loss / d input */
    vq_overlay overlay;
    vq_exec exec;
    place *places;
    int count, rough;
    double worst;
} block;

static void *take(vq_arena *a, int64_t n, size_t size)
{
    vq_err e;
    void *p = vq_arena_zero(a, (size_t)n, size, "gradients", &e);
    assert_non_null(p);
    return p;
}

/* The record that block `layer` is given. */
static void fill_input(block *b)
{
    vq_err e;
    assert_int_equal(vq_exec_embed(&b->c->exec, &b->batch, b->c->ids, b->h, &e), VQ_OK);
    for (int layer = 0; layer < b->layer; layer++)
        assert_int_equal(vq_exec_block(&b->c->exec, &b->batch, layer, b->h, &e), VQ_OK);
}

static void open_block(block *b, made_case *c, int layer)
{
    const vq_graph *g = &c->model.graph;
    uint64_t seed = 11;
    vq_err e;
    *b = (block){.c = c, .layer = layer, .batch = {.sequences = 1, .length = c->length}};
    b->in = vq_record_floats(g, layer, 1, c->length);
    b->out = vq_record_floats(g, layer + 1, 1, c->length);
    const int64_t most = vq_record_most(g, 1, c->length);
    b->h = take(&c->arena, most, sizeof(float));
    b->g = take(&c->arena, most, sizeof(float));
    b->loss = take(&c->arena, most, sizeof(float));
    b->places = take(&c->arena, 16384, sizeof(place));
    for (int64_t i = 0; i < b->out; i++) b->g[i] = b->loss[i] = memory_random(&seed);
    fill_input(b);
    assert_int_equal(vq_overlay_init(&b->overlay, &c->model.checkpoint.source, 4, &c->arena, &e),
                     VQ_OK);
    b->exec = c->exec;
    b->exec.source = &b->overlay.source;
}

static double loss_now(const block *b, const float *h)
{
    float *copy = malloc((size_t)vq_record_most(&b->c->model.graph, 1, b->c->length) * sizeof *h);
    vq_err e = {0};
    double sum = 0;
    memcpy(copy, h, (size_t)b->in * sizeof *h);
    if (vq_exec_block(&b->exec, &b->batch, b->layer, copy, &e) != VQ_OK) fail_msg("%s", e.text);
    for (int64_t i = 0; i < b->out; i++) sum += (double)copy[i] * (double)b->loss[i];
    free(copy);
    return sum;
}

/* What moving one number tells: the slope of the loss, and how much steeper it is above than below. */
typedef struct moved {
    double slope, bend;
} moved;

/* Moves *x by the step and back; over what f32 made of the step. */
static moved move(const block *b, float *x, double step)
{
    const float old = *x;
    const double here = loss_now(b, b->h);
    *x = (float)((double)old + step);
    const double up = (double)*x - (double)old, above = (loss_now(b, b->h) - here) / up;
    *x = (float)((double)old - step);
    const double down = (double)old - (double)*x, below = (here - loss_now(b, b->h)) / down;
    *x = old;
    return (moved){(up * above + down * below) / (up + down), above - below};
}

/* The tensor as the model sees it, f32, in front of the stored one. Matrices by their module: what
 * is stored may be one of a stack. */
static float *lay_over(block *b, const char *tensor)
{
    const vq_source *s = &b->c->model.checkpoint.source;
    const char *end = strstr(tensor, ".weight");
    char module[VQ_PARAM_NAME];
    vq_linear l;
    vq_tensor t;
    vq_err e;
    snprintf(module, sizeof module, "%.*s", end ? (int)(end - tensor) : 0, tensor);
    const int id = end ? vq_graph_find(&b->c->model.graph, module) : -1;
    if (id >= 0 && b->c->model.graph.nodes[id].op->linear) {
        assert_int_equal(s->linear(s->self, module, 0, 0, &l, &e), VQ_OK);
        t = l.dense;
    } else {
        assert_int_equal(s->tensor(s->self, tensor, &t, &e), VQ_OK);
    }
    float *w = take(&b->c->arena, vq_tensor_numel(&t), sizeof *w);
    assert_int_equal(vq_to_f32(&t, 0, vq_tensor_numel(&t), w, &e), VQ_OK);
    assert_int_equal(vq_overlay_dense(&b->overlay, tensor, w, t.shape, t.ndim, &e), VQ_OK);
    return w;
}

static void add_place(block *b, const char *tensor, int64_t at, double got)
{
    place *p = &b->places[b->count++];
    assert_lt(b->count, 16384);
    snprintf(p->tensor, sizeof p->tensor, "%s", tensor);
    p->at = at;
    p->got = got;
}

/* Entries of a matrix from the rows that the hook sees, and those of its bias. */
static vq_status see_linear(void *ctx, int node, const vq_seen_rows *x, const float *g, vq_err *e)
{
    block *b = ctx;
    const vq_node *n = &b->c->model.graph.nodes[node];
    uint64_t seed = (uint64_t)node;
    char name[VQ_PARAM_NAME];
    (void)e;
    for (int i = 0; i < MATRICES; i++) {
        const int64_t r = (int64_t)((double)n->width * fabs((double)memory_random(&seed))),
                      c = (int64_t)((double)n->in_width * fabs((double)memory_random(&seed)));
        double weight = 0, bias = 0;
        for (int64_t t = 0; t < x->count; t++) {
            bias += (double)g[t * n->width + r];
            weight += (double)g[t * n->width + r] * (double)x->x[t * x->width + c];
        }
        snprintf(name, sizeof name, "%s.weight", n->name);
        add_place(b, name, r * n->in_width + c, weight);
        snprintf(name, sizeof name, "%s.bias", n->name);
        if (n->bias) add_place(b, name, r, bias);
    }
    return VQ_OK;
}

static vq_status see_vector(void *ctx, int node, int i, const float *g, int64_t width, vq_err *e)
{
    block *b = ctx;
    vq_param params[VQ_OP_PARAMS];
    char name[VQ_PARAM_NAME];
    (void)e;
    assert_lt(i, vq_op_params(&b->c->model.graph.nodes[node], params));
    assert_int_equal(params[i].shape[0], width);
    for (int64_t at = node % 3; at < width; at += 1 + width / VECTORS)
        add_place(b, vq_param_name(&params[i], name), at, (double)g[at]);
    return VQ_OK;
}

static void go_back(block *b)
{
    const vq_grad_hooks hooks = {.ctx = b, .linear = see_linear, .vector = see_vector};
    vq_err e = {0};
    if (vq_exec_block_backward(&b->exec, &b->batch, b->layer, b->h, b->g, &hooks, &e) != VQ_OK)
        fail_msg("%s, block %d: %s", b->c->name, b->layer, e.text);
    for (int64_t i = b->layer; i < b->in; i += 1 + b->in / INPUTS)
        add_place(b, "", i, (double)b->g[i]);
}

static bool is_near(double got, double want, double size)
{
    return fabs(got - want) <= NEAR * (size + fabs(want));
}

/* Relu bends and experts take turns: there half the step gives another slope, or bends as much. Where
 * the loss is smooth, half the step bends half as much. */
static bool is_rough(const moved *wide, const moved *narrow, double size)
{
    return !is_near(wide->slope, narrow->slope, size / 2) ||
           (!is_near(narrow->bend, 0, size) && fabs(narrow->bend) > 0.75 * fabs(wide->bend));
}

static void check_place(block *b, const place *p, float *x, double size)
{
    const moved wide = move(b, x, STEP), narrow = move(b, x, STEP / 2);
    if (is_rough(&wide, &narrow, size))
        b->rough++;
    else if (!is_near(p->got, narrow.slope, size))
        fail_msg("%s, block %d, %s[%lld]: gradient %.9g, by differences %.9g", b->c->name, b->layer,
                 p->tensor[0] ? p->tensor : "input", (long long)p->at, p->got, narrow.slope);
    else
        b->worst = fmax(b->worst, fabs(p->got - narrow.slope) / (size + fabs(narrow.slope)));
}

/* Root of the mean square of the gradients of this tensor that are compared. */
static double size_of(const block *b, const char *tensor)
{
    double sum = 0;
    int n = 0;
    for (int i = 0; i < b->count; i++)
        if (strcmp(b->places[i].tensor, tensor) == 0) {
            sum += b->places[i].got * b->places[i].got;
            n++;
        }
    return sqrt(sum / n);
}

static bool is_first(const block *b, int i)
{
    for (int j = 0; j < i; j++)
        if (strcmp(b->places[j].tensor, b->places[i].tensor) == 0) return false;
    return true;
}

static void check_tensor(block *b, const char *tensor)
{
    const vq_arena_mark mark = vq_arena_here(&b->c->arena);
    float *x = tensor[0] ? lay_over(b, tensor) : b->h;
    const double size = size_of(b, tensor);
    for (int i = 0; i < b->count; i++)
        if (strcmp(b->places[i].tensor, tensor) == 0)
            check_place(b, &b->places[i], x + b->places[i].at, size);
    vq_overlay_clear(&b->overlay);
    vq_arena_rewind(&b->c->arena, mark);
}

static void check_block(made_case *c, int layer)
{
    block b;
    open_block(&b, c, layer);
    go_back(&b);
    for (int i = 0; i < b.count; i++)
        if (is_first(&b, i)) check_tensor(&b, b.places[i].tensor);
    print_message("%s, block %d: %d gradients off by %.1e at most, %d where the loss bends\n",
                  c->name, layer, b.count, b.worst, b.rough);
    assert_le(10 * b.rough, 3 * b.count);
}

static bool check_case(scratch *s, const char *path)
{
    made_case c;
    made_case_open(&c, path, s);
    const vq_node *lacks = vq_graph_lacks(&c.model.graph, VQ_OP_BACKWARD);
    if (lacks) print_message("%s: %s has no backward\n", c.name, lacks->op->name);
    for (int layer = 0; !lacks && layer < c.model.graph.layers && layer < BLOCKS; layer++)
        check_block(&c, layer);
    made_case_close(&c);
    return !lacks;
}

static void test_every_case(void **state)
{
    glob_t found;
    size_t known = 0;
    assert_int_equal(glob(VQ_SOURCE_DIR "/tests/families/cases/*/*.json", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) known += check_case(*state, found.gl_pathv[i]);
    print_message("gradients of %zu of %zu cases\n", known, found.gl_pathc);
    assert_gt(known, 0);
    globfree(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_case, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests_name("family gradients", tests, NULL, NULL);
}
