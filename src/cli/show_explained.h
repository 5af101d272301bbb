/* show_explained.h -- a recipe in words, for people. */
#ifndef VQ_CLI_SHOW_EXPLAINED_H
#define VQ_CLI_SHOW_EXPLAINED_H

#include <jansson.h>
#include <stdio.h>

/* vq_show_explained -- result of `vq recipe explain`. */
void vq_show_explained(FILE *out, const json_t *r);

#endif
