/* edited_source.h -- the model with its edits as a vq_source: f32 values of one part at a time (a
 * block, the embedding, the head), made when something of that part is asked for. For walks over
 * the model part by part; memory is one part, not the model. test
 * tests/unit/edit/test_edited_source.c
 */
#ifndef VQ_EDIT_EDITED_SOURCE_H
#define VQ_EDIT_EDITED_SOURCE_H

#include "edit/edited.h"

typedef struct vq_edited_source {
    vq_source
        source; /* hand this to vq_exec; what it gave is valid until something of another part is
                 * asked for */
    vq_edited edits;
    vq_overlay overlay; /* of the part shown */
    vq_arena values;    /* of the part shown */
    int view;           /* part, -1: none yet */
} vq_edited_source;

/* vq_edited_source_init -- nothing is read yet; what d points to is borrowed. Entries from a,
 * values within its budget. s stays where it is and ends with vq_edited_source_done (harmless after
 * a failure, and without init on a zeroed one). */
vq_status vq_edited_source_init(vq_edited_source *s, const vq_edited *d, vq_arena *a, vq_err *e);
void vq_edited_source_done(vq_edited_source *s);

#endif
