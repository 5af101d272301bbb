/* job.h -- what every long command shares: who is told, the memory limit, kernels, threads. */
#ifndef VQ_LOAD_JOB_H
#define VQ_LOAD_JOB_H

#include "base/arena.h"
#include "base/reporter.h"
#include "kernels/kernels.h"

typedef struct vq_job {
    vq_reporter reporter;
    vq_budget budget;
    vq_kernels kernels;
    int threads;
} vq_job;

#endif
