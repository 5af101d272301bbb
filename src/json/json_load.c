/* json_load.c -- allocations of the library that fail are noted. */
#include "json/json_load.h"

#include <pthread.h>
#include <stdbool.h>

static json_malloc_t given_malloc;
static json_free_t given_free;
static pthread_once_t noting = PTHREAD_ONCE_INIT;
static _Thread_local bool lost;

static void *noted_malloc(size_t n)
{
    void *p = given_malloc(n);
    lost |= !p;
    return p;
}

static void begin_noting(void)
{
    json_get_alloc_funcs(&given_malloc, &given_free);
    json_set_alloc_funcs(noted_malloc, given_free);
}

vq_status vq_json_load(const char *text, size_t n, size_t flags, json_t **v, json_error_t *cause,
                       vq_err *e)
{
    (void)pthread_once(&noting, begin_noting);
    lost = false;
    *v = json_loadb(text, n, flags, cause);
    if (*v) return VQ_OK;
    return lost ? vq_fail(e, VQ_E_LIMIT, "no memory left to parse JSON") : VQ_E_INPUT;
}

const char *vq_json_cause(const json_error_t *cause)
{
    switch (json_error_code(cause)) {
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "\\u0000 stands in a text";
    case json_error_stack_overflow:
        return "lists and objects lie too deep in each other";
    default:
        return cause->text;
    }
}
