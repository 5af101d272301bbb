/* lost.c -- is there a group of zeros where the weight has none? Nearly every group ends the search
 * at its first code. A group that is nothing beside its own rows is rounded to zero as a small weight
 * is; one that is all that its rows have, or a part that counts, is lost. */
#include "run/store/lost.h"

#include <math.h>

/* Of the largest weight in its rows, what a group may be without being missed. */
#define NOTHING 0x1p-16f

/* Rows and columns of a group. */
typedef struct area {
    int64_t row, rows, col, cols;
} area;

static area area_of(const vq_qtensor *q, int64_t group)
{
    const int64_t cols = q->cols / q->per_row, bands = q->groups / q->per_row,
                  rows = q->rows / bands;
    return (area){group / q->per_row * rows, rows, group % q->per_row * cols, cols};
}

static bool all_zero(const vq_qtensor *q, int64_t group, const area *a)
{
    const int zero = q->zero ? q->zero[group] : 0;
    for (int64_t r = a->row; r < a->row + a->rows; r++)
        for (int64_t k = r * q->cols + a->col; k < r * q->cols + a->col + a->cols; k++)
            if (vq_decode_at(&q->num, q->codes16 ? q->codes16[k] : q->codes[k], 1, zero) != 0)
                return false;
    return true;
}

static float largest(const vq_qtensor *q, const float *w, const area *a)
{
    float max = 0;
    for (int64_t r = a->row; r < a->row + a->rows; r++)
        for (int64_t k = a->col; k < a->col + a->cols; k++)
            max = fmaxf(max, fabsf(w[r * q->cols + k]));
    return max;
}

static bool is_lost(const vq_qtensor *q, const float *w, int64_t group)
{
    const area a = area_of(q, group), whole = {a.row, a.rows, 0, q->cols};
    if (!all_zero(q, group, &a)) return false;
    const float max = largest(q, w, &a);
    return max > 0 && max >= NOTHING * largest(q, w, &whole);
}

/* How many are, and the first of them. */
static int64_t count_lost(const vq_qtensor *q, const float *w, int64_t *first)
{
    int64_t n = 0, at = q->groups;
#pragma omp parallel for schedule(static) reduction(+ : n) reduction(min : at)
    for (int64_t g = 0; g < q->groups; g++) {
        if (!is_lost(q, w, g)) continue;
        n++;
        if (g < at) at = g;
    }
    *first = at;
    return n;
}

/* What another scheme would need to have so that these groups stay. */
static const char *finer(const vq_num *num)
{
    if (vq_scale_grid(num->scale)) return "f32 or bf16 scales";
    return num->scale == VQ_SCALE_F32 ? "more bits" : "f32 scales or more bits";
}

vq_status vq_lost_check(const vq_plan *p, const vq_job *job, const char *module, const float *w,
                        const vq_qtensor *q, vq_err *e)
{
    int64_t first;
    const int64_t n = count_lost(q, w, &first);
    if (n == 0) return VQ_OK;
    const area a = area_of(q, first);
    const float max = largest(q, w, &a);
    if (p->recipe->zeros == VQ_SEVERITY_WARN) {
        vq_warn(&job->reporter, "zeros", module,
                "%lld of %lld groups of weights become all zeros, the first in row %lld, columns "
                "%lld to %lld, whose largest weight is %g",
                (long long)n, (long long)q->groups, (long long)a.row, (long long)a.col,
                (long long)(a.col + a.cols - 1), (double)max);
        return VQ_OK;
    }
    return vq_fail(e, VQ_E_NUMERIC,
                   "row %lld, columns %lld to %lld would become all zeros, although the largest "
                   "weight there is %g (%lld of %lld groups): keep %s with a rule, give it a "
                   "scheme with %s, or let them go with --set checks.zeros=warn",
                   (long long)a.row, (long long)a.col, (long long)(a.col + a.cols - 1), (double)max,
                   (long long)n, (long long)q->groups, module, finer(&q->num));
}
