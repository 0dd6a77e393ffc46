/** Colours and type of the drawing; those of dark pages where the reader prefers them. */

const LIGHT = {
  page: '#ffffff',
  panel: '#f6f8fa',
  ink: '#1f2328',
  faint: '#59636e',
  line: '#d9dee4',
  pause: '#e4e8ee',
  wave: '#9db4cf',
  reference: '#b3590a',
  learner: '#0a58ca',
  good: '#c9ecd2',
  fair: '#fbe8b3',
  poor: '#fbd3cc',
}

const DARK: typeof LIGHT = {
  page: '#0d1117',
  panel: '#151b23',
  ink: '#f0f3f6',
  faint: '#9aa4af',
  line: '#2b323b',
  pause: '#232b35',
  wave: '#46627f',
  reference: '#ffa657',
  learner: '#6cb6ff',
  good: '#1c4a2b',
  fair: '#574614',
  poor: '#5f2622',
}

/** Without CSS variables: some programs that draw SVG do not know them. */
export function styleSheet(): string {
  return `${rules(LIGHT)}@media (prefers-color-scheme:dark){${rules(DARK)}}`
}

function rules(colour: typeof LIGHT): string {
  return [
    `text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:${colour.ink}}`,
    `.faint{fill:${colour.faint}}`,
    `.page{fill:${colour.page}}`,
    `.panel{fill:${colour.panel}}`,
    `.grid{stroke:${colour.line};stroke-width:1;fill:none}`,
    `.pause{fill:${colour.pause}}`,
    `.wave{fill:${colour.wave}}`,
    '.contour{fill:none;stroke-linecap:round;stroke-linejoin:round}',
    `.reference{stroke:${colour.reference};stroke-width:4;opacity:.65}`,
    `.learner{stroke:${colour.learner};stroke-width:2.5}`,
    '.fine{stroke-width:1.25}',
    `.box{fill:${colour.panel};stroke:${colour.line}}`,
    `.good{fill:${colour.good}}.fair{fill:${colour.fair}}.poor{fill:${colour.poor}}`,
  ].join('')
}
