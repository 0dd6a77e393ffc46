/** The small parts of a drawing: escaped text, numbers, paths. */

/** Text for between tags and in attributes; characters that XML has no place for are left out. */
export function escapeXml(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '')
    .replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
}

/** A coordinate to a tenth of a pixel. */
export function px(value: number): string {
  return String(Math.round(value * 10) / 10)
}

/** On one line and no wider than about `width` pixels, with an ellipsis; empty when not even one letter fits. */
export function fitText(text: string, width: number, fontSize: number): string {
  const chars = [...text.replace(/\s+/g, ' ').trim()]
  const ellipsis = widthOf('…')
  let used = 0
  let fitting = 0
  for (const [i, char] of chars.entries()) {
    used += widthOf(char)
    if (used * fontSize > width) return fitting === 0 ? '' : `${chars.slice(0, fitting).join('').trimEnd()}…`
    if ((used + ellipsis) * fontSize <= width) fitting = i + 1
  }
  return chars.join('')
}

/** About; what a sans-serif face needs on average. */
export function textWidth(text: string, fontSize: number): number {
  return [...text].reduce((sum, char) => sum + widthOf(char), 0) * fontSize
}

/** In ems. */
function widthOf(char: string): number {
  if (char.codePointAt(0)! >= 0x2e80) return 1
  if (/[ilj.,;:'|!()[\]]/.test(char)) return 0.32
  return /[mwMW@…—]/.test(char) ? 0.88 : 0.58
}

export interface Dot {
  readonly x: number
  readonly y: number
}

/** Lines through runs of dots; undefined is a gap, and a dot alone stays a dot. */
export function linePath(dots: Iterable<Dot | undefined>): string {
  let path = ''
  let open = false
  for (const dot of dots) {
    if (dot === undefined) open = false
    else {
      path += open ? `L${px(dot.x)} ${px(dot.y)}` : `M${px(dot.x)} ${px(dot.y)}h0`
      open = true
    }
  }
  return path
}

/** Round numbers within a range, at most about `most` of them. */
export function ticks(low: number, high: number, most: number): number[] {
  const rough = (high - low) / Math.max(1, most)
  if (!(rough > 0)) return []
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough) ?? rough
  const first = Math.ceil(low / step - 1e-9)
  const count = Math.floor(high / step + 1e-9) - first + 1
  return Array.from({ length: Math.max(0, count) }, (_, i) => Number(((first + i) * step).toFixed(9)))
}
