import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { attributes, metrics } from '../src/names'

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[]
}

const docs = join(__dirname, '../../../docs')
const text = readFileSync(join(docs, 'grafana-dashboard.json'), 'utf8')
const { panels } = JSON.parse(text) as Dashboard

/** As Prometheus has it: of a metric also its unit and kind. */
const inPrometheus = (name: string): string => name.replaceAll('.', '_')

/** A collector adds the unit to the name of a histogram, as OTLP to Prometheus does; the exporter of the SDK does not. */
const eitherName = /\{__name__=~"(\w+)\(_seconds\)\?_bucket"/g

test('the dashboard asks for what the package measures, and for all of it but one', () => {
  const asked = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)).join('\n')
  const bare = asked.replaceAll(eitherName, '$1_seconds_bucket{').replaceAll(/by \([^)]*\)|\{[^}]*\}/g, '')
  const named = [...bare.matchAll(/\b(?:messaging|server_events)_\w+/g)].map(([name]) => name)
  const known = Object.values(metrics).map(inPrometheus)
  for (const name of named) expect(known).toContain(name.replace(/(_seconds_bucket|_total)$/, ''))
  // With a suffix of its own it would be found by one of the two only.
  expect(asked.replaceAll(eitherName, '')).not.toMatch(/_bucket/)
  const unasked = known.filter((name) => !asked.includes(name))
  expect(unasked).toEqual([inPrometheus(metrics.consumed)])
})

test('it groups by attributes that there are', () => {
  const asked = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)).join('\n')
  const groups = [...asked.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(', '))
  const known = ['le', ...Object.values(attributes).map(inPrometheus)]
  for (const group of groups) expect(known).toContain(group)
})

test('its picture was made of this dashboard, and a real run answered what it asks', () => {
  const picture = readFileSync(join(docs, 'grafana-dashboard.svg'), 'utf8')
  expect(picture).toContain(`data-dashboard="${createHash('sha256').update(text).digest('hex')}"`)
  const series = [...picture.matchAll(/data-series="(\d+)"/g)].map(([, count]) => Number(count))
  const empty = panels.map(({ title }) => title).filter((_, index) => !series[index])
  expect(empty).toEqual([])
})
