// Charts as plain SVG: time along, one line for each node, one panel for each quantity.

const [WIDTH, HEIGHT, GAP, LEFT] = [720, 160, 44, 70];
const COLOURS = ['#1b6ca8', '#c8553d', '#2a9d5c', '#8a5aa8', '#b58a00', '#007c80', '#d1478c', '#555555'];

/**
 * @param {{ title: string, unit: string, lines: Map<string, [number, number][]> }[]} panels each with lines by their names:
 *   minutes and values
 * @returns {string} the SVG
 */
export function chart(panels) {
  const names = [...new Set(panels.flatMap(({ lines }) => [...lines.keys()]))];
  const colourOf = (name) => COLOURS[names.indexOf(name) % COLOURS.length];
  const drawn = panels.map((panel, index) => drawPanel(panel, GAP + index * (HEIGHT + GAP), colourOf));
  const legend = names.map((name, index) =>
    text(LEFT + index * 90, 18, name, `fill="${colourOf(name)}" font-weight="bold"`));
  const height = GAP + panels.length * (HEIGHT + GAP);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH + LEFT + 20}" height="${height}" font-family="sans-serif" font-size="11">\n` +
    `<rect width="100%" height="100%" fill="white"/>\n${legend.join('\n')}\n${drawn.join('\n')}\n</svg>\n`;
}

function drawPanel({ title, unit, lines }, top, colourOf) {
  const points = [...lines.values()].flat();
  const lastMinute = Math.max(1, ...points.map(([minute]) => minute));
  const highest = Math.max(1, ...points.map(([, value]) => value));
  const x = (minute) => LEFT + minute / lastMinute * WIDTH;
  const y = (value) => top + HEIGHT - value / highest * HEIGHT;
  const drawn = [...lines].map(([name, each]) => {
    const path = each.map(([minute, value]) => `${x(minute).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
    return `<polyline fill="none" stroke="${colourOf(name)}" stroke-width="1.5" points="${path}"/>`;
  });
  return [
    text(LEFT, top - 6, `${title}, ${unit}`, ''),
    `<rect x="${LEFT}" y="${top}" width="${WIDTH}" height="${HEIGHT}" fill="none" stroke="#cccccc"/>`,
    text(LEFT - 6, top + 10, round(highest), 'text-anchor="end"'),
    text(LEFT - 6, top + HEIGHT, '0', 'text-anchor="end"'),
    text(LEFT + WIDTH, top + HEIGHT + 14, `${Math.round(lastMinute)} min`, 'text-anchor="end"'),
    ...drawn,
  ].join('\n');
}

const round = (value) => `${value >= 10 ? Math.round(value) : value.toFixed(1)}`;
const text = (x, y, words, attributes) => `<text x="${x}" y="${y}" ${attributes}>${words}</text>`;
