// The table of `make test-faults`.

const HEADINGS = [
  'fault', 'jobs asked', 'agreed', 'given back', 'lost', 'wrong answers', 'funds lost', 'conflicting finality', 'seats charged', 'seconds to catch up',
];

/**
 * Rows as Markdown, the newest of each fault, and the notes below.
 * @param {Record<string, any>[]} rows as `fault` records them
 */
export function tableOf(rows) {
  const newest = [...new Map(rows.map((row) => [row.fault, row])).values()];
  const lines = [HEADINGS, HEADINGS.map(() => '---'), ...newest.map(cellsOf)];
  const table = lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
  const notes = newest.flatMap((row) => notesOf(row).map((note) => `- ${row.fault}: ${note}`));
  const skipped = newest.filter((row) => row.skipped).length;
  const failed = newest.filter((row) => row.failure).length;
  return `${table}\n\n${newest.length} cases, ${failed} of them failed, ${skipped} SKIPPED.\n\n${notes.join('\n')}\n`;
}

function cellsOf(row) {
  const { fault, skipped, failure, asked, agreed, unanswered, lost, wrong, fundsLost, conflicts, charges, catchUp } = row;
  const rest = HEADINGS.length - 2;
  if (skipped) return [fault, `SKIPPED: ${skipped}`, ...Array(rest).fill('')];
  if (failure) return [fault, `FAILED: ${failure.replaceAll('|', '\\|')}`, ...Array(rest).fill('')];
  const seconds = catchUp.length === 0 ? '' : catchUp.map((each) => Math.round(each)).join(', ');
  return [fault, asked, agreed, unanswered.length, lost, wrong, fundsLost, conflicts, charges.length, seconds];
}

function notesOf({ notes = [], charges = [], unanswered = [], again, secondRounds, late }) {
  return [
    ...notes,
    ...unanswered.length > 0 ? [`without an answer and given back: ${unanswered.join('; ')}`] : [],
    ...secondRounds ? [`second rounds: ${secondRounds}`] : [],
    ...again ? [`${again} questions were in no pool any more and were sent again`] : [],
    ...late ? [`${late} jobs ended after their last block`] : [],
    ...charges.length > 0 ? [`charged ${charges.join('; ')}`] : [],
  ];
}
