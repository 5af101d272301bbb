/* hf_config.h -- what every model says in config.json and generation_config.json: its type, whether
 * it is quantized, its first and last tokens. What only its architecture knows is read by the
 * builder (model/arch/build/config.h). test tests/unit/formats/test_hf_config.c */
#ifndef VQ_FORMATS_FOLDER_HF_CONFIG_H
#define VQ_FORMATS_FOLDER_HF_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/file.h"

typedef struct vq_hf_config {
    json_t *root;          /* whole file; owned by the config until vq_hf_config_done */
    char *text;            /* the file as it is, likewise, without byte order mark */
    vq_map map;            /* open as long, so that vq_maps_check finds a file that changed */
    char model_type[64];   /* "llama"; "" when there is no config.json */
    char architecture[96]; /* architectures[0] */
    int64_t bos, eos[8];   /* -1 when absent */
    int eos_count;
    bool quantized; /* has quantization_config */
    char quant_method[48];
} vq_hf_config;

/* vq_hf_config_read -- PATH of config.json. VQ_E_INPUT: missing, not JSON, a name that is no
 * string.
 * vq_hf_config_tokens -- bos and eos: as given where nothing is said, then config.json, then
 * generation_config.json beside it, which has the last word; the first 8 of a list. VQ_E_INPUT: not a
 * token id. */
vq_status vq_hf_config_read(vq_hf_config *c, const char *path, vq_err *e);
vq_status vq_hf_config_tokens(vq_hf_config *c, const char *path, int64_t bos, int64_t eos,
                              vq_err *e);
void vq_hf_config_done(vq_hf_config *c);

#endif
