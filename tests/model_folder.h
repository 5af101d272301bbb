/* model_folder.h -- a made-up decoder as files: what a checkpoint of its family looks like in a
 * folder, F32, with token ids beside it. */
#ifndef VQ_TESTS_MODEL_FOLDER_H
#define VQ_TESTS_MODEL_FOLDER_H

#include "formats/safetensors/safetensors.h"
#include "made_config.h"
#include "memory_source.h"
#include "scratch.h"

static inline void folder_weights(const memory_source *m, const char *dir)
{
    vq_err e = {0};
    vq_arena a;
    vq_st_writer *w;
    const char *const *names;
    size_t n;
    int64_t ids[MEMORY_TENSORS];
    vq_arena_init(&a, NULL);
    assert_int_equal(vq_st_writer_new(&w, &a, &e), VQ_OK);
    for (int i = 0; i < m->count; i++) {
        const vq_tensor *t = &m->tensors[i];
        assert_int_equal(vq_st_writer_declare(w, t->name, t->dtype, t->shape, t->ndim, &ids[i], &e),
                         VQ_OK);
    }
    assert_int_equal(vq_st_writer_open(w, dir, 0, &e), VQ_OK);
    for (int i = 0; i < m->count; i++)
        assert_int_equal(
            vq_st_writer_write(w, ids[i], 0, m->tensors[i].data, m->tensors[i].bytes, &e), VQ_OK);
    assert_int_equal(vq_st_writer_commit(w, &names, &n, &e), VQ_OK);
    vq_arena_done(&a);
}

/* folder_write -- config.json and model.safetensors in the folder of s. */
static inline void folder_write(scratch *s, const made_config *c, const memory_source *m)
{
    char text[2048];
    made_config_text(c, text, sizeof text);
    scratch_text(s, "config.json", text);
    folder_weights(m, s->dir);
}

#endif
