import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAudit } from '../../../scripts/audit/parse-audit.ts'

const report = (severities: Readonly<Record<string, string>>): string => {
  const entries = Object.entries(severities).map(([name, severity]) => [name, { severity, range: '<2.0.0' }])
  return JSON.stringify({ vulnerabilities: Object.fromEntries(entries) })
}

test('a high or critical fault fails, and is named; lower ones and none pass', () => {
  const failed = parseAudit(report({ one: 'high', two: 'moderate', three: 'critical' }), 'Command failed')
  assert.equal(failed.passed, false)
  assert.deepEqual(failed.sentence.split('\n').slice(1), ['  high: one <2.0.0', '  critical: three <2.0.0'])
  for (const severities of [{}, { two: 'moderate' }]) {
    const { passed, sentence } = parseAudit(report(severities), undefined)
    assert.deepEqual([passed, /^No known fault/.test(sentence)], [true, true])
  }
})

test('without an audit by the registry it passes, and says that nothing was audited and why', () => {
  const cases: [string, string | undefined, RegExp][] = [
    [JSON.stringify({ message: '405 Method Not Allowed', error: { summary: '', detail: '' } }), 'x', /405 Method/],
    [JSON.stringify({ error: { summary: 'no route to the registry' } }), 'x', /no route/],
    ['', 'npm did not answer within 60 s', /did not answer/],
    ['', undefined, /no report/],
    ['null', undefined, /no report/],
  ]
  for (const [output, failure, reason] of cases) {
    const { passed, sentence } = parseAudit(output, failure)
    assert.equal(passed, true)
    assert.match(sentence, /^NOT AUDITED: /)
    assert.match(sentence, reason)
  }
})
