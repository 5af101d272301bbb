/* parallel.h -- when a loop is worth more than one thread: below this, waking the others costs more
 * than the work, and on a busy machine far more. Use as `#pragma omp parallel for ... if (elements
 * > VQ_PARALLEL_MIN)`; results never depend on it. */
#ifndef VQ_BASE_PARALLEL_H
#define VQ_BASE_PARALLEL_H

#define VQ_PARALLEL_MIN 65536          /* elements touched */
#define VQ_PARALLEL_MIN_MACS (1 << 21) /* multiply-adds of a matrix product */

#endif
