/* chat_template_cases.h -- templates in the styles that models come with, then every construct by
 * itself. The expected texts were computed by Jinja 3.1 with the settings of transformers 5
 * (trim_blocks, lstrip_blocks, its tojson, loop controls, generation). */
#ifndef VQ_TESTS_CHAT_TEMPLATE_CASES_H
#define VQ_TESTS_CHAT_TEMPLATE_CASES_H

static const struct {
    const char *text, *expected;
} cases[] = {
    {"{{- bos_token }}\n"
     "{%- if not day is defined %}\n"
     "    {%- set day = \"1 May\" %}\n"
     "{%- endif %}\n"
     "{%- if messages[0]['role'] == 'system' %}\n"
     "    {%- set system = messages[0]['content'] | trim %}\n"
     "    {%- set messages = messages[1:] %}\n"
     "{%- else %}\n"
     "    {%- set system = \"\" %}\n"
     "{%- endif %}\n"
     "{{- \"<|head|>system<|/head|>\\n\\nToday: \" + day + \"\\n\" }}\n"
     "{%- if tools is not none %}\n"
     "    {{- \"Tools: \" + tools | tojson(indent=4) }}\n"
     "{%- endif %}\n"
     "{{- system + \"<|turn_end|>\" }}\n"
     "{%- for message in messages %}\n"
     "    {%- if not (message.role == 'tool' or 'calls' in message) %}\n"
     "        {{- '<|head|>' + message['role'] + '<|/head|>\\n\\n' + message['content'] | trim + "
     "'<|turn_end|>' }}\n"
     "    {%- elif message.calls | length != 1 %}\n"
     "        {{- raise_exception(\"one call at a time\") }}\n"
     "    {%- endif %}\n"
     "{%- endfor %}\n"
     "{%- if add_generation_prompt %}\n"
     "    {{- '<|head|>assistant<|/head|>\\n\\n' }}\n"
     "{%- endif %}\n",
     "<s><|head|>system<|/head|>\n"
     "\n"
     "Today: 1 May\n"
     "Be brief.<|turn_end|><|head|>user<|/head|>\n"
     "\n"
     "Hi \"there\"\n"
     "<b>\303\251\344\270\255<|turn_end|><|head|>assistant<|/head|>\n"
     "\n"
     "Yes.<|turn_end|><|head|>user<|/head|>\n"
     "\n"
     "x<|turn_end|>"},
    {"{%- if tools %}\n"
     "{{- '<|open|>system\\n' }}\n"
     "{%- for tool in tools %}\n"
     "{{- \"\\n\" }}{{ tool | tojson }}\n"
     "{%- endfor %}\n"
     "{%- else %}\n"
     "    {%- if messages[0].role != 'system' %}\n"
     "        {{- '<|open|>system\\nAct well.<|close|>\\n' }}\n"
     "    {%- endif %}\n"
     "{%- endif %}\n"
     "{%- set ns = namespace(last=messages|length - 1, seen=false) %}\n"
     "{%- for m in messages[::-1] %}\n"
     "    {%- set index = (messages|length - 1) - loop.index0 %}\n"
     "    {%- if not ns.seen and m.role == \"user\" and m.content is string and not "
     "m.content.startswith('[') %}\n"
     "        {%- set ns.seen = true %}\n"
     "        {%- set ns.last = index %}\n"
     "    {%- endif %}\n"
     "{%- endfor %}\n"
     "{%- for m in messages %}\n"
     "    {%- if (m.role == \"user\") or (m.role == \"system\" and loop.first) or (m.role == "
     "\"assistant\" and not m.calls) %}\n"
     "        {{- '<|open|>' + m.role + '\\n' + m.content + '<|close|>' }}{{ '\\n' if loop.index0 "
     "< ns.last else '' }}\n"
     "    {%- elif m.role == \"assistant\" %}\n"
     "        {{- '<|open|>' ~ m.role }}\n"
     "        {%- for c in m.calls %}\n"
     "            {{- '\\n{\"name\": \"' }}{{ c.name }}{{ '\", \"arguments\": ' }}{{ c.arguments | "
     "tojson }}{{ '}' }}\n"
     "        {%- endfor %}\n"
     "    {%- endif %}\n"
     "{%- endfor %}",
     "<|open|>system\n"
     " Be brief. <|close|>\n"
     "<|open|>user\n"
     "Hi \"there\"\n"
     "<b>\303\251\344\270\255<|close|>\n"
     "<|open|>assistant\n"
     "Yes.<|close|>\n"
     "<|open|>user\n"
     "x<|close|>"},
    {"{%- if messages[0][\"role\"] == \"system\" %}\n"
     "    {%- set first = messages[0][\"content\"] %}\n"
     "    {%- set rest = messages[1:] %}\n"
     "{%- else %}\n"
     "    {%- set rest = messages %}\n"
     "{%- endif %}\n"
     "{%- set ns = namespace() %}\n"
     "{%- set ns.index = 0 %}\n"
     "{%- for message in rest %}\n"
     "    {%- if (message[\"role\"] == \"user\") != (ns.index % 2 == 0) %}\n"
     "        {{- raise_exception(\"roles must take turns: user, assistant, user ...\") }}\n"
     "    {%- endif %}\n"
     "    {%- set ns.index = ns.index + 1 %}\n"
     "{%- endfor %}\n"
     "{{- bos_token }}\n"
     "{%- for message in rest %}\n"
     "    {%- if message[\"role\"] == \"user\" %}\n"
     "        {%- if loop.last and first is defined %}\n"
     "            {{- \"[ASK] \" + first + \"\\n\\n\" + message[\"content\"] + \"[/ASK]\" }}\n"
     "        {%- else %}\n"
     "            {{- \"[ASK] \" + message[\"content\"] + \"[/ASK]\" }}\n"
     "        {%- endif %}\n"
     "    {%- elif message[\"role\"] == \"assistant\" %}\n"
     "        {{- \" \" + message[\"content\"]|trim + eos_token}}\n"
     "    {%- else %}\n"
     "        {{- raise_exception(\"only user and assistant are known\") }}\n"
     "    {%- endif %}\n"
     "{%- endfor %}\n",
     "<s>[ASK] Hi \"there\"\n"
     "<b>\303\251\344\270\255[/ASK] Yes.</s>[ASK]  Be brief. \n"
     "\n"
     "x[/ASK]"},
    {"{{ messages[0].content|trim }}|{{ messages[0]['content'] | length }}|{{ messages | length }}",
     "Be brief.|11|4"},
    {"{% for m in messages %}\n"
     "  {% if loop.first %}\n"
     "  {{ m.role }}\n"
     "  {% elif not loop.last %}\n"
     "    -{{ loop.index }}/{{ loop.index0 "
     "}}/{{loop.revindex}}/{{loop.revindex0}}/{{loop.length}}\n"
     "  {% else %}\n"
     "  E {{- m.content -}}  \n"
     "  {% endif %}\n"
     "{% endfor %}\n"
     "\n"
     "x",
     "  system\n"
     "    -2/1/3/2/4\n"
     "    -3/2/2/1/4\n"
     "  Ex\n"
     "x"},
    {"a  {%- if true %}  b  {% endif -%}   c\n"
     "  {#- comment -#}   d\n"
     "{# c #}\n"
     "  {# c2 #} e\n"
     "   {%+ if true %} f {%+ endif +%}\n"
     " g",
     "a  b  cd\n"
     " e\n"
     "    f \n"
     " g"},
    {"{{ [1,2,3][1:] }} {{ \"abcdef\"[::-1] }} {{ \"abcdef\"[1:4:2] }} {{ [1,2,3,4][-3:-1] }} {{ "
     "(1,) }} {{ (1,2) }} {{ () }} {{ {'a': 1, "
     "\"b\": [none, true, 1.5]} }}",
     "[2, 3] fedcba bd [2, 3] (1,) (1, 2) () {'a': 1, 'b': [None, True, 1.5]}"},
    {"{{ 1.0 }} {{ 1e5 }} {{ 1.5e300 }} {{ 0.1 + 0.2 }} {{ 1e-7 }} {{ 123456789012345680.0 }} {{ 7 "
     "// 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 "
     "% -3 }} {{ 7 / 2 }} {{ 2 * 3 + 1 }} {{ 'ab' * 3 }} {{ 7.5 % 2 }} {{ -7.5 // 2 }}",
     "1.0 100000.0 1.5e+300 0.30000000000000004 1e-07 1.2345678901234568e+17 3 -4 2 -2 3.5 7 "
     "ababab 1.5 -4.0"},
    {"{{ 'it\\'s' }} {{ \"q\\\"q\" }} {{ 'a\\nb\\tc\\\\d\\x41\\u00e9\\101' }} {{ ['a\\nb', "
     "\"it's\", 'q\"', 'both\\'\"', "
     "'\\x7f\\u200b\\U0001F600'] }}",
     "it's q\"q a\n"
     "b\tc\\dA\303\251A ['a\\nb', \"it's\", 'q\"', 'both\\'\"', '\\x7f\\u200b\360\237\230\200']"},
    {"{{ messages|tojson }}\n"
     "{{ messages[3]|tojson(indent=2) }}\n"
     "{{ messages[3].extra|tojson(indent=4) }} {{ []|tojson(indent=2) }} {{ "
     "'a/<>&\\x01\\u2028'|tojson }}",
     "[{\"role\": \"system\", \"content\": \" Be brief. \"}, {\"role\": \"user\", \"content\": "
     "\"Hi "
     "\\\"there\\\"\\n<b>\303\251\344\270\255\"}, {\"role\": \"assistant\", \"content\": "
     "\"Yes.\"}, {\"role\": \"user\", \"content\": "
     "\"x\", \"extra\": {\"a\": [1, 2.5, null, true, \"q'\"], \"b\": {}}}]\n"
     "{\n"
     "  \"role\": \"user\",\n"
     "  \"content\": \"x\",\n"
     "  \"extra\": {\n"
     "    \"a\": [\n"
     "      1,\n"
     "      2.5,\n"
     "      null,\n"
     "      true,\n"
     "      \"q'\"\n"
     "    ],\n"
     "    \"b\": {}\n"
     "  }\n"
     "}\n"
     "{\n"
     "    \"a\": [\n"
     "        1,\n"
     "        2.5,\n"
     "        null,\n"
     "        true,\n"
     "        \"q'\"\n"
     "    ],\n"
     "    \"b\": {}\n"
     "} [] \"a/<>&\\u0001\342\200\250\""},
    {"{{ a }}{{ a is defined }}{{ a is not defined }}{{ messages is defined }}{{ a|default('x') "
     "}}{{ ''|default('y', true) }}{{ "
     "none|default('z') }}{{ a|length }}{{ not a }}{{ a ~ 'b' }}",
     "FalseTrueTruexyNone0Trueb"},
    {"{{ messages[99] }}|{{ messages[0].nothing }}|{{ none.foo }}|{{ 5['x'] }}|{{ messages['x'] }}",
     "||||"},
    {"{% set ns = namespace(found=false, n=0) %}{% for m in messages %}{% if m.role == 'user' %}{% "
     "set ns.found = true %}{% set ns.n = "
     "ns.n + 1 %}{% endif %}{% endfor %}{{ ns.found }} {{ ns.n }}",
     "True 2"},
    {"{% set x = 1 %}{% for i in range(3) %}{{ x }}{% set x = i %}{{ x }}{% endfor %}{{ x }}{% if "
     "true %}{% set x = 9 %}{% endif %}{{ x }}",
     "10111219"},
    {"{% for i in range(5) %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 3 %}{% break %}{% "
     "endif %}{{ i }}{% else %}none{% endfor "
     "%}{% for i in [] %}{% else %}empty{% endfor %}",
     "02empty"},
    {"{% for m in messages if m.role == 'user' %}{{ loop.index }}{{ m.content }}{{ loop.last }}{% "
     "endfor %}",
     "1Hi \"there\"\n"
     "<b>\303\251\344\270\255False2xTrue"},
    {"{% for k, v in messages[3].extra.items() %}{{ k }}={{ v }};{% endfor %}{% for k, v in "
     "messages[3].extra|items %}{{ k }}{% endfor "
     "%}{{ messages[3].extra.keys()|list }}{{ messages[3].extra.values()|list }}{{ "
     "messages[0].get('x') }}{{ messages[0].get('x', 3) }}",
     "a=[1, 2.5, None, True, \"q'\"];b={};ab['a', 'b'][[1, 2.5, None, True, \"q'\"], {}]None3"},
    {"{% macro f(a, b='d') %}[{{ a }}{{ b }}]{% endmacro %}{{ f(1) }}{{ f(1, 2) }}{{ f(b=3, a=4) "
     "}}{{ f() }}",
     "[1d][12][43][d]"},
    {"{% set t %} block {{ messages[0].role }}\n"
     "{% endset %}<{{ t }}>{{ t|trim }}",
     "< block system\n"
     ">block system"},
    {"{{ 'a' in 'abc' }} {{ 'x' not in ['a'] }} {{ 'role' in messages[0] }} {{ 1 in [1.0] }} {{ "
     "'a' in undefinedthing }} {{ 1 < 2 < 3 }} "
     "{{ 1 < 3 < 2 }} {{ not 1 == 2 }} {{ 'a' < 'b' }} {{ 1 == true }} {{ none == none }} {{ "
     "[1,[2]] == [1,[2.0]] }} {{ {'a':1} == {'a':1} "
     "}} {{ (1,) == [1] }}",
     "True True True True False True False True True True True True True False"},
    {"{{ 'x' if false }}|{{ 'a' if messages else 'b' }}|{{ 1 if 0 else 2 if 0 else 3 }}|{{ 0 or "
     "'d' }}|{{ 1 and 'e' }}|{{ '' and 3 }}",
     "|a|3|d|e|"},
    {"{{ 'aXbXc'.split('X') }} {{ ' a  b '.split() }} {{ ' a b  c '.split(none, 1) }} {{ "
     "'aXbXc'.split('X', 1)[-1] }} {{ "
     "'xxaxx'.strip('x') }} {{ '\\n a \\n'.lstrip('\\n') }}| {{ ' a '.rstrip() }}| {{ "
     "'abc'.startswith('ab') }} {{ 'abc'.endswith('bc') }} "
     "{{ 'aBc'.upper() }} {{ 'aBc'.lower() }} {{ 'aba'.replace('a', 'x') }}",
     "['a', 'b', 'c'] ['a', 'b'] ['a', 'b  c '] bXc a  a \n"
     "|  a| True True ABC abc xbx"},
    {"{{ 'hello world'|capitalize }} {{ '\303\211\303\200'|lower }} {{ 5|string + 'x' }} {{ "
     "'12'|int + 1 }} {{ 'zz'|int }} {{ ' 7 '|int }} "
     "{{ 3.9|int }} {{ [3,1]|first }} {{ [3,1]|last }} {{ 'abc'|list }} {{ 'abc'|reverse }} {{ "
     "[1,2]|reverse|list }} {{ none|string }} {{ "
     "true|lower }} {{ 'a'|safe }} {{ ['a','b']|join('-') }} {{ ' a '|trim ~ '|' }} {{ "
     "'--a-'|trim('-') }}",
     "Hello world \303\251\303\240 5x 13 0 7 3 3 1 ['a', 'b', 'c'] cba [2, 1] None true a a-b a| "
     "a"},
    {"{{ 1 is number }}{{ true is number }}{{ 1 is integer }}{{ true is integer }}{{ 1.0 is float "
     "}}{{ true is boolean }}{{ 'a' is string "
     "}}{{ {} is mapping }}{{ [] is sequence }}{{ 'a' is iterable }}{{ none is none }}{{ 3 is odd "
     "}}{{ 4 is even }}{{ 4 is divisibleby 2 "
     "}}{{ 4 is divisibleby(3) }}{{ 1 is eq 1 }}{{ 1 is ne 1 }}{{ 'a' is in 'abc' }}{{ false is "
     "false }}{{ 0 is false }}{{ 1 is not none "
     "}}{{ messages is iterable and messages is not string }}{{ undefinedd is iterable }}",
     "TrueTrueTrueFalseTrueTrueTrueTrueTrueTrueTrueTrueTrueTrueFalseTrueFalseTrueTrueFalseTrueTrueT"
     "rue"},
    {"{% generation %}{{ messages[0].content }}{% endgeneration %}", " Be brief. "},
    {"{%- for message in messages %}\n"
     "    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}\n"
     "        {{- message.role }}\n"
     "    {%- endif %}\n"
     "{%- endfor %}",
     "systemuserassistantuser"},
    {"{{- '<|x|>' -}}    \n"
     "    {%- if messages[0]['role'] == 'system' -%}\n"
     "    {%- set system_message = messages[0]['content'] | trim -%}\n"
     "    {%- set messages = messages[1:] -%}\n"
     "    {%- else -%}{%- set system_message = '' -%}{%- endif %}\n"
     "{{ system_message }}{{ messages|length }}",
     "<|x|>Be brief.3"},
    {"{% for a, b in [(1,2),[3,4]] %}{{ a }}{{ b }}{{ loop.previtem }}{{ loop.nextitem }};{% "
     "endfor %}",
     "12[3, 4];34(1, 2);"},
    {"{{ -3|int }} {{ -(3) }} {{ 'a''b' }} {{ 'a' \"c\" 'd' }} {{ [1,2,][0] }} {{ {'a':1,}.a }} {{ "
     "messages.0.role }} {{ [[1,2],[3]].0.1 "
     "}}",
     "-3 -3 ab acd 1 1 system 2"},
    {"line1\n"
     "{% if true %}\n"
     "line2\n"
     "{% endif %}\n",
     "line1\n"
     "line2\n"},
    {"\t{% if true %}\t\n"
     "tab\n"
     "\t{% endif %}\tx",
     "\t\n"
     "tab\n"
     "\tx"},
    {"{{ bos_token + messages[0].content + eos_token }}{{ unk_token }}", "<s> Be brief. </s>"},
    {"{{ ' a\\u00a0\\u3000 '|trim }}|{{ '\346\227\245\346\234\254\350\252\236'|length }}{{ "
     "'\346\227\245\346\234\254\350\252\236'[1] }}{{ "
     "'\346\227\245\346\234\254\350\252\236'[1:] }}{{ '\346\227\245\346\234\254\350\252\236'[-1] "
     "}}",
     "a|3\346\234\254\346\234\254\350\252\236\350\252\236"},
    {"{% if strftime_now is defined %}{% endif %}ok", "ok"},
    {"{{ strftime_now('%d %b %Y') }}", "26 Jul 2024"},
    {"{{ dict(a=1, b='x') }} {{ range(3)|list }} {{ range(1, 6, 2)|list }} {{ range(3, 0, -1)|list "
     "}} {{ namespace(a=1).a }}",
     "{'a': 1, 'b': 'x'} [0, 1, 2] [1, 3, 5] [3, 2, 1] 1"},
    {"{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set c = 1, %}{{ c }}{{ 1, 2 }}", "12(1,)(1, 2)"},
    {"{% if a %}x{% elif messages %}y{% elif true %}z{% else %}w{% endif %}", "y"},
    {"{{ loop }}", ""},
    {"{% for i in range(3) %}{% set y = i %}{% endfor %}{{ y }}", ""},
    {"{% macro g(n) %}{% if n > 0 %}{{ n }}{{ g(n - 1) }}{% endif %}{% endmacro %}{{ g(5) }}",
     "54321"},
    {"{%- set ns = namespace() %}{%- set ns.index = 0 %}{%- for m in messages %}{%- set ns.index = "
     "ns.index + 1 %}{{ ns.index }}{% endfor "
     "%}",
     "1234"},
    {"{%- if not ('a' in 'b') and not(1 > 2) -%} ok {%- endif -%}", "ok"},
    {"{% for m in messages[::-1] %}{% set index = (messages|length - 1) - loop.index0 %}{{ index "
     "}}{{ m.role }} {% endfor %}",
     "3user 2assistant 1user 0system "},
    {"{{ 'x' if messages[0].role is defined and messages[0].role in ['system', 'developer'] else "
     "'y' }}",
     "x"},
    {"{{ messages | selectattr(\"role\", \"==\", \"user\") | list | last }}",
     "{'role': 'user', 'content': 'x', 'extra': {'a': [1, 2.5, None, True, \"q'\"], 'b': {}}}"},
    {"{% for c in 'a\303\251' %}{{ c }},{% endfor %}{% for k in messages[0] %}{{ k }},{% endfor "
     "%}\n",
     "a,\303\251,role,content,"},
};

#endif
