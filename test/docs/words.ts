/** What we do not write, and what we write instead. Searched in every page and in the comments of packages. */
const unwanted: readonly { readonly pattern: RegExp; readonly instead: string }[] = [
  { pattern: /(?<!event ?)\bemitters?\b/i, instead: 'producer' },
  { pattern: /\bno promise tells\b/i, instead: 'errors that belong to no call' },
  { pattern: /\boutlives? the moment\b/i, instead: 'what happens, with a subject and a verb' },
  { pattern: /\bboth sides (have to say it|say it: for)\b/i, instead: 'what each side needs it for' },
  { pattern: /\bdearest\b/i, instead: 'most expensive' },
  { pattern: /\bdoubts: /i, instead: 'questions' },
  { pattern: /\bwatch it being done\b/i, instead: 'what there is to see' },
  { pattern: /\bnothing was heard of it for\b/i, instead: 'no event came' },
  { pattern: /\butiliz|\bleverag|\bseamless|\bblazing|\beffortless/i, instead: 'use, or what was measured' },
  { pattern: /\bsimply\b|\bobviously\b|\beasily\b/i, instead: 'nothing' },
  { pattern: /\be\.g\.|\bi\.e\.|\betc\./i, instead: 'for instance, that is, and so on' },
]

/** The unwanted words of a text, each with the line it is on. */
export function unwantedIn(text: string): string[] {
  return text.split('\n').flatMap((line, index) =>
    unwanted.flatMap(({ pattern, instead }) => {
      const found = pattern.exec(line)?.[0]
      return found === undefined ? [] : [`line ${index + 1}: "${found}": write ${instead}`]
    }),
  )
}

/** Source with everything but its comments blanked, so that lines stay what they are. */
export function commentsOf(source: string): string {
  return source.replaceAll(/(\/\*[^]*?\*\/|(?<!:)\/\/.*)|[^\n]/g, (_, comment?: string) => comment ?? '')
}

/** Terms that a page links to the glossary where it uses them first. */
const terms: Readonly<Record<string, RegExp>> = {
  producer: /\bproducers?\b/i,
  outcome: /\boutcomes?\b/i,
  recall: /\brecall(s|ed)?\b/i,
  backstop: /\bbackstops?\b/i,
  'last look': /\blast looks?\b/i,
  home: /\bhomes?\b/i,
}

/** The terms of a page whose first use, outside of code, headings and other links, does not lead to the glossary. */
export function unlinkedTerms(markdown: string): string[] {
  const prose = markdown
    .replaceAll(/^ *```[^]*?^ *```$/gm, '')
    // What a script writes there has no links.
    .replaceAll(/<!-- from [^]*?<!-- end -->/g, '')
    .replaceAll(/<!--[^]*?-->|^#+ .*$|`[^`\n]*`/gm, '')
    .replaceAll(/\[([^\]]*)\]\(([^)]*)\)/g, (_, text: string, to: string) =>
      to.includes('glossary.md') ? `⟦${text}⟧` : '',
    )
  return Object.entries(terms).flatMap(([term, pattern]) => {
    const first = pattern.exec(prose)
    const isLinked = first !== null && prose.lastIndexOf('⟦', first.index) > prose.lastIndexOf('⟧', first.index)
    return first === null || isLinked ? [] : [term]
  })
}
