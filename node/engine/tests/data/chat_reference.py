"""Writes chat_prompts.json next to this file: prompts and small templates, rendered with Jinja2 as transformers does.

python3 chat_reference.py   (with jinja2 3.1)
"""

import json
import pathlib

import jinja2
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

FOLDER = pathlib.Path(__file__).parent

TOKENS = {
    "smollm2": ("<|im_start|>", "<|im_end|>"),
    "llama-3.2": ("<|begin_of_text|>", "<|eot_id|>"),
    "qwen2.5": ("<|endoftext|>", "<|im_end|>"),
    "tinyllama": ("<s>", "</s>"),
    "phi-3": ("<s>", "<|endoftext|>"),
    "phi-3-gguf": ("<s>", "<|endoftext|>"),
    "phi-3.5": ("<s>", "<|endoftext|>"),
    "gemma-2": ("<bos>", "<eos>"),
    "gemma-3": ("<bos>", "<eos>"),
    "mistral-nemo": ("<s>", "</s>"),
    "qwen3": ("<|endoftext|>", "<|im_end|>"),
    "deepseek-r1-distill-qwen": ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"),
}


def said(*contents):
    """Contents, each after the one letter of its role."""
    roles = {"s": "system", "u": "user", "a": "assistant"}
    return [{"role": roles[content[0]], "content": content[1:]} for content in contents]


CONVERSATIONS = [
    said("uHi!"),
    said("u"),
    said("u  spaces around \n\n"),
    said("u \n\t\u3000"),
    said("uNaïve 你好 🦀\r\nsecond line {{ braces }} {% if %} '\"\\"),
    said("sBe brief.", "uHi!"),
    said("s", "uHi!"),
    said("s  Be brief.\n", "uHi!", "aHello.", "u And then? "),
    said("uHi!", "a<think>\nHm.\n</think>\n\nHello.", "uAgain."),
    said("uOne", "uTwo"),
    said("aHello.", "uHi!"),
    said("uHi!", "sBe brief.", "uGo on."),
]

MESSAGES = said("sS", "uU <b>", "aA")

SNIPPETS = [
    # white space
    "a\n{% if true %}\nb\n{% endif %}\nc\n",
    "a\n  {% if true %}  \n  b\n  {% endif %}\nc",
    "  {% if true %}x{% endif %}  {% if true %}y{% endif %}\n",
    "a {%- if true -%} b {%- endif -%} c",
    "a\n  {%+ if true +%}\n b {% endif +%}\nc",
    "a {{- 'x' -}} b\n  {{ 'y' }}\n  {{- 'z' }}\n",
    "a {# c #}\n  {# d #}\nb {#- e -#} c",
    "a\r\nb\r{% if true %}\r\nc{% endif %}\n\n",
    "{{ 'a' }}\n{{ 'b' }}\n\n",
    "\n\n{% set x = 1 %}\n\n{{ x }}",
    "a\u3000\n\u3000{%- set x = 1 %}b",
    "{ { {a} } % %} }} #}",
    "{{ '}}' }}{{ '%}' }}{{ \"{{\" }}",
    # literals
    r"{{ 'a\nb\tc\\d\'e\"f\x41\u00e9\U0001F980\q' }}",
    "{{ 'a' 'b' \"c\" }}{{ 'two\nlines' }}",
    "{{ 1 }}{{ -1 }}{{ - 2 }}{{ true }}{{ False }}{{ none }}{{ None }}",
    # operators
    "{{ 1 + 2 * 3 - 4 }} {{ (1 + 2) * 3 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 // -2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 % -3 }}",
    "{{ 1 ~ 'a' ~ true ~ none }} {{ 'a' + 'b' ~ 1 }}",
    "{{ 1 < 2 }} {{ 2 <= 1 }} {{ 1 < 2 < 3 }} {{ 1 < 2 > 3 }} {{ 'a' < 'b' }} {{ 'é' > 'z' }} {{ 1 == 1 != 2 }}",
    "{{ 1 == true }} {{ 'a' == 1 }} {{ none == none }} {{ [1, 'a'] == [1, 'a'] }} {{ [1] == [1, 2] }} {{ nope == nope }}",
    "{{ true and 'x' }} {{ '' or 'y' }} {{ 0 or none }} {{ not '' }} {{ not not 1 }} {{ true or nope.x }} {{ '' and nope.x }}",
    "{{ not 1 == 2 }} {{ not true or true }} {{ true or false and false }} {{ 'a' in 'bab' }} {{ 'c' not in 'bab' }}",
    "{{ 1 in [1, 2] }} {{ 'role' in messages[0] }} {{ 'tool_calls' in messages[0] }} {{ messages[1] in messages }}",
    "{{ 'x' if true else 'y' }} {{ 'x' if false else 'y' if false else 'z' }} {{ ('x' if false) is defined }}",
    "{{ 1 + 1 if true else nope.x }} {{ '' is defined and 'a' or 'b' }}",
    # look-ups
    "{{ messages[0]['role'] }} {{ messages[-1].content }} {{ messages[1:][0].role }} {{ messages[:-1] | length }}",
    "{{ messages[5] is defined }} {{ messages[-4] is defined }} {{ messages[0].nope is defined }} {{ 'abc'.nope is defined }}",
    "{{ messages.0.role }} {{ messages[10:] | length }} {{ messages[2:1] | length }} {{ messages[-100:2] | length }}",
    "{{ 'añcd'[1] }} {{ 'añcd'[-1] }} {{ 'añcd'[1:] }} {{ 'añcd'[:-1] }} {{ 'añcd'[-3:2] }} {{ 'abc'[9] is defined }}|{{ 'abc'[9:] }}|",
    "{{ messages[0].get('role') }} {{ messages[0].get('x') }} {{ messages[0].get('x', 'y') }}",
    "{{ none.x is defined }} {{ 1['x'] is defined }}",
    # loops and scopes
    "{% for m in messages %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ loop.revindex0 }} {% endfor %}",
    "{% for m in messages %}{{ loop.previtem.role if loop.previtem is defined else '-' }}{{ loop.nextitem.role if loop.nextitem is defined else '-' }} {% endfor %}",
    "{% for m in messages if m.role != 'user' %}{{ loop.index }}{{ m.content }}{% else %}none{% endfor %}",
    "{% for m in [] %}x{% else %}none{% endfor %}{% for i in range(3) %}{{ i }}{% endfor %}{% for i in range(5, -5, -3) %}{{ i }},{% endfor %}",
    "{% for i in range(2, 4) %}{% for j in range(2) %}{{ i }}{{ j }}{{ loop.index }} {% endfor %}{{ loop.index }};{% endfor %}",
    "{% set x = 1 %}{% for i in range(2) %}{{ x }}{% set x = x + 5 %}{{ x }} {% endfor %}{{ x }}",
    "{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}",
    "{% set ns = namespace(x=1, y='a') %}{% for i in range(3) %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}{{ ns.y }}{{ ns.z is defined }}",
    "{% set x %}a{{ 1 }}\nb{% endset %}[{{ x }}]",
    "{% for i in range(2) %}{% set x %}{{ i }}{% endset %}{{ x }}{% endfor %}{{ x is defined }}",
    "{% if false %}a{% elif 1 %}b{% elif nope.x %}c{% else %}d{% endif %}",
    "{% macro m(a, b='x') %}{{ a }}{% endmacro %}{% if false %}{{ m(1) }}{% endif %}ok",
    "{% for loop_message in messages %}{{ loop_message.role }}{% endfor %}",
    # filters, methods, tests
    "[{{ '  a b\n' | trim }}] [{{ ' a '.strip() }}] [{{ ' a '.lstrip() }}] [{{ ' a '.rstrip() }}] [{{ 'xxaxx'.strip('x') }}] [{{ 'xyaxy'.rstrip('yx') }}]",
    "[{{ '\u2003\x1ca\x1f\u3000' | trim }}] [{{ 'xa' | trim('x') }}]",
    "{{ 'aBc' | upper }} {{ 'aBc'.lower() }} {{ 'aBC dE' | capitalize }} {{ 'a' | length }} {{ 'é🦀' | count }}",
    "{{ 'a,b,c'.split(',')[1] }} {{ ' a  b '.split() | join('|') }} {{ 'a,b,c'.split(',', 1)[-1] }} {{ 'abc'.split('x') | length }} {{ ',a,'.split(',') | join('|') }}",
    "{{ 'aXbXc' | replace('X', '--') }} {{ 'aXbXc'.replace('X', '', 1) }} {{ 'a' | replace('x', 'y') }}",
    "{{ 'abc'.startswith('ab') }} {{ 'abc'.endswith('ab') }} {{ nope | default('d') }} {{ '' | default('d') }} {{ '' | default('d', true) }} {{ nope | d }}|",
    "{{ '' | default('d', boolean=true) }} {{ 1 | string }} {{ messages | first is mapping }} {{ (messages | last).role }} {{ [] | first is defined }}",
    "{{ messages | selectattr('role', 'equalto', 'user') | list | length }} {{ messages | rejectattr('role', 'eq', 'user') | list | length }} {{ (messages | selectattr('content') | list)[0].role }}",
    "{{ 1 is number }} {{ true is number }} {{ true is integer }} {{ 1 is integer }} {{ 'a' is string }} {{ messages is iterable }} {{ 'a' is iterable }} {{ messages[0] is mapping }} {{ messages is mapping }} {{ messages is sequence }}",
    "{{ none is none }} {{ nope is none }} {{ nope is undefined }} {{ nope is not defined }} {{ true is true }} {{ 1 is true }} {{ false is false }} {{ 3 is odd }} {{ -2 is even }} {{ 1 is eq 1 }} {{ 1 is in [1] }} {{ true is boolean }}",
    "{{ not nope is defined }} {{ 1 + 1 is number }} {{ -1 | string }} {{ 'a' is string and 'b' is string }}",
    "{{ 'a' + ' b ' | trim + 'c' }} {{ ('a' + ' b ') | trim }} {{ [1, 'a', true] | join('-') }} {{ [] | join }}|",
    "{{ strftime_now is defined }} {{ tools is none }} {{ documents is none }} {{ add_generation_prompt }} {{ bos_token }}{{ eos_token }}",
    "{% generation %}{{ 'x' }}{% endgeneration %}",
    # what is not defined
    "[{{ nope }}] [{{ nope ~ 'a' }}] [{{ nope | string }}] [{{ nope | trim }}] [{{ nope | upper }}] [{{ nope | join }}] {{ nope | length }}",
    "{% for a in nope %}x{% else %}none{% endfor %}{{ 'a' in nope }}{{ nope | list | length }}{{ nope is iterable }}{{ nope is sequence }}",
    "{% if nope %}x{% else %}y{% endif %}{{ nope or 'z' }}",
    # slices with a step
    "{% for m in messages[::-1] %}{{ m.role }} {% endfor %}{{ 'añcd'[::-1] }} {{ 'abcdef'[::2] }} {{ 'abcdef'[4:1:-2] }} {{ 'abcdef'[-1:-7:-1] }} {{ 'abcdef'[::-9] }}",
    "{{ 'abc'[::1] }} [{{ 'abc'[2:0] }}] [{{ 'abc'[0:2:-1] }}] {{ 'abcdef'[:-3:-1] }} {{ 'abcdef'[-2::-3] }} {{ 'abcdef'[100:-100:-1] }} {{ 'abc'[::none] }} {{ ''[::-1] }}",
    "{% for i in range(7)[5:0:-2] %}{{ i }}{% endfor %}{% for i in range(7)[1::3] %}{{ i }}{% endfor %}",
    # literals and operators that few templates need
    "{{ 'a' in ('a', 'b') }} {{ 1 in (2,) }} {{ () | length }} {% for x in (1, 'b') %}{{ x }}{% endfor %} {{ (1, 2)[1] }}",
    "{% for m in messages + messages %}{{ m.role[0] }}{% endfor %} {{ ([1] + [2, 3]) | join('-') }} {{ ([] + []) | length }}",
    "{{ 'ab' * 3 }} {{ 2 * 'ab' }} [{{ 'ab' * 0 }}] [{{ 'ab' * -1 }}] {{ '-' * 3 ~ '>' }} {{ +1 }} {{ 2 + +3 }}",
    "{% set d = {'a': 1, 'b': 'x', 'a': 2} %}{{ d.a }}{{ d['b'] }}{{ d.c is defined }}{{ d | length }}{{ 'b' in d }}{{ d.get('c', 7) }}{% for k in d %}{{ k }}{% endfor %}",
    "{{ {'a': 1, 'b': 2} == {'b': 2, 'a': 1} }} {{ {'a': 1} == {'a': 2} }} {{ {} is mapping }} {{ {} | length }}",
    "{% if false %}{{ 1.5 + 2e3 - 1.0e-7 }}{% endif %}ok",
    # loops that end early
    "{% for i in range(9) %}{% if i == 2 %}{% continue %}{% endif %}{% if i > 4 %}{% break %}{% endif %}{{ i }}{% endfor %}.",
    "{% for i in range(3) %}{% for j in range(3) %}{% if j > i %}{% break %}{% endif %}{{ i }}{{ j }} {% endfor %}{% endfor %}",
    "{% for i in range(3) %}{% if true %}{% break %}{% endif %}{% else %}none{% endfor %}.",
    # JSON
    "{{ 'a\"b\\\\c\\n\\t<é🦀>\\x01\\x7f/' | tojson }} {{ 1 | tojson }} {{ true | tojson }} {{ none | tojson }} {{ [1, 'a', false] | tojson }} {{ [] | tojson }}",
    "{{ messages | tojson }} {{ messages[0] | tojson }} {{ {'k': 1, 'é': none} | tojson }} {{ {} | tojson(ensure_ascii=false) }}",
]


class Generation(jinja2.ext.Extension):
    """The tag generation, which marks what a model said and prints its body."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.Scope(body, lineno=line)


def render(source, tokens, messages):
    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    environment.globals["raise_exception"] = raise_exception
    # transformers has this one, which unlike Jinja's own escapes nothing for HTML.
    environment.filters["tojson"] = lambda value, ensure_ascii=False: json.dumps(value, ensure_ascii=ensure_ascii)
    return environment.from_string(source).render(
        messages=messages,
        tools=None,
        documents=None,
        add_generation_prompt=True,
        bos_token=tokens[0],
        eos_token=tokens[1],
    )


def prompts():
    for name, tokens in TOKENS.items():
        source = (FOLDER / "chat" / f"{name}.jinja").read_text()
        for messages in CONVERSATIONS:
            case = {"template": name, "tokens": tokens, "messages": messages}
            try:
                yield case | {"prompt": render(source, tokens, messages)}
            except jinja2.exceptions.TemplateError as error:
                yield case | {"raised": str(error)}


if __name__ == "__main__":
    def lines(cases):
        return ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)

    snippets = [{"source": source, "text": render(source, ("<s>", "</s>"), MESSAGES)} for source in SNIPPETS]
    (FOLDER / "chat_prompts.json").write_text(
        f'{{"prompts": [\n{lines(prompts())}\n],\n"messages": {json.dumps(MESSAGES)},\n'
        f'"snippets": [\n{lines(snippets)}\n]}}\n'
    )
