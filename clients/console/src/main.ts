// The page: one connection, and the parts that show it.
import { connect, type Network, type Sibyl } from '@sibyl/client';

import { AskView, type Asked } from './ask-view.js';
import { byId, fill, tell } from './dom.js';
import { FeedsView } from './feeds-view.js';
import { History } from './history.js';
import { HistoryView } from './history-view.js';
import { JobView } from './job-view.js';
import type { Light } from './light.js';
import { showModels } from './models-view.js';
import { NetworkView } from './network-view.js';
import { questionOf, titleOf } from './request.js';
import { SpecDialog } from './spec-dialog.js';
import { PlainError } from './trouble.js';
import { showTrouble } from './trouble-view.js';
import { ValidatorsView } from './validators-view.js';

const MODELS_EVERY = 30_000;

/** A connection that the page shows. */
interface Connection {
  sibyl: Sibyl;
  network: Network;
  abort: AbortController;
  close(): Promise<void>;
}

const state = byId('state', HTMLElement);
const trouble = byId('connect-trouble', HTMLElement);
const connectButton = byId('connect', HTMLButtonElement);
const lightButton = byId('connect-light', HTMLButtonElement);
const disconnectButton = byId('disconnect', HTMLButtonElement);

let connection: Connection | undefined;
// Kept beside a node, so that further jobs are verified at once.
let light: Light | undefined;

const dialog = new SpecDialog();
const networkView = new NetworkView();
const validators = new ValidatorsView();
const feeds = new FeedsView();
const history = new History(storage(), () => {
  showTrouble(trouble, new PlainError('This browser does not store your list of jobs.', 'Allow this page to store data, or note the fingerprints yourself.'));
});
const jobView = new JobView({
  history,
  async light() {
    // One of another chain is of no use any more.
    if (light !== undefined && (await light.sibyl.network()).genesis !== connection?.network.genesis) {
      await light.stop();
      light = undefined;
    }
    light ??= await dialog.open();
    return light;
  },
  changed() {
    historyView.show();
    void validators.load();
  },
});
const historyView = new HistoryView(history, (entry) => {
  if (connection !== undefined) void jobView.reopen(connection.sibyl, entry);
});
const askView = new AskView(asked);

byId('connect-form', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault();
  void begin('Connecting to the node…', async () => {
    const sibyl = await connect({ url: byId('url', HTMLInputElement).value.trim() });
    return { sibyl, close: () => sibyl.close() };
  });
});
lightButton.addEventListener('click', () => void begin('The light client starts…', async () => {
  const started = await dialog.open();
  return started && { sibyl: started.sibyl, close: () => started.stop() };
}));
disconnectButton.addEventListener('click', () => void end('Not connected.'));

/** Connects, and shows what there is; `open` gives undefined where the user changed their mind. */
async function begin(saying: string, open: () => Promise<Pick<Connection, 'sibyl' | 'close'> | undefined>): Promise<void> {
  await end(saying);
  fill(trouble);
  buttons(true);
  try {
    const opened = await open();
    if (opened === undefined) {
      tell(state, 'Not connected.');
      return;
    }
    const network = await opened.sibyl.network().catch(async (error: unknown) => {
      await opened.close();
      throw error;
    });
    const current = { ...opened, network, abort: new AbortController() };
    connection = current;
    show(current);
  } catch (error) {
    tell(state, 'Not connected.');
    showTrouble(trouble, error);
  } finally {
    buttons(false);
  }
}

function show(current: Connection): void {
  const { sibyl, network, abort } = current;
  tell(state, `Connected to ${network.name}.`);
  askView.use(sibyl, network);
  historyView.use(network.genesis);
  validators.use(sibyl);
  feeds.use(sibyl);
  const failed = async (error: unknown) => {
    if (current !== connection) return;
    await end('The connection has ended.');
    showTrouble(trouble, error);
  };
  let before = '';
  const models = () => sibyl.models().then((all) => {
    // What has not changed stays, with what is open and has the focus there.
    const now = JSON.stringify(all, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value));
    if (current !== connection || now === before) return;
    before = now;
    showModels(all);
    askView.offer(all);
    feeds.know(all);
  });
  models().catch(failed);
  const timer = setInterval(() => void models().catch(() => {}), MODELS_EVERY);
  abort.signal.addEventListener('abort', () => clearInterval(timer));
  networkView.show(sibyl, network, abort.signal).catch(failed);
}

async function end(saying: string): Promise<void> {
  tell(state, saying);
  const ended = connection;
  connection = undefined;
  askView.use(undefined);
  historyView.use(undefined);
  validators.use(undefined);
  feeds.use(undefined);
  jobView.close();
  showModels(undefined);
  disconnectButton.hidden = true;
  ended?.abort.abort();
  await ended?.close();
}

function buttons(isBusy: boolean): void {
  connectButton.disabled = isBusy;
  lightButton.disabled = isBusy;
  disconnectButton.hidden = connection === undefined;
}

function asked({ job, model, request: { input, options }, account }: Asked): void {
  if (connection === undefined) return;
  const { sibyl, network: { genesis } } = connection;
  const entry = {
    fingerprint: job.fingerprint,
    genesis,
    model: model.name,
    title: titleOf(input),
    question: questionOf(model.id, account.key, input, options),
    askedAt: Date.now(),
    outcome: null,
    proven: null,
  };
  history.add(entry);
  historyView.show();
  jobView.show(sibyl, genesis, job, entry);
}

/** The browser's storage; undefined where it gives none. */
function storage(): Storage | undefined {
  try {
    return localStorage;
  } catch {
    return undefined;
  }
}

window.addEventListener('pagehide', () => {
  void connection?.close();
  void light?.stop();
});
