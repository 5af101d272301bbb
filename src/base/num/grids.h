/* grids.h -- the element grids that have a name of their own, as initializers of vq_grid (num.h);
 * num.c parses them, scheme.c builds presets from them. */
#ifndef VQ_BASE_NUM_GRIDS_H
#define VQ_BASE_NUM_GRIDS_H

/* clang-format off */
/*                    kind            signed bits  e  m bias frac  bfp  max_code    max  table */
#define VQ_GRID_E2M1  {VQ_GRID_FLOAT, true,   4,   2, 1,   1,  0, false, 0x07,        6.0F, NULL}
#define VQ_GRID_E2M3  {VQ_GRID_FLOAT, true,   6,   2, 3,   1,  0, false, 0x1f,        7.5F, NULL}
#define VQ_GRID_E3M2  {VQ_GRID_FLOAT, true,   6,   3, 2,   3,  0, false, 0x1f,       28.0F, NULL}
#define VQ_GRID_E4M3  {VQ_GRID_FLOAT, true,   8,   4, 3,   7,  0, false, 0x7e,      448.0F, NULL}
#define VQ_GRID_E5M2  {VQ_GRID_FLOAT, true,   8,   5, 2,  15,  0, false, 0x7b,    57344.0F, NULL}
#define VQ_GRID_UE5M3 {VQ_GRID_FLOAT, false,  8,   5, 3,  15,  0, false, 0xfe,   114688.0F, NULL}
#define VQ_GRID_E8M0  {VQ_GRID_FLOAT, false,  8,   8, 0, 127,  0, false, 0xfe,    0x1p127F, NULL}
#define VQ_GRID_MXINT8 {VQ_GRID_INT,  true,   8,   0, 0,   0,  6, false,    0,   1.984375F, NULL}
#define VQ_GRID_IQ4NL {VQ_GRID_TABLE, true,   4,   0, 0,   0,  0, false,    0,     113.0F, /* llama.cpp kvalues_iq4nl */ \
                       (const float[]){-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}}
#define VQ_GRID_NF4   {VQ_GRID_TABLE, true,   4,   0, 0,   0,  0, false,    0,       1.0F, /* QLoRA, arXiv:2305.14314, appendix E; bitsandbytes nf4 */ \
                       (const float[]){-1, -0.6961928009986877F, -0.5250730514526367F, -0.39491748809814453F, -0.28444138169288635F, -0.18477343022823334F, \
                                       -0.09105003625154495F, 0, 0.07958029955625534F, 0.16093020141124725F, 0.24611230194568634F, 0.33791524171829224F, \
                                       0.44070982933044434F, 0.5626170039176941F, 0.7229568362236023F, 1}}
#define VQ_GRID_I(b)  {VQ_GRID_INT,   true,  (uint8_t)(b),  0, 0,   0,  0, false,    0, (float)((1 << ((b) - 1)) - 1), NULL}
/* clang-format on */

#endif
