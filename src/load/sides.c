/* sides.c -- biases say which side of a matrix is out. */
#include "load/sides.h"

#include <string.h>

typedef enum side { OUT_IN, SQUARE, IN_OUT } side;

static side side_of(const vq_checkpoint *c, const vq_tensor *t, const char *module)
{
    const vq_tensor *bias = vq_tensor_set_member(&c->weights, module, "bias");
    if (!bias || bias->ndim != 1 || bias->shape[0] != t->shape[1]) return OUT_IN;
    return t->shape[0] == t->shape[1] ? SQUARE : IN_OUT;
}

/* Has the path a step that is a number? */
static bool in_block(const char *module)
{
    for (const char *at = module; at; at = strchr(at, '.') ? strchr(at, '.') + 1 : NULL) {
        const size_t n = strcspn(at, ".");
        if (n && strspn(at, "0123456789") == n) return true;
    }
    return false;
}

/* Turns those of one side; *found: there are any. */
static vq_status turn(vq_checkpoint *c, side which, bool *found, vq_arena *a, vq_err *e)
{
    static const char end[] = ".weight";
    for (size_t i = 0; i < c->weights.count; i++) {
        const vq_tensor *t = c->weights.sorted[i];
        const size_t n = strlen(t->name), m = sizeof end - 1;
        if (t->ndim != 2 || t->transposed || n <= m || strcmp(t->name + n - m, end) != 0) continue;
        const char *module = vq_arena_text(a, e, "%.*s", (int)(n - m), t->name);
        if (!module) return e->status;
        if (side_of(c, t, module) != which || (which == SQUARE && !in_block(module))) continue;
        *found = true;
        vq_checkpoint_transpose(c, module);
    }
    return VQ_OK;
}

vq_status vq_sides_tell(vq_checkpoint *c, vq_arena *a, vq_err *e)
{
    bool found = false;
    VQ_TRY(turn(c, IN_OUT, &found, a, e));
    return found ? turn(c, SQUARE, &found, a, e) : VQ_OK;
}
