// A committee as a table: a row for each seat, filled as blocks come.
import type { SeatVote } from '@sibyl/client';

import { el } from './dom.js';
import type { Seat, SeenCommittee } from './seats.js';

const VOTES: Record<SeatVote, string> = { missing: '○ nothing yet', abstained: '– abstained', committed: '◐ committed', revealed: '● revealed' };

/** The table of a committee; what came in the newest block is set off. */
export function committeeTable({ round, drawnAt, serving, seats }: SeenCommittee, newest: number): HTMLElement {
  const caption = `${round === 0 ? 'First' : 'Second'} committee, drawn in #${drawnAt}: ${seats.length} of ${serving} that serve the model`;
  return el('table', {},
    el('caption', {}, caption),
    el('thead', {}, el('tr', {}, ...['Seat', 'Vote', 'Committed', 'Revealed'].map((name) => el('th', { scope: 'col' }, name)))),
    el('tbody', {}, ...seats.map((seat) => row(seat, newest))));
}

function row(seat: Seat, newest: number): HTMLElement {
  const { validator, vote, committedAt, revealedAt, reason, agrees } = seat;
  const why = reason === null ? '' : `: ${reason}`;
  const other = agrees === false ? ', another answer' : '';
  const revealed = vote === 'revealed';
  return el('tr', {},
    el('th', { scope: 'row', class: 'hash', title: validator }, short(validator)),
    el('td', { 'data-label': 'Vote', 'data-vote': vote }, `${VOTES[vote]}${why}${other}`),
    el('td', { 'data-label': 'Committed', class: committedAt === newest ? 'fresh' : '' }, when(committedAt, revealed || vote === 'committed')),
    el('td', { 'data-label': 'Revealed', class: revealedAt === newest ? 'fresh' : '' }, when(revealedAt, revealed)));
}

const when = (block: number | null, happened: boolean): string => (block === null ? (happened ? 'earlier' : '–') : `#${block}`);

/** An address by its ends. */
export const short = (address: string): string => (address.length > 16 ? `${address.slice(0, 8)}…${address.slice(-6)}` : address);
