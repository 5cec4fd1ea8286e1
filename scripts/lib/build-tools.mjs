// How each bundler and compiler is called by `npm run packages -- --bundlers`, and what then runs.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './cache.mjs'

/**
 * @typedef {object} Way one way to use a tool
 * @property {string} title
 * @property {string[]} [build] a program of node_modules/.bin and its arguments
 * @property {Record<string, string>} [env] of the build
 * @property {string} output the file that then runs
 * @property {string} [by] the program of node_modules/.bin that runs it; this Node by default
 * @property {boolean} [alone] whether the output must run where no package is installed
 *
 * @typedef {{ name: string, package: string, others?: string[], ways: Way[] }} Tool
 */

/** The line that docs/faq.md gives to users of esbuild: what is tried is what they are told. */
function bannerOfFaq() {
  const line = /`--banner:js="([^`]+)"`/.exec(readFileSync(join(root, 'docs/faq.md'), 'utf8'))?.[1]
  if (line === undefined) throw new Error('docs/faq.md has no banner for esbuild any more')
  return line
}

const esbuild = ['esbuild', 'main.ts', '--bundle', '--platform=node', '--log-level=error']
const rolldown = ['rolldown', 'main.ts', '--platform', 'node', '--no-clean-dir']

/** @type {Tool[]} */
export const bundlers = [
  {
    name: 'esbuild',
    package: 'esbuild',
    ways: [
      {
        title: 'cjs, all bundled',
        build: [...esbuild, '--format=cjs', '--outfile=out/esbuild.cjs'],
        output: 'esbuild.cjs',
        alone: true,
      },
      {
        title: 'esm, all bundled, with the banner of the FAQ',
        build: [...esbuild, '--format=esm', '--outfile=out/esbuild.mjs', `--banner:js=${bannerOfFaq()}`],
        output: 'esbuild.mjs',
        alone: true,
      },
      {
        title: 'esm, packages external',
        build: [...esbuild, '--format=esm', '--packages=external', '--outfile=out/external.mjs'],
        output: 'external.mjs',
      },
    ],
  },
  {
    name: 'rollup',
    package: 'rollup',
    others: ['@rollup/plugin-commonjs', '@rollup/plugin-json', '@rollup/plugin-node-resolve'],
    ways: [
      { title: 'esm', build: ['rollup', '-c', 'rollup.config.cjs'], output: 'rollup.mjs', alone: true },
      { title: 'cjs', output: 'rollup.cjs', alone: true },
    ],
  },
  {
    name: 'rolldown',
    package: 'rolldown',
    ways: [
      {
        title: 'esm',
        build: [...rolldown, '--format', 'esm', '--file', 'out/rolldown.mjs'],
        output: 'rolldown.mjs',
        alone: true,
      },
      {
        title: 'cjs',
        build: [...rolldown, '--format', 'cjs', '--file', 'out/rolldown.cjs'],
        output: 'rolldown.cjs',
        alone: true,
      },
    ],
  },
  {
    name: 'webpack',
    package: 'webpack',
    others: ['webpack-cli'],
    ways: [
      {
        title: 'target node',
        build: ['webpack', '-c', 'webpack.config.cjs'],
        env: { TOOL: 'webpack' },
        output: 'webpack.cjs',
        alone: true,
      },
    ],
  },
  {
    name: 'rspack',
    package: '@rspack/core',
    others: ['@rspack/cli'],
    ways: [
      {
        title: 'target node',
        build: ['rspack', 'build', '-c', 'webpack.config.cjs'],
        env: { TOOL: 'rspack' },
        output: 'rspack.cjs',
        alone: true,
      },
    ],
  },
  {
    name: 'vite',
    package: 'vite',
    ways: [
      {
        title: 'ssr, packages external',
        build: ['vite', 'build', '-c', 'vite.config.mjs'],
        env: { EXTERNAL: 'vite-external' },
        output: 'vite-external/vite.mjs',
      },
      {
        title: 'ssr, all bundled',
        build: ['vite', 'build', '-c', 'vite.config.mjs'],
        env: { EXTERNAL: 'vite-bundled' },
        output: 'vite-bundled/vite.mjs',
        alone: true,
      },
    ],
  },
  {
    name: 'ncc',
    package: '@vercel/ncc',
    ways: [
      { title: 'cjs', build: ['ncc', 'build', 'main.cjs', '-o', 'out/ncc'], output: 'ncc/index.cjs', alone: true },
    ],
  },
  {
    name: 'Bun',
    package: 'bun',
    ways: [
      {
        title: 'build for node',
        build: ['bun', 'build', 'main.ts', '--target=node', '--outfile=out/bun-node.mjs'],
        output: 'bun-node.mjs',
        alone: true,
      },
      {
        title: 'build for bun',
        build: ['bun', 'build', 'main.ts', '--target=bun', '--outfile=out/bun.mjs'],
        output: 'bun.mjs',
        by: 'bun',
        alone: true,
      },
    ],
  },
  { name: 'tsx', package: 'tsx', ways: [{ title: 'main.ts', output: '../main.ts', by: 'tsx' }] },
  {
    name: 'swc',
    package: '@swc/core',
    others: ['@swc/cli'],
    ways: [
      {
        title: 'to cjs',
        build: ['swc', 'main.ts', '--config-file', 'swcrc.json', '-o', 'out/swc.cjs'],
        output: 'swc.cjs',
      },
    ],
  },
]
