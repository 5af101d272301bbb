/* hadamard_matrix.c -- Paley's two constructions over the squares modulo a prime, and products of
 * f64. */
#include "base/num/hadamard_matrix.h"

#include <assert.h>

static bool is_prime(int64_t q)
{
    for (int64_t d = 2; d * d <= q; d++)
        if (q % d == 0) return false;
    return q > 2;
}

/* The prime behind the matrix of order m, 0: none. First kind: m = q + 1, q = 3 mod 4. Second: m =
 * 2 (q + 1), q = 1 mod 4. */
static int64_t prime_of(int64_t m)
{
    if (m % 4) return 0;
    if (is_prime(m - 1)) return m - 1;
    return m / 2 % 4 == 2 && is_prime(m / 2 - 1) ? m / 2 - 1 : 0;
}

int64_t vq_hadamard_core(int64_t n)
{
    if (n < 1) return 0;
    if ((n & (n - 1)) == 0) return 1;
    for (int64_t m = 4 * (n / (n & -n)); m <= VQ_HADAMARD_CORE && m * VQ_HADAMARD_RUN <= n; m *= 2)
        if (n % m == 0 && prime_of(m)) return m;
    return 0;
}

/* 1 for squares modulo q, -1 for the others, 0 for 0. */
static void find_squares(int64_t q, int8_t *chi)
{
    for (int64_t i = 0; i < q; i++) chi[i] = -1;
    for (int64_t i = 1; i < q; i++) chi[i * i % q] = 1;
    chi[0] = 0;
}

/* The skew matrix of the first kind with its rows below the first negated and in the order 0, -1,
 * -2, ...: symmetric. */
static int8_t first_kind(int64_t q, const int8_t *chi, int64_t i, int64_t j)
{
    if (i == 0 || j == 0) return 1;
    const int8_t c = chi[(i + j - 2) % q];
    return c ? c : -1;
}

/* C x [[1, 1], [1, -1]] + I x [[1, -1], [-1, -1]] with the conference matrix C of order q + 1. */
static int8_t second_kind(int64_t q, const int8_t *chi, int64_t i, int64_t j)
{
    const int64_t a = i / 2, b = j / 2, both = i % 2 + j % 2;
    if (a == b) return both == 0 ? 1 : -1;
    const int8_t c = a == 0 || b == 0 ? 1 : chi[(a - b + q) % q];
    return both == 2 ? (int8_t)-c : c;
}

void vq_hadamard_signs(int64_t m, int8_t *signs)
{
    int8_t chi[VQ_HADAMARD_CORE];
    const int64_t q = prime_of(m);
    find_squares(q, chi);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < m; j++)
            signs[i * m + j] = q == m - 1 ? first_kind(q, chi, i, j) : second_kind(q, chi, i, j);
}

/* x [n][width], n a power of two: sums and differences of halves. */
static void butterflies(double *x, int64_t n, int64_t width)
{
    for (int64_t half = width; half < n * width; half *= 2)
        for (int64_t at = 0; at < n * width; at += 2 * half)
            for (int64_t j = at; j < at + half; j++) {
                const double a = x[j], b = x[j + half];
                x[j] = a + b;
                x[j + half] = a - b;
            }
}

/* x [m][width] becomes the Paley matrix times x. */
static void mix(double *x, int64_t m, int64_t width)
{
    int8_t signs[VQ_HADAMARD_CORE * VQ_HADAMARD_CORE];
    double column[VQ_HADAMARD_CORE];
    vq_hadamard_signs(m, signs);
    for (int64_t c = 0; c < width; c++) {
        for (int64_t j = 0; j < m; j++) column[j] = x[j * width + c];
        for (int64_t i = 0; i < m; i++) {
            double sum = 0;
            for (int64_t j = 0; j < m; j++) sum += signs[i * m + j] * column[j];
            x[i * width + c] = sum;
        }
    }
}

void vq_hadamard_times(double *x, int64_t n, int64_t width)
{
    const int64_t m = vq_hadamard_core(n);
    assert(m > 0); /* the caller asked */
    const int64_t run = n / m;
    for (int64_t i = 0; i < m; i++) butterflies(x + i * run * width, run, width);
    if (m > 1) mix(x, m, run * width);
}
