"""llama.cpp's probabilities on small models of random weights: llamacpp_logits.py MODELS OUT.

For each MODELS/NAME.gguf it writes OUT/NAME.f32, f32 in little-endian: the logarithms of the probabilities of all tokens, by
their ids, behind each of some prompts.
"""

import json

from each_file import main

# The test that reads the data has the same ones.
TOKENS = [1, 11, 35, 63, 29, 5, 49, 67, 49, 19, 59, 17, 45, 61, 61, 3, 0, 8, 66, 2]
PROMPTS = [7, 12, 20]
VOCABULARY = 70


def logarithms(path):
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = path
    parameters.n_ctx = 256
    parameters.n_parallel = 1
    parameters.warmup = False
    parameters.cpuparams.n_threads = 1
    parameters.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(parameters)
    for length in PROMPTS:
        reply = server.handle_completions(
            {
                "prompt": TOKENS[:length],
                "n_predict": 1,
                "n_probs": VOCABULARY,
                "temperature": 0,
                "cache_prompt": False,
                "ignore_eos": True,
            }
        )
        reply = reply if isinstance(reply, dict) else json.loads(reply)
        (token,) = reply["choices"][0]["logprobs"]["content"]
        by_id = {entry["id"]: entry["logprob"] for entry in token["top_logprobs"]}
        assert sorted(by_id) == list(range(VOCABULARY)), sorted(by_id)
        yield from (by_id[id] for id in range(VOCABULARY))


if __name__ == "__main__":
    main(logarithms)
