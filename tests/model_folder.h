/* model_folder.h -- a made-up decoder as files: what a checkpoint of its family looks like in a
 * folder, F32, with token ids beside it. */
#ifndef VQ_TESTS_MODEL_FOLDER_H
#define VQ_TESTS_MODEL_FOLDER_H

#include "formats/safetensors/safetensors.h"
#include "memory_source.h"
#include "model/arch/arch.h"
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
static inline void folder_write(scratch *s, const vq_arch_config *c, const memory_source *m)
{
    char text[1024], window[48] = "";
    if (c->sliding_window)
        snprintf(window, sizeof window, ", \"sliding_window\": %lld", (long long)c->sliding_window);
    snprintf(text, sizeof text,
             "{\"model_type\": \"%s\", \"hidden_size\": %lld, \"intermediate_size\": %lld, "
             "\"num_hidden_layers\": %lld, "
             "\"num_attention_heads\": %lld, \"num_key_value_heads\": %lld, \"head_dim\": %lld, "
             "\"vocab_size\": %lld, "
             "\"max_position_embeddings\": %lld, \"rms_norm_eps\": %g, \"rope_theta\": %g, "
             "\"hidden_act\": \"%s\", "
             "\"tie_word_embeddings\": %s%s}",
             c->model_type, (long long)c->hidden, (long long)c->ffn, (long long)c->layers,
             (long long)c->heads, (long long)c->kv_heads, (long long)c->head_dim,
             (long long)c->vocab, (long long)c->max_position, c->norm_eps, c->rope_theta,
             c->activation, c->tied ? "true" : "false", window);
    scratch_text(s, "config.json", text);
    folder_weights(m, s->dir);
}

#endif
