/* fused.c -- the table of fused names: first of a row leads. */
#include "plan/fused.h"

#include <stdio.h>
#include <string.h>

static const char *const rows[][1 + VQ_FUSED_FOLLOWERS] = {
    {"q_proj", "k_proj", "v_proj"},
    {"gate_proj", "up_proj", NULL},
    {"w1", "w3", NULL},
    {"c_fc_0", "c_fc_1", NULL},
    {"query", "key", "value"},
    {"wq", "wk", "wv"},
    {"q_a_proj", "kv_a_proj_with_mqa", NULL}};
#define ROWS (sizeof rows / sizeof *rows)

static const char *leaf_of(const char *module)
{
    const char *dot = strrchr(module, '.');
    return dot ? dot + 1 : module;
}

bool vq_fused_follower(const char *leader, int i, char *buf, size_t len)
{
    const char *leaf = leaf_of(leader);
    for (size_t r = 0; r < ROWS; r++) {
        if (strcmp(leaf, rows[r][0]) != 0 || !rows[r][1 + i]) continue;
        return (size_t)snprintf(buf, len, "%.*s%s", (int)(leaf - leader), leader, rows[r][1 + i]) <
               len;
    }
    return false;
}

bool vq_fused_follows(const char *module)
{
    for (size_t r = 0; r < ROWS; r++)
        for (int i = 1; i <= VQ_FUSED_FOLLOWERS && rows[r][i]; i++)
            if (strcmp(leaf_of(module), rows[r][i]) == 0) return true;
    return false;
}
