import { startEngine } from '#smoldot';
import { createClient, type PolkadotClient } from 'polkadot-api';
import { getSmProvider } from 'polkadot-api/sm-provider';
import type { Client as Smoldot } from 'polkadot-api/smoldot';
import { createWsClient, SocketEvents, WsEvent, type WebSocketClass } from 'polkadot-api/ws';

import { Chain } from './chain.js';
import { Sibyl } from './client.js';
import { messageOf, SibylError } from './errors.js';
import { checkNames, checkObject, show } from './names.js';
import type { Engine } from './smoldot.js';

/** Over a node's JSON-RPC. What it says is its word, other than what `verify` proves. */
export interface NodeOptions {
  /** Where the node's JSON-RPC is, such as `ws://127.0.0.1:9944`. */
  url: string;
  /** Milliseconds until there must be an answer; 15 s where they are left out. */
  timeout?: number;
}

/** Over a light client, which finds peers by itself and verifies all that it reads. */
export interface LightClientOptions {
  /**
   * The chain's specification with boot nodes, as `sibyl-node export-chain-spec --raw` writes it: JSON, or what that
   * is parsed to.
   */
  chainSpec: string | object;
  /** Further boot nodes, as multiaddresses. In a browser they must be reachable by WebSocket. */
  bootNodes?: readonly string[];
  /** A client of smoldot that runs already, in a worker for example; it is not ended by `close`. */
  smoldot?: Smoldot;
  /** Milliseconds until it must have synced; two minutes where they are left out. */
  timeout?: number;
}

const NODE_TIMEOUT = 15_000;
const LIGHT_CLIENT_TIMEOUT = 120_000;

/** Connects to a node, or by a light client. */
export async function connect(options: NodeOptions | LightClientOptions): Promise<Sibyl> {
  checkObject(options, 'connect', 'given an object with a url or a chainSpec');
  const { url, chainSpec } = options as Partial<NodeOptions & LightClientOptions>;
  if ((url === undefined) === (chainSpec === undefined)) {
    checkNames(options, ['url', 'chainSpec', 'bootNodes', 'smoldot', 'timeout'], 'connect');
    throw new SibylError(
      'InvalidArgument',
      'connect takes a url of a node, or a chainSpec for a light client, one of them.',
    );
  }
  return url === undefined ? connectLight(options as LightClientOptions) : connectNode(options as NodeOptions);
}

async function connectNode(options: NodeOptions): Promise<Sibyl> {
  checkNames(options, ['url', 'timeout'], 'connect to a node');
  const { url, timeout = NODE_TIMEOUT } = options;
  if (typeof url !== 'string' || !/^wss?:\/\//.test(url)) {
    throw new SibylError('InvalidArgument', `url begins with ws:// or wss://, unlike ${show(url)}.`);
  }
  const websocketClass = (globalThis.WebSocket ?? (await import('ws')).WebSocket) as WebSocketClass;
  let failure = 'it refuses the connection, or is none';
  let refused = (_: SibylError) => {};
  const refusal = new Promise<never>((_, reject) => {
    refused = reject;
  });
  // Nobody waits for it any more, once it was there.
  refusal.catch(() => {});
  const client = createWsClient(url, {
    websocketClass,
    timeout,
    logger: (event) => {
      if (event.type === SocketEvents.ERROR && event.error?.message) failure = messageOf(event.error);
    },
    // Later polkadot-api connects again by itself.
    onStatusChanged: ({ type }) => {
      if (type === WsEvent.ERROR || type === WsEvent.CLOSE)
        refused(new SibylError('Unreachable', `No node answers at ${url}: ${failure}.`));
    },
  });
  const chain = new Chain(client, 'node', `The node at ${url}`, async () => {});
  return ready(chain, Promise.race([refusal, chain.finalized(timeout)]), url);
}

async function connectLight(options: LightClientOptions): Promise<Sibyl> {
  checkNames(options, ['chainSpec', 'bootNodes', 'smoldot', 'timeout'], 'connect by a light client');
  const { timeout = LIGHT_CLIENT_TIMEOUT } = options;
  const spec = chainSpecOf(options);
  const { smoldot, failure, free } = options.smoldot === undefined ? await startEngine() : borrowed(options.smoldot);
  let client: PolkadotClient;
  try {
    const added = await Promise.race([failure, smoldot.addChain({ chainSpec: JSON.stringify(spec) })]);
    client = createClient(getSmProvider(() => added));
  } catch (error) {
    await free();
    throw new SibylError('InvalidArgument', `The light client can't take this chainSpec: ${messageOf(error)}.`, {
      cause: error,
    });
  }
  const chain = new Chain(client, 'light client', `The light client of ${spec.name ?? 'the chain'}`, free);
  return ready(chain, Promise.race([failure, chain.finalized(timeout)]), `any boot node of ${spec.name ?? 'the chain'}`);
}

/** Not ours to end. */
const borrowed = (smoldot: Smoldot): Engine => ({
  smoldot,
  failure: new Promise<never>(() => {}),
  free: async () => {},
});

function chainSpecOf({ chainSpec, bootNodes = [] }: LightClientOptions): { name?: string; bootNodes: string[] } {
  let spec: unknown = chainSpec;
  try {
    if (typeof chainSpec === 'string') spec = JSON.parse(chainSpec);
  } catch (error) {
    throw new SibylError('InvalidArgument', `chainSpec is not JSON: ${messageOf(error)}.`);
  }
  checkObject(spec, 'chainSpec', 'the JSON of a chain specification');
  const all = [...(Array.isArray(spec.bootNodes) ? spec.bootNodes : []), ...bootNodes] as string[];
  if (all.length === 0) {
    throw new SibylError(
      'InvalidArgument',
      'chainSpec has no boot nodes, so a light client finds no peer: give bootNodes, such as /ip4/127.0.0.1/tcp/30333/p2p/12D3….',
    );
  }
  return { ...spec, bootNodes: [...new Set(all)] };
}

async function ready(chain: Chain, first: Promise<unknown>, where: string): Promise<Sibyl> {
  try {
    await first;
    await chain.checkVersion();
    return new Sibyl(chain);
  } catch (error) {
    await chain.close();
    if (error instanceof SibylError && error.code === 'Timeout') {
      throw new SibylError('Unreachable', `No answer from ${where} in time: ${error.message}`, { cause: error });
    }
    throw error;
  }
}
