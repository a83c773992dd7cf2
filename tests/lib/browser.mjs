// Chromium without a screen, as Debian has it: nothing is downloaded.
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import puppeteer from 'puppeteer-core';

import { scratch } from './scratch.mjs';
import { SECONDS } from './wait.mjs';

const STEP = 120 * SECONDS;
const POLL = 100;
const DOWNLOADS = 'downloads';

/** Where the program is; undefined where there is none on PATH. */
export function chromium() {
  const paths = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'chromium'));
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Starts a browser with a profile of its own. */
export function startBrowser() {
  const asRoot = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return puppeteer.launch({
    executablePath: chromium(),
    userDataDir: scratch('chromium'),
    downloadBehavior: { policy: 'allow', downloadPath: scratch(DOWNLOADS) },
    args: [...asRoot, '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--lang=en'],
  });
}

/** A page, with what it complains of and what it asks of servers. */
export class Page {
  complaints = [];
  requests = [];

  constructor(page) {
    this.page = page;
  }

  /**
   * Opens an address.
   * @param {import('puppeteer-core').Browser} browser
   * @param {string} url
   * @param {() => void} [before] runs in the page before its own scripts
   * @param {Record<string, Function>} [functions] of this process, for the page to call
   */
  static async open(browser, url, before, functions = {}) {
    const opened = new Page(await browser.newPage());
    const { page } = opened;
    page.setDefaultTimeout(STEP);
    page.on('pageerror', (error) => opened.complaints.push(`${error.message ?? error}`));
    page.on('console', (message) => {
      // A refused connection is told by Chromium itself.
      if (message.type() === 'error' && !/WebSocket connection to|Failed to load resource/.test(message.text())) opened.complaints.push(message.text());
    });
    page.on('request', (request) => opened.requests.push(request.url()));
    for (const [name, each] of Object.entries(functions)) await page.exposeFunction(name, each);
    if (before !== undefined) await page.evaluateOnNewDocument(before);
    await page.goto(url);
    return opened;
  }

  /** The text of an element. */
  text(selector) {
    return this.page.$eval(selector, (element) => element.textContent);
  }

  /**
   * Waits until an element's text is of this pattern, and returns it.
   * @param {string} selector
   * @param {RegExp} pattern
   */
  async until(selector, pattern, timeout = STEP) {
    const isThere = await this.#isSo(async () => pattern.test(await this.text(selector)), timeout);
    if (!isThere) {
      const troubles = await this.page.$$eval('.trouble', (all) => all.map(({ textContent }) => textContent));
      throw new Error(`${selector} did not become ${pattern}: it is “${await this.text(selector)}”. ${troubles.join(' ')} ${this.complaints.join(' ')}`);
    }
    return this.text(selector);
  }

  /** Puts a value in a field, as if it was written. */
  async put(selector, value) {
    await this.page.$eval(selector, (field, text) => {
      field.value = text;
      field.dispatchEvent(new Event('input', { bubbles: true }));
    }, value);
  }

  /** Presses a button once it can be. */
  async press(selector) {
    if (!await this.#isSo(() => this.page.$eval(selector, ({ disabled }) => !disabled))) throw new Error(`${selector} can't be pressed.`);
    await this.page.$eval(selector, (element) => element.click());
  }

  /** Where the browser has saved a file of this name, once it is there. */
  async saved(name) {
    const path = join(scratch(DOWNLOADS), name);
    if (!await this.#isSo(async () => existsSync(path))) throw new Error(`${name} was not saved. ${this.complaints.join(' ')}`);
    return path;
  }

  // Puppeteer's own waiting evaluates texts in the page, which its policy refuses.
  async #isSo(condition, timeout = STEP) {
    for (const end = Date.now() + timeout; Date.now() < end; await sleep(POLL)) {
      if (await condition()) return true;
    }
    return false;
  }

  /** Goes on by the tabulator until an element has the focus. */
  async tabTo(id) {
    for (let press = 0; press < 80; press += 1) {
      if (await this.page.evaluate((wanted) => document.activeElement?.id === wanted, id)) return;
      await this.page.keyboard.press('Tab');
    }
    throw new Error(`The tabulator does not lead to #${id}.`);
  }

  /** Writes down each text that an element has from now on. */
  async record(selector) {
    await this.page.evaluate((at) => {
      const element = document.querySelector(at);
      globalThis.recorded = [];
      new MutationObserver(() => globalThis.recorded.push(element.textContent)).observe(element, { childList: true, characterData: true, subtree: true });
    }, selector);
    return () => this.page.evaluate(() => globalThis.recorded);
  }

  /** By how many pixels the page is wider than its window. */
  overflow() {
    return this.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  }

  /** Sets which colours the user's system has, and how wide the window is. */
  async look(scheme, width, height = 900) {
    await this.page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    await this.page.setViewport({ width, height });
  }

  /** The least contrast of any text in the page to what is behind it, and where that is. */
  contrast() {
    return this.page.evaluate(() => {
      const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
      const light = ([r, g, b]) => [r, g, b]
        .map((value) => value / 255)
        .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
        .reduce((sum, value, at) => sum + value * [0.2126, 0.7152, 0.0722][at], 0);
      const behind = (element) => {
        for (let at = element; at !== null; at = at.parentElement) {
          const colour = channels(getComputedStyle(at).backgroundColor);
          if (colour[3] !== 0) return colour;
        }
        return [255, 255, 255];
      };
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      let least = { ratio: Infinity, text: '' };
      for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
        const element = node.parentElement;
        const isShown = element.checkVisibility?.() ?? true;
        if (node.textContent.trim() === '' || !isShown || element.closest(':disabled') !== null) continue;
        const [a, b] = [light(channels(getComputedStyle(element).color)), light(behind(element))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < least.ratio) least = { ratio, text: node.textContent.trim() };
      }
      return least;
    });
  }

  /** Fields and buttons that have no name to be read aloud. */
  unnamed() {
    return this.page.$$eval('input, select, textarea, button', (all) => all
      .filter((field) => !(field.labels?.length > 0) && !field.hasAttribute('aria-label') && field.textContent.trim() === '')
      .map(({ outerHTML }) => outerHTML));
  }
}
