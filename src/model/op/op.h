/* op.h -- what an op is: one const struct in one file of src/model/op. Everything that the rest of
 * the program needs to know of a kind of op is asked of this struct; nothing else tells ops apart.
 *
 * Forward serves calibration and evaluation; backward gives gradients; the dots (tangents of both)
 * exact Hessian-vector products. A NULL function is refused when a plan is made, by name
 * (vq_graph_lacks), never called. docs/adding-an-op.md has the steps. */
#ifndef VQ_MODEL_OP_OP_H
#define VQ_MODEL_OP_OP_H

#include "model/op/context.h"

/* Angles of rotary embeddings over the positions of a batch. */
typedef struct vq_rope_table vq_rope_table; /* model/op/attention/rope.h */
typedef struct vq_angles {
    const vq_rope_table *table;
    const float *cos, *sin; /* [length][half] */
    const struct vq_angles *next;
} vq_angles;

/* Tokens that a router sent to one expert. */
typedef struct vq_route {
    const int32_t *token; /* [rows] ascending */
    const float *share;   /* [rows] what the expert's output counts */
} vq_route;

/* Where a node finds its operands while one part runs; ids are those of the program (program.h).
 * Scratch comes from exec->arena; what an op takes it gives back. */
typedef struct vq_frame {
    const vq_exec *exec;
    const vq_batch *batch;
    const int32_t *ids;       /* embedding only */
    float **values;           /* [rows][width], NULL when not live */
    int64_t *rows;            /* rows that a value has */
    vq_route *routes;         /* of routed values; token NULL elsewhere */
    const vq_linear *linears; /* of linear nodes: what the source holds */
    const int *node;          /* id in the graph, -1 for an input prepared for a linear */
    const int *raw;           /* of linear nodes: the input before it was prepared */
    const vq_angles *angles;  /* of all tables that nodes of the part use */
    /* Backward only. */
    float **grads; /* d loss / d value */
    float
        *into[VQ_OP_INPUTS]; /* where the gradient of each input of the node under way goes; written
                                 * whole; NULL: nobody wants it */
    bool adds[VQ_OP_INPUTS]; /* into[i] holds what later readers gave, and this one adds to it:
                                 * operands of vq_op.back_adds only */
    const vq_grad_hooks *hooks; /* may be NULL */
} vq_frame;

/* vq_frame_seen -- the rows of a value as hooks get them. */
vq_seen_rows vq_frame_seen(const vq_frame *f, int id, int64_t width);

/* vq_frame_take_room -- values of experts that are kept for the way back get room, and their
 * gradients, when it is known how many rows they have; nothing where there is room already. */
vq_status vq_frame_take_room(vq_frame *f, const vq_node *n, int id, vq_err *e);

/* A tensor that belongs to a node. */
typedef struct vq_param {
    const char *module, *suffix; /* name: both in one */
    int64_t shape[2];
    int ndim;
    bool matrix;   /* the weight of a linear: it may be stored quantized */
    bool plus_one; /* what works is 1 + what is stored */
    bool channels; /* a vector with one entry per channel of the node's output: scaling both scales
                    * the output */
} vq_param;
enum { VQ_OP_PARAMS = 4, VQ_PARAM_NAME = 1024 };
/* vq_param_name -- "module" "suffix" into buf [VQ_PARAM_NAME]. */
const char *vq_param_name(const vq_param *p, char *buf);

/* What a row of the op's output is to one who changes the basis of the residual stream. */
typedef enum vq_row_map {
    VQ_ROW_OPAQUE, /* anything: such a change stops here */
    VQ_ROW_TABLE,  /* a row of a stored table */
    VQ_ROW_SUM,    /* the sum of its operands' rows */
    VQ_ROW_SAME,   /* a row of operand 0 as it is, or times a number */
    VQ_ROW_RMS,    /* the row over its length, times a weight: rotations pass once the weight is
                    * folded into what follows */
    VQ_ROW_LINEAR
} vq_row_map;

/* What the op does between a linear and attention, head by head. */
typedef enum vq_head_map {
    VQ_HEAD_OTHER,
    VQ_HEAD_NORM, /* each head over its length, times a weight that all heads share */
    VQ_HEAD_TURN, /* pairs of channels are turned */
    VQ_HEAD_MIX   /* attention: operands 0, 1, 2 are queries, keys, values */
} vq_head_map;

/* Who can absorb a positive scale per channel of the op's output. */
typedef enum vq_absorb {
    VQ_ABSORB_NOBODY,
    VQ_ABSORB_WEIGHT, /* its parameters with `channels` */
    VQ_ABSORB_ROWS,   /* the rows of its matrix, which take orders too */
    VQ_ABSORB_OPERAND /* the op is linear in operand `through`, channel by channel */
} vq_absorb;

/* Work per row of the output, as a forecast of time counts it. */
typedef struct vq_op_work {
    double macs;   /* multiply-adds with a stored matrix */
    double scores; /* multiply-adds between activations */
    double values; /* elements that something is computed for */
} vq_op_work;

typedef vq_status (*vq_op_fn)(const vq_node *n, int id, vq_frame *f, vq_err *e);
/* Bytes of scratch for `rows` rows of input. l: of linears, else NULL. */
typedef size_t (*vq_op_scratch)(const vq_node *n, const vq_linear *l, const vq_exec *x,
                                const vq_batch *b, int64_t rows);

struct vq_op {
    const char *name;
    /* Execution. */
    bool in_place;   /* the output may lie where the first input lies; so may their gradients */
    bool back_reads; /* backward reads the values of the inputs (never that of the output) */
    unsigned back_ignores; /* but not those of these operands: a bit each */
    unsigned back_adds; /* backward adds to a gradient that was begun instead of making its own: for
                         * operands of which each of many readers sees little. A bit each */
    bool fixes_rows;    /* it says itself how many rows its output has (f->rows[id]) */
    vq_op_scratch scratch, back_scratch; /* NULL: none */
    vq_op_fn forward, backward, forward_dot, backward_dot;
    const vq_rope_table *(*table)(const vq_node *n); /* angles that it needs; NULL: none */
    int64_t (*cached)(const vq_node *n); /* floats per token kept for later positions; NULL: none */
    void (*work)(const vq_node *n, double keys, vq_op_work *w); /* NULL: one value per element */
    /* Parameters. */
    int (*params)(const vq_node *n, vq_param out[VQ_OP_PARAMS]); /* returns how many; NULL: none */
    /* Transforms. */
    bool linear; /* y = x W^T + b with a stored W */
    vq_row_map rows;
    int terms; /* VQ_ROW_SUM: the first so many operands are summed; 0: all */
    vq_head_map heads;
    vq_absorb absorb;
    int through; /* VQ_ABSORB_OPERAND */
    int gate;    /* 1 + operand whose channels multiply those of `through`: an order of one is an
                      * order of both; 0: none */
    int64_t (*first_channel)(const vq_node *n); /* of the operand: where a slice begins; NULL: 0 */
};

extern const vq_op vq_op_add;   /* y = a + b */
extern const vq_op vq_op_scale; /* y = c x; args: float c */

/* vq_op_params -- n's parameters, none where the op has none. */
int vq_op_params(const vq_node *n, vq_param out[VQ_OP_PARAMS]);

/* What a pass may need of every op of a block. */
typedef enum vq_op_need { VQ_OP_BACKWARD, VQ_OP_TANGENTS } vq_op_need;
/* vq_graph_lacks -- the first node inside blocks whose op cannot do it; NULL: all can. */
const vq_node *vq_graph_lacks(const vq_graph *g, vq_op_need need);

#endif
