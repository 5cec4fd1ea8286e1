// Lets compiled code say which file is entered, and by which function.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import ts from 'typescript'

/**
 * Rewrites every .js file below a folder so that each function, as it begins, calls `globalThis.entered(file, name)`.
 *
 * @param {string} folder
 * @param {string} prefix Before the files' paths in the folder.
 */
export function instrument(folder, prefix) {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.js')) continue
    const path = join(entry.parentPath, entry.name)
    const code = instrumented(readFileSync(path, 'utf8'), `${prefix}/${relative(folder, path)}`)
    // The copy may be hard-linked to what it was copied from.
    rmSync(path)
    writeFileSync(path, code)
  }
}

/** @param {string} code @param {string} file */
function instrumented(code, file) {
  const source = ts.createSourceFile(file, code, ts.ScriptTarget.ES2022, true)
  /** @type {{ at: number, text: string }[]} */
  const insertions = []
  /** @param {ts.Node} node */
  const visit = (node) => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined) {
      const call = `globalThis.entered(${JSON.stringify(file)},${JSON.stringify(nameOf(node))})`
      const body = /** @type {ts.ConciseBody} */ (node.body)
      if (ts.isBlock(body)) {
        insertions.push({ at: startOf(body), text: `;${call};` })
      } else {
        insertions.push({ at: body.getStart(), text: `(${call},` }, { at: body.getEnd(), text: ')' })
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  // From the end, so that positions hold; of two at one place the inner one first.
  const ordered = insertions.map((one, order) => ({ ...one, order })).sort((a, b) => b.at - a.at || b.order - a.order)
  return ordered.reduce((text, { at, text: inserted }) => text.slice(0, at) + inserted + text.slice(at), code)
}

/**
 * Where the body of a function begins: in a constructor of a derived class, behind `super()`.
 *
 * @param {ts.Block} body
 */
function startOf(body) {
  const call = body.statements.find(
    (statement) =>
      ts.isExpressionStatement(statement) &&
      ts.isCallExpression(statement.expression) &&
      statement.expression.expression.kind === ts.SyntaxKind.SuperKeyword,
  )
  return call?.getEnd() ?? body.getStart() + 1
}

/** @param {ts.SignatureDeclaration} node */
function nameOf(node) {
  const { parent } = node
  const own = node.name?.getText()
  const type = ts.isClassLike(parent) ? `${parent.name?.text ?? ''}.` : ''
  if (ts.isConstructorDeclaration(node)) return `${type}constructor`
  if (own !== undefined) return type + own
  if (ts.isVariableDeclaration(parent) || ts.isPropertyDeclaration(parent)) return parent.name.getText()
  return '=>'
}
