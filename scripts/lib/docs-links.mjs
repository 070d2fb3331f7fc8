import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { Findings } from './report.mjs';
import { root } from './run.mjs';
import { trackedFiles } from './tracked-files.mjs';

/**
 * Every relative link of every Markdown file leads to a file that is there, and its `#anchor` to a heading of it (or, as
 * `#L12`, to a line). Paths in code spans of tables (`packages/l1/src/lru.test.ts`) are held to the same.
 */
export async function docsLinks() {
  const files = await trackedFiles('*.md');
  const problems = files.flatMap((file) => problemsOf(file));
  if (problems.length) throw new Findings(problems);
  return `${files.length} files`;
}

function problemsOf(file) {
  const problems = [];
  for (const { line, text } of proseLines(readFileSync(join(root, file), 'utf8'))) {
    const withoutCode = text.replace(/(`+).*?\1/g, '``');
    for (const [, bracketed, bare] of withoutCode.matchAll(
      /\]\((?:<([^>]*)>|([^()\s]*(?:\([^()\s]*\)[^()\s]*)*))[^)]*\)/g,
    )) {
      const problem = problemOf(file, bracketed ?? bare);
      if (problem) problems.push(`${file}:${line} ${problem}`);
    }
    const [, reference] = /^\[[^\]]+\]:\s*<?([^\s>]+)/.exec(withoutCode) ?? [];
    const problem = reference && problemOf(file, reference);
    if (problem) problems.push(`${file}:${line} ${problem}`);
    for (const path of text.startsWith('|') ? pathsInCode(text) : []) {
      if (!existsSync(join(root, path))) problems.push(`${file}:${line} names ${path}, which is not there`);
    }
  }
  return problems;
}

function problemOf(file, target) {
  if (/^[a-z][a-z\d+.-]*:/i.test(target)) return undefined;
  const [path, anchor] = target.split('#', 2).map(decodeURIComponent);
  const absolute = path === '' ? join(root, file) : resolve(root, dirname(file), path);
  const name = relative(root, absolute);
  if (name.startsWith('..')) return `leads out of the repository: ${target}`;
  if (!existsSync(absolute)) return `leads nowhere: ${target}`;
  if (!anchor) return undefined;
  if (statSync(absolute).isDirectory()) return `has an anchor into a folder: ${target}`;
  const text = readFileSync(absolute, 'utf8');
  const [, lastLine] = /^L\d+(?:-L(\d+))?$/.exec(anchor) ?? [];
  if (/^L\d/.test(anchor)) {
    const wanted = Number(lastLine ?? anchor.slice(1));
    return wanted <= text.split('\n').length ? undefined : `leads past the end of ${name}: ${target}`;
  }
  return anchors(text).has(anchor) ? undefined : `leads to no heading of ${name}: ${target}`;
}

/** The paths below the workspace's folders that stand in code spans of a line. */
function pathsInCode(text) {
  return [...text.matchAll(/`([^`]+)`/g)]
    .map(([, code]) => code)
    .filter((code) => /^(?:packages|examples|test|docs|scripts|bench)\/[\w./-]+$/.test(code));
}

/** The anchors that GitHub gives to the headings of a Markdown text, and those that it sets by hand. */
function anchors(markdown) {
  const seen = new Map();
  const found = new Set([...markdown.matchAll(/<a\s+(?:id|name)="([^"]+)"/g)].map(([, id]) => id));
  for (const { text } of proseLines(markdown)) {
    const [, heading] = /^#{1,6}\s+(.*?)\s*#*\s*$/.exec(text) ?? [];
    if (heading === undefined) continue;
    const slug = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M}\p{Pc}\- ]/gu, '')
      .replaceAll(' ', '-');
    const earlier = seen.get(slug) ?? 0;
    seen.set(slug, earlier + 1);
    found.add(earlier === 0 ? slug : `${slug}-${earlier}`);
  }
  return found;
}

/** The lines of a Markdown text outside its fenced code, numbered from 1. */
function proseLines(markdown) {
  let fence;
  const lines = [];
  for (const [index, text] of markdown.split('\n').entries()) {
    const [, mark] = /^\s*(`{3,}|~{3,})/.exec(text) ?? [];
    if (fence === undefined && mark) fence = mark;
    else if (fence !== undefined && mark?.startsWith(fence)) fence = undefined;
    else if (fence === undefined) lines.push({ line: index + 1, text });
  }
  return lines;
}
