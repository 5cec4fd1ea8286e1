// Tries the rows of the table in docs/codecs.md, given as JSON in the first argument, on the built packages: not within
// jest, whose globals are not those of the codecs. Prints, as JSON, what is wrong with each cell; '' is nothing.
const { isDeepStrictEqual, inspect } = require('node:util')
const { MemoryHub, MemoryTransport } = require('@server-events/memory')
const { pack, unpack } = require('msgpackr')
const { ServerEvents } = require('server-events')

const valueOf = (cell) => new Function(`return (${cell.slice(1, -1)})`)()
const isInvalid = (value) => value instanceof Date && Number.isNaN(value.getTime())
const same = (one, other) => isDeepStrictEqual(one, other) || (isInvalid(one) && isInvalid(other))

async function exchange(codec, value) {
  const options = codec === undefined ? {} : { codec }
  const events = new ServerEvents(new MemoryTransport({ hub: new MemoryHub() }), options)
  events.onerror(() => {})
  try {
    const wait = events.on('value', 1)
    await events.emit('value', 1, value)
    return (await wait)[0]
  } finally {
    await events.close()
  }
}

async function wrongWith(codec, sent, told) {
  try {
    const got = await exchange(codec, valueOf(sent))
    return same(got, valueOf(told === '=' ? sent : told)) ? '' : `arrived as ${inspect(got)}`
  } catch (error) {
    const [refused, what] = told.split(': ')
    const expected = what === undefined ? 'cannot carry' : `argument 1 holds ${what},`
    const isTold = refused === 'refused' && error.code === 'ERR_SERIALIZATION' && error.message.includes(expected)
    return isTold ? '' : String(error)
  }
}

async function main() {
  const { parse, stringify } = await import('devalue')
  const codecs = [
    undefined,
    { encode: (args) => stringify(args), decode: (body) => parse(String(body)) },
    { encode: (args) => pack(args), decode: (body) => unpack(Buffer.from(body)) },
  ]
  const rows = []
  for (const [sent, ...cells] of JSON.parse(process.argv[2])) {
    rows.push(await Promise.all(cells.map((told, index) => wrongWith(codecs[index], sent, told))))
  }
  const pair = ((object) => [object, object])({})
  const shared = await Promise.all(codecs.map((codec) => exchange(codec, pair)))
  console.log(JSON.stringify({ rows, shared: shared.map(([one, other]) => one === other) }))
}

main()
