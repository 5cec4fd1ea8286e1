// docs/guarantees.md stands on tests and on the model: what it cites must be there.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import ts from 'typescript'
import { root } from './files'

const page = 'docs/guarantees.md'
const markdown = readFileSync(join(root, page), 'utf8')

/** The links to files of code, as [text, path]. */
const citations = [...markdown.matchAll(/\[([^\]]+)\]\(([^)\s]+\.ts)\)/g)].map(
  ([, text = '', path = '']) => [text, join(dirname(page), path)] as const,
)

const called = /^(\([^()]*\? )?(test|describe|control)\b/

/** What tests are called with, `test.each(…)(title)` included, and what is assigned to `title` or `name`. */
function titlesIn(source: string): (string | RegExp)[] {
  const titles: (string | RegExp)[] = []
  const take = (node: ts.Node | undefined): void => {
    if (node === undefined) return
    if (ts.isStringLiteralLike(node)) titles.push(node.text)
    // What is inserted may be anything.
    if (ts.isTemplateExpression(node)) {
      const parts = [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)]
      const escaped = parts.map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      if (parts.join('').trim() !== '') titles.push(new RegExp(`^${escaped.join('.+')}$`))
    }
  }
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && called.test(node.expression.getText())) take(node.arguments[0])
    if (ts.isPropertyAssignment(node) && /^(title|name)$/.test(node.name.getText())) take(node.initializer)
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile('source.ts', source, ts.ScriptTarget.Latest, true))
  return titles
}

function has(source: string, title: string): boolean {
  return titlesIn(source).some((one) => (typeof one === 'string' ? one === title : one.test(title)))
}

test('a title is found where it is one, and nowhere else', () => {
  const source = `
    describe('a', () => { test("b's", () => { expect('not me') }); test.each([['nor me']])('c %s', () => {}) })
    ;(all ? test : test.skip).each([])('g %s', () => {})
    const cases = [{ title: 'd', run: () => call('nor I') }, { name: \`e \${type} (f)\` }, { name: \`\${all}\` }]`
  for (const title of ['a', "b's", 'c %s', 'd', 'e anything (f)', 'g %s'])
    expect([title, has(source, title)]).toEqual([title, true])
  for (const title of ['not me', 'nor me', 'nor I', 'e', 'A'])
    expect([title, has(source, title)]).toEqual([title, false])
})

test('the page cites tests', () => {
  expect(citations.length).toBeGreaterThan(30)
})

test.each(citations.filter(([text]) => text !== 'Controls'))('"%s" is a title in %s', (text, path) => {
  expect([text, has(readFileSync(join(root, path), 'utf8'), text)]).toEqual([text, true])
})

test('the tables of the model are those of docs/model/README.md', () => {
  const rows = (text: string): string[] =>
    text
      .split('\n')
      .filter((line) => line.startsWith('|'))
      .map((line) => line.replaceAll(/[\s-]+/g, ' '))
  const section = markdown.split('\n## Proved in a model\n')[1]?.split('\n## ')[0] ?? ''
  const model = readFileSync(join(root, 'docs/model/README.md'), 'utf8')
  const verdicts = model.split('\n## Verdicts\n')[1]?.split('\n## ')[0] ?? ''
  expect(rows(section).length).toBeGreaterThan(20)
  expect(rows(section)).toEqual(rows(verdicts))
})
