import { copyFileSync, existsSync, linkSync, mkdirSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { scratch } from './scratch.mjs';

/** Where `make models` installs models; `SIBYL_MODELS` names another folder. */
export const MODELS_PATH = process.env.SIBYL_MODELS ?? join(homedir(), '.cache/sibyl/models');

/** The files of models, by the name that the chain knows these by. */
const FILES = {
  smollm2: ['b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53'],
  minilm: [
    '53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db',
    'be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037',
  ],
};

/** Whether a model is installed; throws where it is not and `SIBYL_REQUIRE_MODELS` says that no test is skipped for that. */
export function isInstalled(model) {
  const isThere = FILES[model].every((file) => existsSync(join(MODELS_PATH, file)));
  if (!isThere && process.env.SIBYL_REQUIRE_MODELS) {
    throw new Error(`${model} is not installed in ${MODELS_PATH}, and SIBYL_REQUIRE_MODELS lets no test be skipped for that: make models`);
  }
  return isThere;
}

/** Models that this machine is too slow for, as `run.mjs` found before all tests: why, by the name. */
const TOO_SLOW = JSON.parse(process.env.SIBYL_TOO_SLOW ?? '{}');

/** Why no node of a test can serve a model here, for `skip`; false where it can. Throws as `isInstalled` does. */
export function whyUnserved(model) {
  if (!isInstalled(model)) return `${model} is not installed: make models`;
  return TOO_SLOW[model] ?? false;
}

/** Has in a folder the files of all models that are installed. */
export function linkModels(folder) {
  mkdirSync(folder, { recursive: true });
  for (const file of Object.values(FILES).flat()) {
    if (existsSync(join(MODELS_PATH, file))) linkOrCopy(join(MODELS_PATH, file), join(folder, file));
  }
}

function linkOrCopy(from, to) {
  try {
    linkSync(from, to);
  } catch {
    // Another file system.
    copyFileSync(from, to);
  }
}

/** A folder of a node's own, in which a model can be installed and removed. */
export class OwnModels {
  #model;

  constructor(model, name) {
    this.#model = model;
    this.folder = scratch(`models-${name}`);
  }

  install() {
    for (const file of FILES[this.#model]) linkOrCopy(join(MODELS_PATH, file), join(this.folder, file));
  }

  /** As `install`, by files that can be written to without harm to others. */
  copy() {
    for (const file of FILES[this.#model]) copyFileSync(join(MODELS_PATH, file), join(this.folder, file));
  }

  /** Where its files are, or would be. */
  get files() {
    return FILES[this.#model].map((file) => join(this.folder, file));
  }

  remove() {
    FILES[this.#model].forEach((file) => rmSync(join(this.folder, file)));
  }
}
