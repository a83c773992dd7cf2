// What a feed says, in plain words.
import type { Feed } from '@sibyl/client';

import { shown } from './answer.js';

/** Seconds from a block to the next. */
const BLOCK = 3;
const MINUTE = 60;
const HOUR = 60 * MINUTE;

/** What a feed's committee said last, in a line; empty before it said anything. */
export function answerOf({ latest, options: { format } }: Pick<Feed, 'latest' | 'options'>): string {
  if (latest === null) return '';
  return shown({ ...latest, refusal: null, status: 'agreed', audit: { status: 'none' } }, 'choice' in format ? format.choice : []).answer ?? '';
}

/** How old an answer is. */
export function ageSentence(blocks: number): string {
  const seconds = blocks * BLOCK;
  const about = seconds < 2 * MINUTE ? `${seconds} s` : seconds < 2 * HOUR ? `${Math.round(seconds / MINUTE)} min` : `${Math.round(seconds / HOUR)} h`;
  return blocks === 0 ? 'Of this block.' : `${blocks} ${blocks === 1 ? 'block' : 'blocks'} ago, about ${about}.`;
}
