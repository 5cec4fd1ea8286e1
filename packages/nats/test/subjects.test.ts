import fc from 'fast-check'
import { decodeToken, encodeToken, idOf, keyOf, subjectOf, subjectsOf } from '../src/wire/subjects'

const text = fc.string({ unit: 'binary', minLength: 1 }).filter((value) => value.isWellFormed())

test('a token is what NATS and its key-value buckets allow, and says what it was made of', () => {
  fc.assert(
    fc.property(text, (value) => {
      const token = encodeToken(value)
      expect(token).toMatch(/^[-/=\w]+$/)
      expect(decodeToken(token)).toBe(value)
    }),
    { numRuns: 1_000 },
  )
})

test('what is harmless stays readable', () => {
  expect(encodeToken('user/42_a-B')).toBe('user/42_a-B')
  expect(encodeToken('a.b *>=é€😀')).toBe('a=2Eb=20=2A=3E=3D=C3=A9=E2=82=AC=F0=9F=98=80')
})

test.each(['=2e', '=41', '=', '=2', '=zz', 'a b', 'é', '=FF', '=C3', '=C3=A9=A9'])(
  'there is one way to write a token, and %j is none',
  (token) => {
    expect(decodeToken(token)).toBeUndefined()
  },
)

test('two different names and ids never share a subject', () => {
  fc.assert(
    fc.property(text, text, text, text, (name, id, otherName, otherId) => {
      const same = name === otherName && id === otherId
      expect(subjectOf('se', { name, id }) === subjectOf('se', { name: otherName, id: otherId })).toBe(same)
    }),
  )
  expect(subjectOf('se', { name: 'a', id: 'b.c' })).not.toBe(subjectOf('se', { name: 'a.b', id: 'c' }))
})

test('the longest names and ids fit into a line of the protocol, with the longest prefix', () => {
  const name = '😀'.repeat(128)
  const prefix = 'p'.repeat(64)
  const subject = subjectOf(prefix, { name, id: name })
  const inbox = `_INBOX.${'x'.repeat(22)}.${'x'.repeat(8)}`
  const line = `HPUB $KV.${prefix}.${subject} ${inbox} 999999 9999999\r\n`
  expect(line.length).toBeLessThan(4_096)
})

test('a topic is one subject, or all of a name; the id can be told from a subject', () => {
  expect(subjectsOf('a.b', { name: 'report', id: '4.2' })).toBe('a.b.report.4=2E2')
  expect(subjectsOf('a.b', { name: 'report' })).toBe('a.b.report.>')
  expect(idOf('a.b', 'report', 'a.b.report.4=2E2')).toBe('4.2')
})

test('an id with a label has its subject in its home, and its key elsewhere', () => {
  const key = { name: 'a.b', id: 'x~AAAAaaaarko' }
  expect(subjectOf('se', key)).toBe('se.a=2Eb.AAAAaaaarko.x=7EAAAAaaaarko')
  expect(keyOf('se', key)).toBe('se.a=2Eb.x=7EAAAAaaaarko')
  expect(subjectsOf('se', { name: 'a.b', home: 'AAAAaaaarko' })).toBe('se.a=2Eb.AAAAaaaarko.*')
  expect(idOf('se', 'a.b', subjectOf('se', key))).toBe(key.id)
})

test('what comes under a name and is of no home there belongs to somebody else', () => {
  for (const rest of ['other.id', 'BBBB-b_9I1p.x=7EAAAAaaaarko', 'AAAAaaaarko.x=7EAAAAaaaarko.more', 'a.b.c', 'a.=zz'])
    expect(idOf('se', 'report', `se.report.${rest}`)).toBeNull()
  expect(idOf('se', 'report', 'se.report.=zz')).toBeUndefined()
})
