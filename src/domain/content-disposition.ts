/**
 * A download's header (RFC 6266): the name in UTF-8 for today's clients, and in plain ASCII for the others. Quotes, line
 * breaks and paths cannot get out of it, whatever the name.
 */
export function formatDisposition(filename: string | null): string {
  const name = cleanName(filename ?? '')
  if (name === '') return 'attachment'
  const ascii = name.replace(/[^\x20-\x7e]|["\\%]/gu, '_')
  const extended = encodeURIComponent(name).replace(/['()*]/g, (char) => `%${char.charCodeAt(0).toString(16)}`)
  return ascii === name
    ? `attachment; filename="${ascii}"`
    : `attachment; filename="${ascii}"; filename*=UTF-8''${extended}`
}

/** The last segment without control and direction characters, well formed, not hidden, at most 150 characters. */
function cleanName(filename: string): string {
  const last = filename.toWellFormed().split(/[/\\]/).at(-1) ?? ''
  const plain = last.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '').replace(/^[.\s]+|\s+$/g, '')
  return [...plain].slice(0, 150).join('')
}
