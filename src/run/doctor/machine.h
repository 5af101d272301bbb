/* machine.h -- what this machine has, as far as vq cares. */
#ifndef VQ_RUN_DOCTOR_MACHINE_H
#define VQ_RUN_DOCTOR_MACHINE_H

#include "load/job.h"
#include "run/results.h"

/* vq_machine_tell -- all of r but the checks; what cannot be found out is 0 or "". Texts from a. */
vq_status vq_machine_tell(const vq_job *job, vq_doctor_result *r, vq_arena *a, vq_err *e);
/* vq_machine_memory_free -- bytes that programs may take without swapping; 0: not known. */
uint64_t vq_machine_memory_free(void);

#endif
