/** The forms in which a result can be had. */
export const RESULT_FORMATS = ['json', 'csv', 'textgrid', 'pitchtier', 'svg'] as const
export type ResultFormat = (typeof RESULT_FORMATS)[number]
/** The forms that are made from the JSON. */
export type DerivedFormat = Exclude<ResultFormat, 'json'>

export const RESULT_TYPES: Readonly<Record<ResultFormat, string>> = {
  json: 'application/json; charset=utf-8',
  csv: 'text/csv; charset=utf-8',
  textgrid: 'text/plain; charset=utf-8',
  pitchtier: 'text/plain; charset=utf-8',
  svg: 'image/svg+xml; charset=utf-8',
}
