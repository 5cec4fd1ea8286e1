/** Valid names that mean something to some broker, file system, language or encoding. All differ, also in the eyes of each. */
export const nastyNames: readonly string[] = [
  ' ', 'a', 'A', 'a b', 'a.b', 'a:b', 'a/b', 'a,b', 'a|b', 'a*', '*', '>', 'a.>', 'a?', '?', '[a]', '[', '\\', '#', '+', '$SYS', '/', '.', '..',
  '%', '%3A', '%2E', '{a}', '{', '-', '--', '"', "'", '`', '<a>', '&', '=', '~', '^', '!', '@', '\0', '\t', 'a\nb', 'a\r\nb', '\u007f', '\u2028',
  'a\0', 'a\0b', '\0a', 'a\u00a0b', 'a\u200db', 'a\u00adb', '\u212b', '\u00c5', 'k', 'K', '\u212a', 'ﬁ', 'fi', 'Ａ', 'i', 'I', 'ı', 'i\u0307', 'SS', 'É', 'a\t',
  '__proto__', 'constructor', 'toString', 'undefined', 'null', '0', 'é', 'e\u0301', 'İ', 'ß', '日本語', '🦕', '\ufeff', '\uffff',
  'n'.repeat(512), `${'n'.repeat(511)}m`, '🦕'.repeat(128), `${'🦕'.repeat(127)}🦖`, 'n'.repeat(63), 'n'.repeat(64), 'n'.repeat(255), 'n'.repeat(256),
] // prettier-ignore

export const nastyIds: readonly string[] = [
  ...nastyNames, '1', '01', '1.0', '-1', '1e3', 'a=b', 'a&b', 'a;b', 'true', ' a', 'a ', 'a\u3000', '0x1', '1n', '+1', '[1]', '{"a":1}', 'se2',
] // prettier-ignore

/** Two that are not the same, and whom to: some normal form, folding, trimming or cutting takes one for the other. */
export const lookalikes: readonly (readonly [one: string, other: string])[] = [
  ['case', 'CASE'],
  ['é', 'e\u0301'],
  ['\u212b', '\u00c5'],
  ['ﬁx', 'fix'],
  ['straße', 'strasse'],
  ['\u212a', 'k'],
  ['trim', 'trim '],
  ['start', ' start'],
  ['tab', 'tab\t'],
  ['nul', 'nul\0'],
  ['in\0ner', 'inner'],
  ['zero\u200dwidth', 'zerowidth'],
  ['\ufeffbom', 'bom'],
  ['1', '01'],
  ['2', '2.0'],
  ['s p', 's+p'],
  ['s%20q', 's q'],
  ['slash/', 'slash'],
  ['c'.repeat(63), 'c'.repeat(64)],
  ['d'.repeat(255), 'd'.repeat(256)],
  ['e'.repeat(512), `${'e'.repeat(511)}f`],
  ['🦕'.repeat(128), `${'🦕'.repeat(127)}🦖`],
]

/** Names and ids that are patterns somewhere, and what they would cover there. */
export const patterns: readonly { readonly pattern: string; readonly matches: string }[] = [
  { pattern: 'a*', matches: 'ab' },
  { pattern: '*', matches: 'anything' },
  { pattern: 'b?', matches: 'bc' },
  { pattern: '[cd]', matches: 'c' },
  { pattern: '[^e]', matches: 'f' },
  { pattern: 'g.*', matches: 'g.h' },
  { pattern: 'i.>', matches: 'i.j.k' },
  { pattern: '>', matches: 'anything else' },
  { pattern: 'l/#', matches: 'l/m' },
  { pattern: 'n/+', matches: 'n/o' },
  { pattern: 'p\\*', matches: 'p*' },
  { pattern: '(q|r)', matches: 'q' },
  { pattern: '^s.*$', matches: 'st' },
  { pattern: '{u,v}', matches: 'u' },
  { pattern: 'w%', matches: 'wx' },
]
