/** Valid names that mean something to some broker, file system, language or encoding. All differ, also in the eyes of each. */
export const nastyNames: readonly string[] = [
  ' ', 'a', 'A', 'a b', 'a.b', 'a:b', 'a/b', 'a,b', 'a|b', 'a*', '*', '>', 'a.>', 'a?', '?', '[a]', '[', '\\', '#', '+', '$SYS', '/', '.', '..',
  '%', '%3A', '%2E', '{a}', '{', '-', '--', '"', "'", '`', '<a>', '&', '=', '~', '^', '!', '@', '\0', '\t', 'a\nb', 'a\r\nb', '\u007f', '\u2028',
  '__proto__', 'constructor', 'toString', 'undefined', 'null', '0', 'é', 'e\u0301', 'İ', 'ß', '日本語', '🦕', '\ufeff', '\uffff',
  'n'.repeat(512), `${'n'.repeat(511)}m`, '🦕'.repeat(128),
] // prettier-ignore

export const nastyIds: readonly string[] = [
  ...nastyNames, '1', '01', '1.0', '-1', '1e3', 'a=b', 'a&b', 'a;b', 'true', ' a', 'a ', '[1]', '{"a":1}', 'se2',
] // prettier-ignore

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
