/* finite.c -- the first NaN or infinity, with its place. */
#include "model/exec/finite.h"

#include "base/parallel.h"

int64_t vq_first_bad_row(const vq_kernels *kr, const float *h, int64_t rows, int64_t width)
{
    int64_t bad = rows;
#pragma omp parallel for schedule(static) reduction(min : bad) if (rows * width > VQ_PARALLEL_MIN)
    for (int64_t r = 0; r < rows; r++)
        if (!kr->all_finite(h + r * width, (size_t)width) && r < bad) bad = r;
    return bad < rows ? bad : -1;
}

vq_status vq_check_finite(const vq_exec *x, const vq_batch *b, const float *h, int64_t width,
                          const char *what, vq_err *e)
{
    const int64_t bad = vq_first_bad_row(x->kernels, h, b->sequences * b->length, width);
    if (bad < 0) return VQ_OK;
    return vq_fail(e, VQ_E_NUMERIC,
                   "%s of position %lld of sample %lld is not finite: check the weights of this "
                   "layer",
                   what, (long long)(b->position + bad % b->length),
                   (long long)(b->first + bad / b->length));
}
