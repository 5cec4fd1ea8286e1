import { defineConfig } from 'eslint/config'
import tseslint from 'typescript-eslint'

export default defineConfig(
  {
    ignores: [
      '**/dist/',
      '**/coverage/',
      'docs/api/',
      'test/consumer/*.mjs',
      'test/bundlers/',
      'test/runtimes/',
      'packages/*/test/runners/',
    ],
  },
  { linterOptions: { reportUnusedDisableDirectives: 'error', reportUnusedInlineConfigs: 'error' } },

  {
    files: ['**/*.{ts,mjs}'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: {
        project: ['./tsconfig.json', './tsconfig.more.json', './scripts/tsconfig.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      eqeqeq: 'error',
      '@typescript-eslint/no-empty-function': ['error', { allow: ['arrowFunctions'] }],
      'no-console': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', caughtErrors: 'none' }],
      // What was caught is passed on as it is: a cast to Error would be no more true.
      '@typescript-eslint/prefer-promise-reject-errors': ['error', { allowThrowingUnknown: true }],
      // Numbers in messages are the rule here, not the slip.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // Its counterpart no-non-null-assertion is on: what an index cannot miss is asserted with `as`.
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      // What returns nothing may return by what it calls last: that reads better than braces and a second line.
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
    },
  },

  // One style: what is private is so at run time too, and a type says at its import that it is one.
  {
    files: ['packages/*/src/**/*.ts'],
    rules: {
      // A file has one reason to exist, and such a one is not longer.
      'max-lines': ['error', 300],
      'no-restricted-syntax': [
        'error',
        {
          selector: '[accessibility="private"][kind!="constructor"], TSParameterProperty',
          message: 'Write #name, and assign fields in the constructor.',
        },
      ],
    },
  },

  // A number, text or boolean that a module fixes is written LIKE_THIS, any other constant likeThis.
  {
    files: ['packages/*/src/**/*.ts'],
    // Tests, in which a name and an id stand in shorthand.
    ignores: ['packages/conformance/src/cases/**'],
    rules: {
      '@typescript-eslint/naming-convention': [
        'error',
        {
          selector: 'variable',
          modifiers: ['const', 'global'],
          types: ['boolean', 'number', 'string'],
          format: ['UPPER_CASE'],
        },
        { selector: 'variable', modifiers: ['const', 'global'], format: ['camelCase'] },
      ],
    },
  },

  // What people run, not what they import: it talks to a terminal.
  { files: ['examples/**', 'scripts/**', 'simulation/**', 'benchmarks/**'], rules: { 'no-console': 'off' } },

  {
    files: ['**/*.mjs'],
    rules: {
      // A cast in JSDoc is not seen: tsc checks these files instead.
      '@typescript-eslint/no-unsafe-assignment': 'off',
    },
  },

  {
    files: ['**/test/**', '**/typetests/**', 'simulation/**'],
    rules: {
      // Tests hand over what the types forbid, to see it refused.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-explicit-any': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
)
