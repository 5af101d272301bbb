/* write_family.c -- CASE.json DIR: writes a case as a model's folder, for scripts. Says "builder" or
 * "none: why". */
#include <stdio.h>
#include <sys/stat.h>

#include "load/model.h"
#include "made_model.h"

static bool has_builder(const char *dir)
{
    vq_arena arena;
    vq_model model;
    vq_err e;
    vq_arena_init(&arena, NULL);
    const bool opened = vq_model_open(&model, dir, &arena, &e) == VQ_OK;
    const bool known = opened && model.arch && vq_model_check(&model, &e) == VQ_OK;
    if (!known) printf("none: %s\n", opened && model.without_graph ? model.without_graph : "");
    if (known) puts("builder");
    if (opened) vq_model_close(&model);
    vq_arena_done(&arena);
    return known;
}

int main(int argc, char **argv)
{
    scratch s = {.dir = {0}};
    if (argc != 3) return 2;
    json_t *made = json_load_file(argv[1], 0, NULL);
    if (!made || mkdir(argv[2], 0777) != 0) return 1;
    (void)snprintf(s.dir, sizeof s.dir, "%s", argv[2]);
    made_model_write(made, &s);
    json_decref(made);
    return has_builder(argv[2]) ? 0 : 3;
}
