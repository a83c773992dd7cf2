// A reporter of node's test runner: a line of JSON for each test or suite that was skipped, [its name, why].
import { relative } from 'node:path';

export default async function* skipped(events) {
  for await (const { type, data } of events) {
    const isSkipped = (type === 'test:pass' || type === 'test:fail') && data.skip !== undefined && data.skip !== false;
    if (!isSkipped) continue;
    const file = data.file === undefined ? '' : `${relative(process.cwd(), data.file)}: `;
    yield `${JSON.stringify([`${file}${data.name}`, data.skip === true ? 'no reason given' : data.skip])}\n`;
  }
}
