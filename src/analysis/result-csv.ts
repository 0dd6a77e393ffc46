/** A result as a table for spreadsheets and statistics programs. */
import type { FormatInputs } from './result-needs.ts'

/**
 * `time_s,f0_hz,intensity_db`, one row per pitch frame. Times to 1e-6 s, F0 to 1e-5 Hz, intensity to 1e-3 dB and
 * interpolated linearly at the pitch frame's time; empty where unvoiced, and where intensity is not known.
 */
export function formatResultCsv({ pitch, intensity }: FormatInputs['csv']): string {
  const rows = pitch.f0_hz.map((f0, i) => {
    const timeS = pitch.start_s + i * pitch.step_s
    const db = intensity == null ? null : intensityAt(intensity, timeS)
    return `${timeS.toFixed(6)},${f0 === null ? '' : f0.toFixed(5)},${db === null ? '' : db.toFixed(3)}`
  })
  return `${['time_s,f0_hz,intensity_db', ...rows].join('\n')}\n`
}

/** Half a step beyond the outermost frames their values still hold; further out nothing is known. */
function intensityAt(track: NonNullable<FormatInputs['csv']['intensity']>, timeS: number): number | null {
  const place = (timeS - track.start_s) / track.step_s
  const last = track.values_db.length - 1
  if (place < -0.5 || place > last + 0.5) return null
  const below = Math.floor(Math.min(Math.max(place, 0), last))
  const low = track.values_db[below]!
  const high = track.values_db[Math.min(below + 1, last)]!
  return low + (high - low) * Math.max(0, Math.min(1, place - below))
}
