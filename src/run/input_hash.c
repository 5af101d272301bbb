/* input_hash.c -- SHA-256 of the input files on a thread of its own. */
#include "run/input_hash.h"

static void *hash_files(void *arg)
{
    const vq_input_hash *h = arg;
    for (size_t i = 0; i < h->set->nfiles; i++) vq_sha256_map(&h->set->files[i].map, h->sha[i]);
    return NULL;
}

vq_status vq_input_hash_begin(vq_input_hash *h, const vq_tensor_set *set, int threads, vq_arena *a,
                              vq_err *e)
{
    *h = (vq_input_hash){.set = set,
                         .sha = vq_arena_zero(a, set->nfiles, sizeof *h->sha, "digests", e)};
    if (!h->sha) return e->status;
    h->running = threads > 1 && pthread_create(&h->thread, NULL, hash_files, h) == 0;
    return VQ_OK;
}

void vq_input_hash_end(vq_input_hash *h)
{
    if (h->running) (void)pthread_join(h->thread, NULL);
    h->running = false;
}

vq_status vq_input_hash_list(vq_input_hash *h, const vq_file_digest **files, vq_arena *a, vq_err *e)
{
    if (!h->running && h->set->nfiles && !h->sha[0][0]) (void)hash_files(h);
    vq_input_hash_end(h);
    vq_file_digest *list = VQ_ALLOC(a, vq_file_digest, h->set->nfiles, "digests", e);
    if (!list) return e->status;
    for (size_t i = 0; i < h->set->nfiles; i++)
        list[i] = (vq_file_digest){.name = vq_base_name(h->set->files[i].path),
                                   .sha256 = h->sha[i],
                                   .bytes = h->set->files[i].map.size};
    *files = list;
    return VQ_OK;
}
