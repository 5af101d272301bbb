/* vq_target.c -- the vq format as a target: whatever vq can compute. Source: docs/format-vq.md. */
#include <string.h>

#include "formats/safetensors/st_container.h"
#include "formats/vq/vq_config.h"
#include "formats/vq/vq_layouts.h"

static const char *const suffixes[] = {
    "weight",      "weight_scale",     "weight_zero_point", "weight_scale_2",
    "input_scale", "input_zero_point", "arc_order",         NULL};
static const char *const runtimes[] = {NULL};
static const char *const files[] = {"config.json", NULL};

static bool owns(const vq_folder *f)
{
    return f->method && strcmp(f->method, "vq") == 0;
}

const vq_target vq_target_vq = {
    .name = "vq",
    .container = &vq_container_safetensors,
    .layouts = vq_layouts_own,
    .suffixes = suffixes,
    .negative_scales = true,
    .input_maps = true,
    .key_orders = true,
    .runtimes = runtimes,
    .files = files,
    .write_config = vq_own_config_write,
    .owns = owns,
    .read_config = vq_own_config_read,
};
