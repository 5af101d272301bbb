/* run_state.h -- OUT.run/state.json: what a run was started with and which sections are finished,
 * so
 * that --resume continues with the same bytes or refuses, naming what differs. test
 * tests/cli/resume.sh, tests/unit/run/test_run_state.c */
#ifndef VQ_RUN_STORE_RUN_STATE_H
#define VQ_RUN_STORE_RUN_STATE_H

#include "run/store/rounding.h"
#include "run/store/state_file.h"

#define VQ_RUN_STATE "state.json"

typedef struct vq_run_state {
    vq_state state;
    const char *path;
    bool saved;      /* it is on disk */
    vq_arena *arena; /* of what is added */
} vq_run_state;

/* vq_run_state_exists -- does DIR hold a run that could be continued? */
bool vq_run_state_exists(const char *dir, vq_arena *a);
/* vq_run_state_new -- an empty state; the texts of made_from are borrowed, all else is from a.
 * Nothing is written yet: a run that fails before anything is finished leaves nothing to resume. */
vq_status vq_run_state_new(vq_run_state *s, const char *dir, const vq_made_from *made_from,
                           vq_arena *a, vq_err *e);
/* vq_run_state_load -- the state in DIR, whose fields must be those of made_from. VQ_E_RECIPE:
 * there is none, or a field differs (says which). VQ_E_INPUT: the file is broken. */
vq_status vq_run_state_load(vq_run_state *s, const char *dir, const vq_made_from *made_from,
                            vq_arena *a, vq_err *e);
/* vq_run_state_save -- there is something that a resumed run would not make again: the state is on
 * disk from now on. */
vq_status vq_run_state_save(vq_run_state *s, vq_err *e);

/* vq_run_state_sections -- finished sections (store/written.h), in order. */
int vq_run_state_sections(const vq_run_state *s);
/* vq_run_state_add -- the modules [first, first + n) of r are finished as `section`, whose file
 * PATH
 * is hashed (NULL: the section holds nothing); written at once. Names and fallbacks of r are
 * borrowed. */
vq_status vq_run_state_add(vq_run_state *s, int section, const char *path, const vq_rounded *r,
                           size_t first, size_t n, vq_err *e);
/* vq_run_state_restore -- the i-th finished section (below vq_run_state_sections), *empty when it
 * holds
 * nothing: its file checked against its hash, its modules appended to r. VQ_E_INPUT: the file was
 * changed, or the modules are not those that the plan has there. Texts are borrowed from s. */
vq_status vq_run_state_restore(const vq_run_state *s, int i, const char *path, const vq_plan *p,
                               vq_rounded *r, bool *empty, vq_err *e);

#endif
