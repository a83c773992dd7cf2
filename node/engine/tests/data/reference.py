"""Fills in the last two columns of sentences.tsv: the label and the scores of the numpy forward pass.

    python3 reference.py CL_NP SRC < sentences.tsv > filled.tsv && mv filled.tsv sentences.tsv

CL_NP is cl_np.py, the forward pass, and SRC the src/ folder of the crate common-lingua 0.2.3. Needs numpy and
safetensors. The mask is read from the crate's source: softmax over its languages only. Tab-separated columns: the
sentence's language, the sentence, the reference's label, its five best labels as label:probability.
"""

import pathlib
import re
import runpy
import sys

script, src = sys.argv[1:]
sys.argv = [script, src]
reference = runpy.run_path(script)
source = (pathlib.Path(__file__).parents[2] / "src/models/common_lingua.rs").read_text()
languages = re.findall(r'"(\w+)"', re.search(r"LANGUAGES: \[&str; \d+\] = \[(.*?)\];", source, re.S)[1])
mask = [reference["LANGS"].index(language) for language in languages]

for line in sys.stdin.read().splitlines():
    language, sentence = line.split("\t")[:2]
    # The probabilities under the mask: those of the whole softmax, made to sum to one again.
    p = reference["predict"](sentence)[mask]
    is_known = p.sum() >= 1 / 1024
    p = p / p.sum()
    best = sorted(range(len(mask)), key=lambda i: -p[i])[:5]
    scores = ",".join(f"{languages[i]}:{p[i]:.7f}" for i in best)
    print(language, sentence, languages[best[0]] if is_known else "und", scores, sep="\t")
