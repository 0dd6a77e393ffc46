import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { TOPOLOGY } from '../../infra/topology.ts'
import { ROOT } from '../support/processes.ts'

const read = (file: string) => readFileSync(join(ROOT, file), 'utf8')
const rows = read('docs/outages.md')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| outage') && !line.startsWith('| what'))
  .map((line) => line.slice(2, -2).split(' | '))

test('every outage in docs/outages.md names a test that exists', () => {
  const outages = rows.filter(({ length }) => length === 5)
  assert.ok(outages.length >= 14)
  for (const [outage, , , , place = ''] of outages) {
    const [, file = '', title = ''] = /^`([^`]+)`: (.+)$/.exec(place) ?? []
    // Titles of a test for several cases are written with the case left open.
    const pattern = title.replace(/a minute (ahead|behind)/, 'a minute ${name}')
    assert.ok(read(file).includes(`'${title}'`) || read(file).includes(`\`${pattern}\``), `${outage}: ${title}`)
  }
})

test('every limit in docs/outages.md is the one in the code', () => {
  const limits = rows.filter(({ length }) => length === 3)
  assert.ok(limits.length >= 15)
  for (const [what, limitMs = '', place = ''] of limits) {
    const [, name, file = ''] = /^`([^`]+)` in `([^`]+)`$/.exec(place) ?? []
    const found = new RegExp(`\\b${name}(?::| =) (?:[\\w.]+ \\?\\? )?([\\d_]+)`).exec(read(file))?.[1]
    assert.equal(found?.replaceAll('_', ''), limitMs, what)
  }
})

test('how many crashes end a job is told as the redrive policy has it', () => {
  const { maxReceiveCount } = TOPOLOGY.analysisQueue
  const told = `${read('docs/guarantees.md')}\n${read('docs/dead-letters.md')}`
  const times = [...told.matchAll(/(?:killed|handed out|received) (\d+) times/g)].map(([, count]) => Number(count))
  assert.deepEqual(times, [maxReceiveCount, maxReceiveCount, maxReceiveCount])
})
