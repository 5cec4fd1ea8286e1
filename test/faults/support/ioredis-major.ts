// Imported first by what runs without jest, as jest's module map does it for tests.
// eslint-disable-next-line @typescript-eslint/no-require-imports -- only if asked for
if (process.env['IOREDIS'] === '6') require('../../integration/support/ioredis-major.cjs')
