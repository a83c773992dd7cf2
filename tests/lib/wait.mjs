export const SECONDS = 1000;
export const MINUTES = 60 * SECONDS;

/**
 * Resolves with the first value of a subscription that `accept` takes; rejects when `accept` throws, or when
 * the time is up, saying what was waited for and what was seen last.
 * @template T
 * @param {string} what completes "Waited in vain for …"
 * @param {(next: (value: T) => void) => Promise<() => void>} subscribe
 * @param {(value: T) => boolean | Promise<boolean>} accept
 * @param {{ timeout?: number, show?: (value: T) => string }} [options]
 * @returns {Promise<T>}
 */
export function until(what, subscribe, accept, { timeout = 2 * MINUTES, show = String } = {}) {
  return new Promise((resolve, reject) => {
    let last = 'nothing';
    let over = false;
    const end = (settle, outcome) => {
      over = true;
      clearTimeout(timer);
      settle(outcome);
      subscription.then((unsubscribe) => unsubscribe()).catch(() => {});
    };
    const fail = (error) => end(reject, error);

    const consider = async (value) => {
      if (over) return;
      last = show(value);
      if (await accept(value)) end(resolve, value);
    };
    // One value at a time and in order, though `accept` may have to ask the node.
    let queue = Promise.resolve();
    const next = (value) => {
      queue = queue.then(() => consider(value)).catch(fail);
    };

    const timer = setTimeout(() => {
      fail(new Error(`Waited in vain for ${what}: ${timeout / SECONDS} s are over, seen last: ${last}`));
    }, timeout);
    const subscription = subscribe(next);
    subscription.catch(fail);
  });
}
