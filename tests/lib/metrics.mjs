import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const read = (path) => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');

/** Words of PromQL that stand where a metric may. */
const WORDS = new Set(['and', 'or', 'unless', 'offset', 'bool']);

/** The expressions of the dashboard. */
export const dashboardExpressions = () => JSON.parse(read('packaging/grafana/sibyl.json')).panels
  .flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

/** The expressions of the alerts, each of which is one line. */
export const alertExpressions = () => [...read('packaging/prometheus/alerts.yml').matchAll(/^ +expr: (.+)$/gm)].map(([, expr]) => expr);

/** The names and types of the metrics in docs/metrics.md. */
export const documentedMetrics = () => new Map(
  [...read('docs/metrics.md').matchAll(/^\| `(\w+)` \| (\w+) \|/gm)].map(([, name, type]) => [name, type]),
);

/** The verdicts that docs/metrics.md lists as refusals of ballots. */
export const documentedRefusals = () => {
  const [, list] = read('docs/metrics.md').match(/^Verdicts that refuse: ([^]*?)\.\s/m);
  return [...list.matchAll(/`(\w+)`/g)].map(([, name]) => name);
};

/** Those that the program has. */
export const refusals = () => [...read('node/votes/src/judge.rs').matchAll(/^\s+Self::\w+ => "(\w+)",$/gm)].map(([, name]) => name);

/** Whether a metric is the gateway's, which a node does not show. */
export const isOfGateway = (name) => name.startsWith('sibyl_gateway_');

/**
 * The names of the node's own metrics, and the gateway's, in the program's source. A counter with labels is not among what a node shows before its
 * first event, which may need another node.
 */
export const declaredMetrics = () => new Set(
  ['node/src/inference/metrics.rs', 'node/src/service/equivocation.rs', 'node/files/src/metrics.rs', 'node/user/src/gateway/metrics.rs'].flatMap((path) => (
    [...read(path).matchAll(/"((?:inference|sibyl)_\w*[a-z])"/g)].map(([, name]) => name)
  )),
);

/**
 * The names and types of the metrics that a node shows.
 * @param {string} text in Prometheus' format
 */
export const shownMetrics = (text) => new Map([...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name, type]) => [name, type]));

/**
 * The names of the series in an expression of PromQL.
 * @param {string} expression
 */
export function seriesOf(expression) {
  const bare = expression
    .replace(/"[^"]*"/g, '')
    .replace(/\{[^}]*\}|\[[^\]]*\]/g, ' ')
    .replace(/\b(by|without|on|ignoring|group_left|group_right) *\([^)]*\)/g, ' ');
  return [...bare.matchAll(/\b([a-zA-Z_]\w*)\b(?! *\()/g)].map(([, word]) => word).filter((word) => !WORDS.has(word));
}

/**
 * Whether a series is of one of the metrics: a histogram has several.
 * @param {string} series
 * @param {Map<string, string>} metrics their names and types
 */
export const isSeriesOf = (series, metrics) => (
  metrics.has(series) || metrics.get(series.replace(/_(bucket|sum|count)$/, '')) === 'histogram'
);
