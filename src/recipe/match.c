/* match.c -- which rule decides about a weight. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "recipe/match.h"

#include <pcre2.h>
#include <string.h>

#include "recipe/recipe.h"

enum { MAX_REGEX = 1000, MAX_STEPS = 1000000 };

bool vq_glob_match(const char *glob, const char *name)
{
    const char *star = NULL, *retry = NULL;
    while (*name) {
        if (*glob == '*') {
            star = ++glob;
            retry = name;
        } else if (*glob == '?' || *glob == *name) {
            glob++;
            name++;
        } else if (star) { /* let the last star take one byte more */
            glob = star;
            name = ++retry;
        } else {
            return false;
        }
    }
    while (*glob == '*') glob++;
    return *glob == '\0';
}

static pcre2_code *compile(const char *regex, int *error, size_t *offset)
{
    return pcre2_compile((PCRE2_SPTR)regex, PCRE2_ZERO_TERMINATED,
                         PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF, error, offset, NULL);
}

vq_status vq_pattern_check(const char *pattern, vq_err *e)
{
    int error;
    size_t offset;
    if (strncmp(pattern, "re:", 3) != 0) return VQ_OK;
    if (strlen(pattern) > MAX_REGEX)
        return vq_fail(e, VQ_E_RECIPE, "a regular expression of more than %d bytes", MAX_REGEX);
    pcre2_code *code = compile(pattern + 3, &error, &offset);
    if (!code) {
        unsigned char what[128];
        pcre2_get_error_message(error, what, sizeof what);
        return vq_fail(e, VQ_E_RECIPE, "regular expression \"%s\", byte %zu: %s", pattern + 3,
                       offset, (const char *)what);
    }
    pcre2_code_free(code);
    return VQ_OK;
}

static int run(const pcre2_code *code, const char *name)
{
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    int found = PCRE2_ERROR_NOMEMORY;
    if (limits && data) {
        pcre2_set_match_limit(limits, MAX_STEPS);
        found = pcre2_match(code, (PCRE2_SPTR)name, strlen(name), 0, 0, data, limits);
    }
    pcre2_match_data_free(data);
    pcre2_match_context_free(limits);
    return found;
}

vq_status vq_pattern_match(const char *pattern, const char *name, bool *yes, vq_err *e)
{
    int found;
    size_t offset;
    *yes = false;
    if (strncmp(pattern, "re:", 3) != 0) {
        *yes = vq_glob_match(pattern, name);
        return VQ_OK;
    }
    pcre2_code *code = compile(pattern + 3, &found, &offset);
    if (code) found = run(code, name);
    pcre2_code_free(code);
    *yes = code && found >= 0;
    if (code && (found >= 0 || found == PCRE2_ERROR_NOMATCH)) return VQ_OK;
    return vq_fail(e, found == PCRE2_ERROR_NOMEMORY ? VQ_E_LIMIT : VQ_E_RECIPE,
                   "regular expression \"%s\" gives no answer for %s: %s", pattern + 3, name,
                   found == PCRE2_ERROR_NOMEMORY ? "out of memory" : "it takes too many steps");
}

/* *yes: does any match, or are there none to match? */
static vq_status match_any(const char *const *patterns, int n, const char *text, bool *yes,
                           vq_err *e)
{
    *yes = n == 0;
    for (int i = 0; i < n && !*yes; i++) VQ_TRY(vq_pattern_match(patterns[i], text, yes, e));
    return VQ_OK;
}

static vq_status match_rule(const vq_rule_recipe *r, const char *role, const char *name, int layer,
                            bool *yes, vq_err *e)
{
    *yes = false;
    if (r->layer_first >= 0 && (layer < r->layer_first || layer > r->layer_last)) return VQ_OK;
    VQ_TRY(match_any((const char *const *)r->roles, r->nroles, role, yes, e));
    return *yes ? match_any((const char *const *)r->names, r->nnames, name, yes, e) : VQ_OK;
}

static bool spells(const char *const *patterns, int n, const char *text)
{
    for (int i = 0; i < n; i++)
        if (strcmp(patterns[i], text) == 0) return true;
    return false;
}

static vq_status decide(const vq_recipe *r, const char *role, const char *name, int layer,
                        bool spelled, int *rule, vq_err *e)
{
    bool yes = false;
    for (*rule = r->nrules - 1; *rule >= 0; --*rule) {
        const vq_rule_recipe *one = &r->rules[*rule];
        if (spelled && !spells((const char *const *)one->roles, one->nroles, role) &&
            !spells((const char *const *)one->names, one->nnames, name))
            continue;
        if (match_rule(one, role, name, layer, &yes, e) != VQ_OK)
            return vq_at(e, "%s: %s", one->file, one->text);
        if (yes) break;
    }
    return VQ_OK;
}

vq_status vq_recipe_decide_named(const vq_recipe *r, const char *role, const char *name, int layer,
                                 int *rule, vq_err *e)
{
    return decide(r, role, name, layer, true, rule, e);
}

vq_status vq_recipe_decide(const vq_recipe *r, const char *role, const char *name, int layer,
                           int *rule, vq_err *e)
{
    return decide(r, role, name, layer, false, rule, e);
}
