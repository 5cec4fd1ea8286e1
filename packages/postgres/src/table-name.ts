const WANTED =
  'a name of letters, digits and "_" of at most 63 characters, if need be with a schema before it: "app.outcomes"'

/** What is wanted of the name of a table instead of this; `undefined` if it will do. */
export function checkTable(value: unknown): string | undefined {
  return typeof value === 'string' && /^([a-z_]\w{0,62}\.)?[a-z_]\w{0,62}$/i.test(value) ? undefined : WANTED
}

/** As it stands in statements. */
export function quotedTable(table: string): string {
  return table
    .split('.')
    .map((part) => `"${part}"`)
    .join('.')
}
