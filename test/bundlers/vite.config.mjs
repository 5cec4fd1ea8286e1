export default {
  build: {
    ssr: 'main.mjs',
    outDir: `out/${process.env.EXTERNAL}`,
    rollupOptions: { output: { entryFileNames: 'vite.mjs' } },
  },
  ssr: { noExternal: process.env.EXTERNAL === 'vite-bundled' ? true : undefined },
}
