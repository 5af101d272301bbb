/* module_store.h -- packing: a vq_qtensor in, the tensors of a target out, through whatever
 * container. test tests/unit/formats/test_artifact.c, tests/unit/formats/test_container.c,
 * tests/golden/test_golden_ct.c */
#ifndef VQ_FORMATS_LAYOUTS_MODULE_STORE_H
#define VQ_FORMATS_LAYOUTS_MODULE_STORE_H

#include "formats/target.h"

/* vq_module_declare -- declare the module's tensors; their handles into m->ids. VQ_E_RECIPE: t has
 * no layout for the scheme. */
vq_status vq_module_declare(const vq_target *t, vq_module *m, vq_tensor_writer *w, vq_err *e);
/* vq_module_write -- pack q and write every tensor of the module. sha: digest over the stored bytes
 * of the module's tensors in the order of the layout, NULL when it is not wanted (vq_module_sha
 * gives the same from the files). scratch: arena, rewound before return. */
vq_status vq_module_write(const vq_target *t, const vq_module *m, const vq_qtensor *q,
                          const vq_module_extra *x, vq_tensor_writer *w, char sha[VQ_SHA256_TEXT],
                          vq_arena *a, vq_err *e);
/* vq_module_sha -- the same digest from the tensors of an opened artifact (verify). */
vq_status vq_module_sha(const vq_target *t, const char *module, const vq_tensor_set *s,
                        char sha[VQ_SHA256_TEXT], vq_err *e);

#endif
