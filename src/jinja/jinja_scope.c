/* jinja_scope.c -- names and what they stand for. */
#include <string.h>

#include "jinja/jinja.h"

const vq_jvalue *vq_jlookup(vq_jrun *x, const vq_jframe *f, const char *name, bool upwards)
{
    const size_t look = VQ_J_LOOK + strlen(name) / 4;
    for (; f; f = upwards ? f->up : NULL)
        for (const vq_jbinding *b = f->first; b; b = b->next) {
            vq_jspend_late(x, look);
            if (strcmp(b->name, name) == 0) return &b->value;
        }
    return NULL;
}

vq_status vq_jbind(vq_jrun *x, vq_jframe *f, const char *name, const vq_jvalue *v)
{
    const size_t look = VQ_J_LOOK + strlen(name) / 4;
    vq_jbinding *b = f->first;
    for (; b && strcmp(b->name, name) != 0; b = b->next) vq_jspend_late(x, look);
    if (!b) {
        if (!(b = vq_jalloc(x, 1, sizeof *b))) return x->e->status;
        *b = (vq_jbinding){.name = name, .next = f->first};
        f->first = b;
    }
    b->value = *v;
    return VQ_OK;
}
