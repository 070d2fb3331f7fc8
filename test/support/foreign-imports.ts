import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** `import … from 'x'` and `export … from 'x'`, `import 'x'`, and `import('x')` as code and declarations have it. */
const SPECIFIER =
  /^(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"\n]+)['"]|^import\s*['"]([^'"\n]+)['"]|\bimport\(\s*['"]([^'"\n]+)['"]/gm;

/**
 * The packages that a compiled module (`.js` or `.d.ts`) and the modules of its own package that it reaches import: `node:fs`,
 * `lru-cache`, `@tierwise/l2`.
 */
export async function foreignImports(entry: string): Promise<Set<string>> {
  const packages = new Set<string>();
  const seen = new Set<string>();
  const visit = async (file: string): Promise<void> => {
    if (seen.has(file)) return;
    seen.add(file);
    const text = withoutComments(await readFile(file, 'utf8'));
    for (const [, from, bare, dynamic] of text.matchAll(SPECIFIER)) {
      const specifier = from ?? bare ?? dynamic ?? '';
      if (specifier.startsWith('.')) await visit(beside(file, specifier));
      else packages.add(packageOf(specifier));
    }
  };
  await visit(entry);
  return packages;
}

/** Declaration files import `./x.js` and mean `./x.d.ts`. */
function beside(file: string, specifier: string): string {
  const target = join(dirname(file), specifier);
  return file.endsWith('.d.ts') ? target.replace(/\.js$/, '.d.ts') : target;
}

function packageOf(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** Examples in doc comments import what they like. */
function withoutComments(code: string): string {
  return code.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}
