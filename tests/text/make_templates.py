"""make_templates.py -- snippets of chat templates and what jinja2 makes of them, in the environment that transformers renders with:
tests/text/templates.json, read by test_template_cases.c. Needs jinja2 3.1; run in the root of the repository:
python tests/text/make_templates.py"""
import json

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

MESSAGES = [
    {"role": "system", "content": " Be brief. "},
    {"role": "user", "content": "Hi \"there\"\n<b>é中"},
    {"role": "assistant", "content": "Yes.", "n": 3, "tags": ["b", "A", "a", "B"]},
    {"role": "user", "content": "x", "n": 10, "extra": {"z": [1, 2.5, None, True, "q'"], "B": {}, "a": "ü", "c": {"y": [], "x": -1}}},
]
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {
    "b": {"type": "string", "description": "two\nlines"}, "a": {"type": "integer"}}, "required": ["a"]}}}]


def environment():
    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[jinja2.ext.loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    return env


def render(env, text):
    try:
        return env.from_string(text).render(messages=MESSAGES, tools=TOOLS, documents=None, add_generation_prompt=False)
    except Exception:
        return None


TEXTS = ["''", "'a'", "' two  words '", "'Über-straßen (off)'", "'l1\\nl2\\n\\nl4'", "'a,b,,c'", "'12'", "'-3.75'", "'ABC dEf'", "'ééé'", "'\\t x\\r\\ny\\n'", "'x_1 2b'", "'<a & \\'b\\'>'"]
FILTERS = ["upper", "lower", "capitalize", "title", "trim", "length", "wordcount", "indent", "indent(2, true)", "indent('> ', blank=true)",
           "indent(width=1, first=true, blank=true)", "center(12)", "reverse", "list", "first", "last", "int", "int(7)", "float", "float(1.5)", "escape",
           "replace('a', 'b')", "replace('é', 'e', 2)", "truncate(6)", "truncate(5, true, '~', 0)", "unique|join", "sort|join", "batch(2)|list",
           "slice(3)|list", "tojson", "tojson(ensure_ascii=true)", "string", "default('d', true)", "min", "max", "select|list", "join('-')", "trim('a ')"]
METHODS = ["split()", "split(',')", "split(',', 1)", "split(None, 1)", "rsplit(',', 1)", "rsplit(None, 1)", "rsplit()", "splitlines()",
           "splitlines(true)", "partition(',')", "rpartition('a')", "removeprefix('a')", "removesuffix('a')", "find('b')", "rfind('é')", "find('a', 1)",
           "index('a')", "count('a')", "count('')", "zfill(5)", "ljust(4, '.')", "rjust(9)", "center(8, '*')", "title()", "capitalize()", "swapcase()",
           "isdigit()", "isalpha()", "isalnum()", "isupper()", "islower()", "isspace()", "isnumeric()", "isdecimal()", "isascii()", "startswith('a')",
           "startswith(('x', 'a', 'l'))", "endswith(')')", "strip()", "lstrip('a ')", "rstrip()", "replace('a', 'zz', 1)", "join(['x', 'y'])", "upper()[:2]"]
LISTS = ["[]", "[3, 1, 2]", "['b', 'A', 'a', 'B', 'b']", "[[2, 'x'], [1, 'y'], [1, 'a']]", "(1, 2, 3, 4, 5)", "[1.5, -2, true]", "['a', none, 1]",
         "messages[2].tags", "range(7)", "{'b': 2, 'A': 1, 'a': 0}", "nothing"]
LIST_FILTERS = ["sort", "sort(true)", "sort(case_sensitive=true)", "sort(reverse=true, attribute=0)", "unique|list", "unique(true)|list", "min", "max",
                "min(true)", "sum", "sum(start=10)", "batch(2)|list", "batch(3, 'x')|list", "slice(2)|list", "slice(3, 'z')|list", "join(', ')", "join",
                "first", "last", "reverse|list", "length", "list", "map('string')|list", "map('upper')|join", "map('default', 'd')|list", "select|list",
                "reject|list", "select('number')|list", "select('gt', 1)|list", "reject('equalto', 1)|list", "select('in', [1, 'a'])|list", "dictsort", "items|list", "string",
                "tojson", "tojson(indent=2)", "tojson(separators=(',', ':'))", "count", "map(attribute=1)|list", "groupby(0)"]
NUMBERS = ["0", "3", "-7", "2.5", "3.5", "-2.675", "1234567.891", "true", "10 / 4", "7 // 2", "-7 // 2", "-7 % 3", "7.5 % -2", "2 ** 10", "2 ** -1",
           "-2 ** 2", "2 ** 3 ** 2", "2.0 ** 0.5", "0 ** 0", "+5", "- -3", "1 / 3", "1e16", "0.0001", "1e-5"]
NUMBER_FILTERS = ["abs", "round", "round(1)", "round(2, 'floor')", "round(1, 'ceil')", "round(-1)", "int", "float", "string", "tojson", "default(1, true)"]
EXPRESSIONS = [
    "messages|groupby('role')", "messages|groupby('role')|map(attribute='grouper')|list", "messages|groupby('n', default=0)|map('first')|list",
    "messages|map(attribute='role')|unique|list", "messages|map(attribute='n', default='-')|join(' ')", "messages|map(attribute='extra.c.x')|list",
    "messages|map(attribute='tags.1', default=0)|list", "messages|selectattr('n')|map(attribute='n')|sum", "messages|sum(attribute='n')",
    "messages|selectattr('n', 'defined')|sum(attribute='n', start=1)", "messages|selectattr('role', 'equalto', 'user')|list|length",
    "messages|selectattr('role', 'equalto', 'user')|length", "messages|selectattr('n', 'defined')|map(attribute='n')|max", "messages|sort(attribute='role')|map(attribute='role')|list",
    "messages|sort(attribute='role,content', reverse=true)|map(attribute='content')|list|tojson", "messages|rejectattr('role', 'in', ['user', 'system'])|map(attribute='content')|first",
    "messages[3].extra|dictsort", "messages[3].extra|dictsort(true)", "messages[3].extra|dictsort(false, 'key', true)|map('first')|list", "{'a': 3, 'b': 1}|dictsort(by='value')",
    "{'a': 3, 'b': 1}|dictsort(by='x')", "messages[3].extra|tojson", "messages[3].extra|tojson(sort_keys=true)", "messages[3]|tojson(indent=4, sort_keys=true, ensure_ascii=true)",
    "tools|tojson(indent=2)", "tools|tojson(true)", "tools|tojson(false, 1)", "tools[0]|tojson(indent='\\t')", "[]|tojson(indent=2)", "[{}, []]|tojson(indent=0)", "{'a': [1]}|tojson(separators=(', ', '='), indent=1)",
    "'\\x7f\\u2028\\U0001f600'|tojson", "'\\x7f\\u2028\\U0001f600'|tojson(ensure_ascii=true)", "nothing|tojson", "messages|map('tojson')|join('\\n')", "messages|map('tojson', indent=1)|first",
    "['a b', 'c']|map('replace', ' ', '_')|list", "['a', 'b']|map('upper')|map('lower')|join", "[1, 2]|map('nope')|list", "[1]|map|list", "['x']|map('trim', 'x')|list",
    "'%s is %d, %5.2f|%-5s|%05d|%x|%%' % ('a', 3, 2.5, 'b', 42, 255)", "'%s' % 'x'", "'%s' % [1]", "'%(a)s-%(b)03d' % {'a': 1, 'b': 2}", "'%d' % 'a'", "'%s %s' % ('a',)", "'%s' % ('a', 'b')",
    "'x' % ()", "'x' % 1", "'%+d % d %i' % (1, 2, 3.9)", "'%r' % 'a\\'b'", "'%.2s|%5s' % ('abc', 'de')", "'%e %g %G' % (12345.678, 1e-7, 1e20)", "'%#x %X %o' % (255, 255, 8)", "'%-08d|%+05d' % (5, 6)",
    "'%s and %s'|format('a', 1)", "'%(x)s'|format(x=2)", "'%.1f'|format(2.25)", "'{} {}'.format('a', 1)", "'{1}{0}'.format('a', 'b')", "'{x}{{}}'.format(x=2)", "'{}'.format()", "'{'.format(1)",
    "[1, 2] * 2", "'ab' * 3", "3 * 'ab'", "[1] + [2]", "(1,) + (2,)", "[1] + (2,)", "'a' + 1", "1 + true", "[1, 2, 3][::2]", "[1, 2, 3][::-1]", "'abcdef'[1:-1:2]", "'abc'[5:]", "[1, 2, 3][-2:]", "(1, 2)[0]",
    "1 < 2 < 3", "1 < 3 < 2", "1 == 1.0 == true", "'a' < 'b' <= 'b'", "[1, 2] < [1, 3]", "(1, 'a') >= (1, 'B')", "[1] < (2,)", "'a' < 1", "none == none", "nothing == nothing2", "nothing == none",
    "'a' in 'abc'", "'z' not in 'abc'", "1 in [1, 2]", "'a' in {'a': 1}", "1 in 'abc'", "'a' in nothing", "not 1 in [2]", "not (1 in [2])", "none in [none]",
    "1 is number", "1 is integer", "1.0 is float", "true is boolean", "true is integer", "'a' is string", "'a' is sequence", "'a' is iterable", "{} is mapping", "[] is sequence", "[] is iterable", "1 is iterable",
    "none is none", "x is defined", "x is undefined", "x is not defined", "4 is even", "3 is odd", "9 is divisibleby 3", "9 is divisibleby(2)", "1 is eq 1", "1 is ne 2", "1 is lt 2", "2 is ge 2", "2 is greaterthan 1",
    "1 is lessthan 1", "2 is le 1", "'a' is in 'abc'", "1 is in [1]", "'abc' is lower", "'ABC' is upper", "'A1' is upper", "1 is sameas 1", "none is sameas none", "1 is sameas true", "'upper' is filter", "'x' is filter",
    "'odd' is test", "'nope' is test", "1 is callable", "true is true", "1 is true", "false is false", "(messages|map('upper')) is sequence", "(messages|select) is iterable", "'a' is not string", "1 is not number and true",
    "'yes' if 1", "'yes' if 0", "'yes' if 0 else 'no'", "('yes' if 0) is defined", "nothing", "nothing.a", "nothing['a']", "nothing()", "messages[0].nope", "messages[0].nope.deep", "messages[9]", "messages[9].a", "messages['a']",
    "nothing + 1", "nothing ~ 'a'", "nothing|length", "nothing|upper", "nothing|list", "nothing|default('d')", "nothing|d", "''|default('d')", "none|default('d', true)", "nothing or 'b'", "'' and 'b'", "nothing|int", "nothing|join",
    "none", "[none, true, 1.0, 'a\\'b', \"q\\\"'\"]", "(1,)", "()", "{'a': (1, 2)}", "1, 2", "'a' 'b'", "'a' ~ 1 ~ none", "1.0", "100000000000000000.0", "1e300 * 10", "-0.0", "[nothing]", "'é\\n\\x00\\u200b'|list",
    "messages[3].extra.get('z')", "messages[3].extra.get('q', 'no')", "messages[3].extra.get('q')", "messages[3].extra.keys()|list", "messages[3].extra.values()|list|length", "messages[3].extra.items()|list|first",
    "{'a': 1}.copy()", "[1, 2].index(2)", "[1, 2].index(3)", "[1, 1].count(1)", "(1, 2).index(2)", "[1].append(2)", "{'a': 1}.update({'b': 2})", "messages.pop()", "'a'.nope()", "messages[0].role.upper()", "[1, 2].copy()",
    "dict(a=1, b='x')", "dict(a=1)|tojson", "namespace(a=1).a", "namespace(a=1).b", "range(5)|list", "range(1, 10, 3)|list", "range(5, 0, -2)|list", "range(0)|list", "range(2)|length", "raise_exception('no')",
    "'a'|nope", "1 is nope", "'a' 1", "1 +", "(1", "'a", "'a'|center", "'a'|center(0)", "[3, 1]|sort|first", "[[1, 'b'], [1, 'a']]|sort", "[1, 'a']|sort", "[{'a': 1}, {'a': 1}]|unique|list", "[2, 1]|min(attribute=0)",
    "[{'v': 2}, {'v': 1}]|min(attribute='v')", "[{'v': 2}, {'v': 1}]|max(attribute='v')", "[{'v': 'B'}, {'v': 'a'}]|sort(attribute='v', case_sensitive=true)", "[{'v': 'B'}, {'v': 'b'}]|unique(attribute='v')|list",
    "[]|first", "[]|last", "[]|min", "[]|max", "[]|sum", "['a']|sum", "['a', 'b']|sum(start='')", "[[1], [2]]|sum(start=[])", "'abc'|batch(2, '-')|map('join')|list", "range(10)|slice(3)|map('list')|list",
    "'0x1f'|int(base=16)", "'ff'|int(0, 16)", "'1_000'|int", "' 42 '|int", "'3.99'|int", "'1e3'|int", "'x'|int('d')", "[]|int", "none|int", "none|int(1)", "true|int", "'inf'|float", "'abc'|float(2)", "3.7|int", "-3.7|int",
    "2.5|round", "0.5|round", "1.005|round(2)", "25|round(-1)", "42|round", "42|round(1)", "'a'|round", "2.1|round(0, 'x')", "-5|abs", "2.5|abs", "'a'|abs", "true|abs", "'x'|abs", "'a b c'.split()|map('upper')|join('+')",
    "'a\\nb'|indent", "'a\\n\\nb\\n'|indent(1)", "'a\\n\\nb\\n'|indent(1, blank=true)", "3|indent", "''|indent(2, true)", "'hello big world'|truncate(9)", "'hello big world'|truncate(9, true)", "'hello'|truncate(3)", "'hello world'|truncate(5, leeway=0)",
    "'foo bar-baz (qux) {x} [y] <z> a\\'b'|title", "'they\\'re 3rd bill'.title()", "'fOO bAR'|title", "\"it's\"|capitalize", "'a-b_c d'|wordcount", "'ab cd, ef'|wordcount", "5|string ~ 6", "5|upper", "['A']|lower", "none|upper",
    "'<a href=\"x\">'|e", "'a&b'|escape|length", "'abc'|list|join('|')", "'a,b'.split(',')|first|upper", "[1, 2, 3]|reverse", "'abc'|reverse", "([1, 2]|reverse)[0]", "messages|map(attribute='role')", "'x' if messages|selectattr('role', 'equalto', 'tool') else 'y'",
    "'x' if messages|selectattr('role', 'equalto', 'tool')|list else 'y'", "{'a': 1}|items|list", "{'a': 1}|list", "{'a': 1}|length", "{'a': 1}|first", "{'a': 1, 'a': 2}", "{'a': 1}.a", "{'a': 1}['b']", "{'a': 1}.items", "[1, 2].0", "messages.0.role",
    "'a' == 'a' and 'b'", "not 'a'", "not none", "1 or 2", "0 or none", "1 if true else 2 if false else 3", "(1 if false else 2) + 1", "1 + 2 * 3 - 4 / 2", "1 ~ 2 + 3", "10 - 2 - 3", "2 * 3 % 4", "-1|abs", "(-1)|abs", "7 // 0", "7 % 0", "1.5 // 0.5",
    "'é' > 'z'", "'{:>3}'", "'ab\\\\n'", "'\\u00e9\\x41\\101'", "none|map(attribute='x')|list", "none|selectattr('x')|list", "0|map('upper')|list", "messages[2].n[:1]", "messages[0][1:]", "(messages|map('upper'))[:1]", "dict(**{'a': 1})", "range(*[1, 4])|list", "'%s%s'|format(*[1, 2])", "'{a}'.format(**{'a': 2})",
    "messages|length > 2", "messages[1:]|length", "messages[-1].content", "messages[:1][0].role", "messages[::-1]|map(attribute='role')|join(',')",
]
BLOCKS = [
    "{% filter upper %}a{{ 'b' }}{% endfilter %}c", "{% filter trim|replace('a', 'b')|indent(1, true) %} a\na {% endfilter %}", "{% filter nope %}{% endfilter %}", "{% filter upper %}{% set q = 1 %}{% endfilter %}{{ q }}",
    "{% macro m(a, b=2) %}[{{ a }}{{ b }}{{ caller(1) }}]{% endmacro %}{% call(x) m('q') %}<{{ x }}>{% endcall %}", "{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}in{{ messages|length }}{% endcall %}",
    "{% macro o() %}[{{ caller() }}]{% endmacro %}{% macro m() %}{% call o() %}{{ caller() }}{% endcall %}{% endmacro %}{% call m() %}x{% endcall %}",
    "{% macro m() %}{% if caller %}y{% else %}n{% endif %}{% endmacro %}{{ m() }}", "{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}", "{% call 1 %}{% endcall %}", "{% macro m(f) %}{{ caller(a=1) }}{% endmacro %}{% call(a, b=3) m(1) %}{{ a }}{{ b }}{% endcall %}",
    "{% macro o() %}({{ caller() }}){% endmacro %}{% macro i() %}[{{ caller() }}]{% endmacro %}{% call o() %}{% call i() %}x{% endcall %}{% endcall %}",
    "{% raw %}{{ x }} {% if %}{# c #}{% endraw %}", "a\n{% raw %}\n  {{ x }}\n{% endraw %}\nb", "a {%- raw -%}  {{ x }}  {%- endraw -%}  b", "  {% raw %}x{% endraw %}\n y", "{% raw %}{% endraw x %}", "{% raw %} x", "{%raw%}{{{%endraw%}", "a  {%+ raw %} b\n  {%+ endraw +%}\nc",
    "{% set x | upper %}ab{% endset %}{{ x }}", "{% set x %} a {{ 1 }}{% endset %}[{{ x }}]", "{% set x|trim|length %} abc {% endset %}{{ x + 1 }}", "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set a, (b, c) = 1, (2, 3) %}{{ a }}{{ b }}{{ c }}", "{% set a = 1, 2 %}{{ a }}", "{% set a, b = [1] %}",
    "{% with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q }}", "{% with a=1, b=2 %}{{ a + b }}{% endwith %}{{ a }}", "{% set a = 5 %}{% with a=1, b=a %}{{ a }}{{ b }}{% endwith %}{{ a }}", "{% with a, b = (1, 2) %}{{ a }}{{ b }}{% endwith %}", "{% with a %}{% endwith %}",
    "{% for x in [1, [2, [3]]] recursive %}{{ x if x is number else loop(x) }}{% endfor %}", "{% for x in [{'n': 'a', 'c': [{'n': 'b', 'c': []}, {'n': 'd'}]}] recursive %}<{{ loop.depth }}{{ loop.depth0 }}{{ x.n }}{% if x.c %}{{ loop(x.c) }}{% endif %}>{% endfor %}", "{% for x in [1] %}{{ loop(x) }}{% endfor %}",
    "{% for x in [] recursive %}{% else %}none{% endfor %}", "{% for x in 'abc' %}{{ loop.cycle('odd', 'even') }}{{ loop.index }}{% endfor %}", "{% for x in [1, 1, 2, 2, 1] %}{{ loop.changed(x) }}{% endfor %}", "{% for x in 'abc' %}{{ loop.previtem }}{{ x }}{{ loop.nextitem }}|{% endfor %}",
    "{% for x in 'abc' %}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.index0 }}{% endfor %}", "{% for x in [1] %}{{ loop.nope }}{{ loop.depth }}{% endfor %}", "{% for x in 1, 2 %}{{ x }}{% endfor %}", "{% for a, b in {'x': 1}|dictsort %}{{ a }}{{ b }}{% endfor %}",
    "{% for k, (a, b) in [[1, [2, 3]]] %}{{ k }}{{ a }}{{ b }}{% endfor %}", "{% for x in [1, 2, 3, 4] if x is even %}{{ loop.index }}{{ x }}{% else %}e{% endfor %}", "{% for x in [] %}a{% else %}b{% endfor %}", "{% for x in nothing %}a{% else %}b{% endfor %}", "{% for x in none %}{% endfor %}", "{% for x in 5 %}{% endfor %}",
    "{% for x in range(9) %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 5 %}{% break %}{% endif %}{{ x }}{% endfor %}", "{% set n = namespace(x=0) %}{% for i in [1, 2] %}{% set n.x = n.x + i %}{% set y = i %}{% endfor %}{{ n.x }}{{ y }}", "{% for role, ms in messages|groupby('role') %}{{ role }}={{ ms|length }};{% endfor %}",
    "{% for g in messages|groupby('role') %}{{ g.grouper }}:{{ g.list|length }}{{ g[0] }};{% endfor %}", "{% for r in [1, 2, 3, 4, 5]|batch(2, 0) %}{{ r|join }}|{% endfor %}", "{% for r in [1, 2, 3, 4, 5]|slice(3) %}{{ r }}{% endfor %}", "{% for k, v in messages[3].extra.items() %}{{ k }}{{ loop.last }}{% endfor %}",
    "{% for x in 'ab' %}{% for y in 'cd' %}{{ loop.index }}{{ loop.depth }}{% endfor %}{{ loop.index }}{% endfor %}", "{% for loop in 'ab' %}{% endfor %}", "{% if 1 %}a{% elif 2 %}b{% else %}c{% endif %}", "{% if nothing is defined and nothing.x %}a{% endif %}b", "{% if nothing.x %}a{% endif %}",
    "{% macro m(a, b='x', c=a) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }}{{ m(1, c=2) }}{{ m(b=3, a=4) }}{{ m() }}", "{% macro m(a, b) %}{{ a }}{{ b }}{% endmacro %}{% set l = [m] %}{{ l[0](*[1, 2]) }}{{ m(*[1], **{'b': 3}) }}{{ m(1, *[2]) }}{{ m(**{'a': 1}) }}", "{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{% endmacro %}{{ m(z=2) }}", "{% macro m() %}{% set q = 2 %}{{ q }}{% endmacro %}{% set q = 1 %}{{ m() }}{{ q }}", "{% macro m(n) %}{{ n }}{% if n %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(3) }}",
    "{% macro m() %}x{% endmacro %}{% set r = m() %}{{ r|upper ~ r }}", "{% set f = namespace() %}{{ f.x is defined }}{% set f.x = [1] %}{{ f.x }}", "{% set x.y = 1 %}", "{# c #}a{#- c -#} b", "a\n{# c #}\nb", "a\n  {# c #}  \nb", "a\n\n", "a\n", "\n", "a\r\nb\rc\r\n", "{{ 'a\\nb' }}\n{{ 1 }}\n",
    "  {% if 1 %}\n  a\n  {% endif %}\n b", "x {% if 1 %}\na{% endif %} y", "x\n  {%+ if 1 %}a{% endif +%}\n b", "x \n {%- if 1 -%} \n a \n {%- endif -%} \n b", "{{- 1 -}} a {{- 2 }} b", " {{ 1 }}\n {{ 2 }}\n", "\t{% set x = 1 %}\t\n{{ x }}", "{% if 1 %}{{ 'a' }}\n{% endif %}\nb\n\n", "{%- for m in messages %}\n{{ m.role }}\n{%- endfor %}\n",
    "{% for m in messages %}{{ m.role }}{% if not loop.last %}, {% endif %}{% endfor %}", "{% endif %}", "{% if 1 %}", "{% for %}", "{{ }}", "{{", "{%", "{# x", "}}%}#}", "{{ '{{' }}{{ '%}' }}", "{% nope %}", "{% set x = 1 %}{% set x = x + 1 %}{{ x }}", "{% if true %}{% set z = 1 %}{% endif %}{{ z }}",
    "{% set m2 = messages[1:] %}{% for m in m2 %}{{ loop.index0 }}{{ m['role'] }}{% endfor %}", "{% set ns = namespace(f=false) %}{% for m in messages if m.role == 'user' %}{% set ns.f = true %}{% endfor %}{{ ns.f }}", "{{ messages[1]['content'] | trim | tojson }}", "{% if (messages | selectattr('role', 'equalto', 'user') | list | length) == 2 %}two{% endif %}",
    "{% for t in tools %}{{ t.function.name }}({% for p, s in t.function.parameters.properties | dictsort %}{{ p }}: {{ s.type }}{{ ', ' if not loop.last }}{% endfor %}){% endfor %}", "{% for t in tools %}{{ t | tojson(indent=2) | indent(2) }}{% endfor %}", "{% for k, v in tools[0].function.parameters.properties|items %}{{ k }}{{ v.description|default('none')|indent(4) }}{% endfor %}",
    "{% set q = messages|map(attribute='role')|list %}{{ q.index('user') }}{{ q.count('user') }}", "{{ messages|map(attribute='content')|map('length')|list }}", "{{ ['a', 'b']|join(',')|upper }}", "{% set parts = 'a=1;b=2'.split(';') %}{% for p in parts %}{% set k, v = p.split('=') %}{{ k }}{{ v }}{% endfor %}",
]


def snippets():
    out = []
    for texts, filters in ((TEXTS, FILTERS), (LISTS, LIST_FILTERS), (NUMBERS, NUMBER_FILTERS)):
        for i, filter in enumerate(filters):  # not all pairs: every value and every filter with some of the others
            out += ["{{ (%s)|%s }}" % (v, filter) for k, v in enumerate(texts) if (i + k) % 2 == 0 and not ("range" in v and "tojson" in filter)]
    for i, method in enumerate(METHODS):
        out += ["{{ %s.%s }}" % (v, method) for k, v in enumerate(TEXTS) if (i + k) % 3 == 0]
    out += ["{{ %s }}" % n for n in NUMBERS] + ["{{ %s }}" % e for e in EXPRESSIONS] + BLOCKS
    return list(dict.fromkeys(out))


def main():
    env = environment()
    rows = [[t, render(env, t)] for t in snippets()]
    rows = [r for r in rows if " at 0x" not in (r[1] or "") and "built-in method" not in (r[1] or "") and "<function" not in (r[1] or "")]
    with open("tests/text/templates.json", "w", encoding="utf-8") as f:
        f.write('{"messages":%s,\n"tools":%s,\n"cases":[\n' % (json.dumps(MESSAGES), json.dumps(TOOLS)))
        f.write(",\n".join(json.dumps(r, ensure_ascii=False) for r in rows).replace("\x7f", "\\u007f"))
        f.write("\n]}\n")


main()
