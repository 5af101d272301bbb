/* prompt.c -- a text or a conversation to token ids. */
#include "run/generate/prompt.h"

#include "base/shell_word.h"
#include "text/chat_template.h"
#include "json/json_make.h"

static vq_status add_message(vq_json_maker *m, json_t *list, const char *role, const char *text,
                             vq_err *e)
{
    if (!vq_is_utf8(text)) return vq_fail(e, VQ_E_INPUT, "what the %s says is not UTF-8", role);
    json_t *message = vq_add_object(m, list);
    vq_put_text(m, message, "role", role);
    vq_put_text(m, message, "content", text);
    return VQ_OK;
}

static vq_status make_messages(const vq_prompt *p, vq_json_maker *m, json_t *list, vq_err *e)
{
    if (p->system) VQ_TRY(add_message(m, list, "system", p->system, e));
    for (int i = 0; i < p->nchat; i++)
        VQ_TRY(add_message(m, list, i % 2 ? "assistant" : "user", p->chat[i], e));
    return VQ_OK;
}

static vq_status messages_of(const vq_prompt *p, json_t **out, vq_err *e)
{
    vq_json_maker m = {0};
    json_t *list = vq_make_array(&m);
    const vq_status s = make_messages(p, &m, list, e);
    if (s == VQ_OK) return vq_make_done(&m, list, "conversation", out, e);
    json_decref(list);
    return s;
}

static vq_status render(const vq_prompt *p, const char *dir, vq_arena *a, char **text, size_t *len,
                        vq_err *e)
{
    vq_chat_template *t;
    json_t *messages;
    if (p->nchat % 2 == 0)
        return vq_fail(e, VQ_E_RECIPE,
                       "a conversation goes user, assistant, user: the last --chat is the user's, "
                       "so their number is odd");
    VQ_TRY(vq_chat_template_open(&t, dir, a, e));
    if (!t)
        return vq_fail(
            e, VQ_E_INPUT,
            "%s: the model has no chat template (chat_template.jinja, or "
            "\"chat_template\" in tokenizer_config.json); give plain text instead of --chat",
            dir);
    vq_chat_template_ask(t);
    vq_chat_template_heed(t, p->heed);
    VQ_TRY(messages_of(p, &messages, e));
    const vq_status s = vq_chat_template_render(t, messages, NULL, a, text, len, e);
    json_decref(messages);
    return s;
}

vq_status vq_prompt_ids(const vq_prompt *p, const char *dir, const vq_tokenizer *t, vq_arena *a,
                        int32_t **ids, size_t *n, vq_err *e)
{
    char *text = NULL;
    size_t len = 0;
    if (p->text) return vq_tokenizer_encode(t, p->text, p->len, p->special, a, ids, n, e);
    VQ_TRY(render(p, dir, a, &text, &len, e));
    return vq_tokenizer_encode(t, text, len, false, a, ids, n, e);
}
