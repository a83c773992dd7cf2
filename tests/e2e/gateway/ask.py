"""Asks a gateway with OpenAI's package for Python, as programs do, and prints what came of it as JSON."""

import json
import sys

import openai

GERMAN = "Wo ist hier bitte der nächste Bahnhof?"
MESSAGES = [{"role": "user", "content": GERMAN}]

client = openai.OpenAI(max_retries=0, timeout=300)


def models():
    return [model.id for model in client.models.list()]


def chat():
    reply = client.chat.completions.with_raw_response.create(model="common-lingua", messages=MESSAGES, seed=7, extra_body={"seats": 3})
    completion = reply.parse()
    choice = completion.choices[0]
    return {
        "content": choice.message.content,
        "finish": choice.finish_reason,
        "usage": completion.usage.total_tokens,
        "sibyl": completion.sibyl,
        "job": reply.headers["x-sibyl-job"],
    }


def stream():
    text, phases, finish, usage = "", [], None, None
    options = {"include_usage": True}
    for chunk in client.chat.completions.create(model="common-lingua", messages=MESSAGES, stream=True, stream_options=options):
        if chunk.usage is not None:
            usage = chunk.usage.total_tokens
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
        phases.append((getattr(chunk, "sibyl", None) or {}).get("phase"))
    return {"text": text, "finish": finish, "usage": usage, "phases": [phase for phase in phases if phase]}


def errors():
    asked = {
        "model": {"model": "gpt-4o", "messages": MESSAGES},
        "tools": {"model": "common-lingua", "messages": MESSAGES, "tools": [{"type": "function", "function": {"name": "f"}}]},
    }
    told = {}
    for name, request in asked.items():
        try:
            client.chat.completions.create(**request)
        except openai.APIStatusError as error:
            told[name] = {"type": type(error).__name__, "code": error.code, "param": error.param}
    return told


def embeddings():
    texts = ["The cat sits on the mat.", "A cat is sitting on a rug.", "Interest rates rose again."]
    reply = client.embeddings.create(model="minilm", input=texts)
    floats = client.embeddings.create(model="minilm", input=texts[0], encoding_format="float")
    return {"vectors": [vector.embedding for vector in reply.data], "float": floats.data[0].embedding}


print(json.dumps(globals()[sys.argv[1]](), ensure_ascii=False))
