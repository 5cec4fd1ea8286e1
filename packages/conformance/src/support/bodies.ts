/** Texts that some encoding, some column type or some parser does not give back as they were. */
export const strings: readonly string[] = [
  '', ' ', '[]', ' [1] ', 'two\nlines', '\n', '\r\n\t\0\u001f', '\0', '["a\0b"]', '["\\u0000"]', '"quoted" \\ back', "it's", '$1 %s ? :a', '\\x00ff', '\\0',
  'é e\u0301 ß 日本語 🦕 \u{10ffff}', '\ufeff[1]', '\u2028\u2029\u0085', '\u007f\u0080\ufffd\uffff', 'not JSON {',
  // What is JSON as well, and would come back in another form.
  '0', '1.0', '1e3', '[12345678901234567890]', 'null', 'true', '""', '{"b":1,"a":2,"b":3}', '{ "a" : [1,2] }', '["\\u00e9\\/"]', '{"kind":"failure","body":"x","id":"2"}',
  // What is something to an encoding.
  'AAEC', 'AP8=', '{"type":"Buffer","data":[1]}', 'data:;base64,AAEC', 'b', 'se2', 'null\t{}\t',
] // prettier-ignore

const all = Uint8Array.from({ length: 256 }, (_, index) => index)

/** Bytes that are text, or text that is broken. */
export const bytes: readonly Uint8Array[] = [
  all,
  all.subarray(7, 40),
  new Uint8Array(),
  Uint8Array.of(0),
  Buffer.from('text'),
  Buffer.from('["json"]'),
  Buffer.from('\ufeff["mark"]'),
  Buffer.from('日本語 🦕'),
  Uint8Array.from([0xc3, 0x28, 0xff]),
  Uint8Array.from([0xed, 0xa0, 0x80]),
  Uint8Array.from([0x1f, 0x8b, 8, 0]),
]

/** Headers that some protocol would change, drop or obey. */
export const headers: readonly Readonly<Record<string, string>>[] = [
  { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', tracestate: 'a=1,b=2' },
  { constructor: 'x', 'X-Other': ': ; = " \\', empty: '', unicode: 'é🦕', lines: 'a\r\nb: c\n\nd' },
  { nul: 'a\0b', '\0': 'nul', only: '\0', tab: '\t', del: '\u007f' },
  { é: '1', 'e\u0301': '2', 日本語: '3', 'a b': '4', 'a:b': '5', '': '6', 'two\nlines': '7' },
  { 'x-a': 'lower', 'X-A': 'upper', padded: '  padded  ', number: '1', null: 'null', json: '{"a":[1]}' },
  Object.fromEntries([['__proto__', 'of an object'], ['toString', 'too']]), // prettier-ignore
  { long: 'v'.repeat(4_000), ['n'.repeat(200)]: 'of a long name' },
  Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`many-${index}`, String(index)])),
]

/** What has to travel at least; more may be refused. */
const OWED = 2 ** 16

/** Bodies of all sizes: ASCII, two bytes a character, bytes. */
export function sizes(): (string | Uint8Array)[] {
  return [1, 1_000, 7_999, 8_000, 10_000, 2 ** 15, OWED, 2 ** 18 + 1, 2 ** 20].flatMap((size) => [
    'x'.repeat(size),
    'é'.repeat(size / 2),
    new Uint8Array(size).fill(255),
  ])
}

export function sizeOf(body: string | Uint8Array): string {
  return `${typeof body === 'string' ? 'a string' : 'bytes'} of ${Buffer.byteLength(body)} bytes`
}

/** The codes with which a publish of it may reject. */
export function mayBeRefused(body: string | Uint8Array): string[] {
  return Buffer.byteLength(body) > OWED ? ['ERR_PAYLOAD_TOO_LARGE'] : []
}
