/** Reads import specifiers from TypeScript and JavaScript source, type-only ones included. */

export interface Import {
  readonly specifier: string
  readonly line: number
}

const PATTERNS = [
  /^[ \t]*(?:import|export)\b[^'"`;]*?\bfrom\s*(['"])([^'"]+)\1/gm,
  /^[ \t]*import\s*(['"])([^'"]+)\1/gm,
  /\bimport\s*\(\s*(['"])([^'"]+)\1/g,
  // A thread's file is named by its URL.
  /\bnew URL\(\s*(['"])(\.{1,2}\/[^'"]+\.[cm]?[jt]s)\1\s*,\s*import\.meta\.url/g,
]

export function readImports(source: string): Import[] {
  const code = blankComments(source)
  return PATTERNS.flatMap((pattern) =>
    [...code.matchAll(pattern)].map((match) => ({
      specifier: match[2] as string,
      line: code.slice(0, match.index).split('\n').length,
    })),
  )
}

/** Comments as blanks of the same length; strings and templates are passed over, so that a URL is no comment. */
export function blankComments(source: string): string {
  const tokens = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g
  return source.replace(tokens, (token) => (token.startsWith('/') ? token.replace(/[^\n]/g, ' ') : token))
}
