import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ConfigError, type Environment, type LoadConfigOptions, loadConfig } from './index.js';

/** A directory with these files. */
async function directory(files: Readonly<Record<string, string>>): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'tierwise-config-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text);
  return path;
}

async function load(files: Record<string, string>, options: LoadConfigOptions = {}, environment: Environment = {}) {
  const cwd = await directory(files);
  return { cwd, loaded: await loadConfig({ cwd, environment, ...options }) };
}

async function refusal(files: Record<string, string>, options: LoadConfigOptions = {}): Promise<string> {
  const error: unknown = await load(files, options).then(
    () => expect.unreachable('it was accepted'),
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(ConfigError);
  expect((error as ConfigError).problems).toEqual([expect.objectContaining({ code: 'file' })]);
  return (error as ConfigError).message;
}

const MODULE = `
import { sep } from 'node:path';
export default { namespace: 'files', ttl: sep.length * 1000, l1: { maxEntries: 7 } };
`;

test.each<[string, string]>([
  [
    'tierwise.config.json',
    '\uFEFF{ "$schema": "./x.json", "namespace": "files", "ttl": 1000, "l1": { "maxEntries": 7 } }',
  ],
  ['tierwise.config.toml', '# a comment\nnamespace = "files"\nttl = 1000\n[l1]\nmaxEntries = 7\n'],
  ['tierwise.config.js', MODULE.replace('import { sep }', 'import { sep as sep }')],
  [
    'tierwise.config.ts',
    `${MODULE}\nexport type Unused = { readonly a: number };\nconst kept: Unused = { a: 1 };\nvoid kept;`,
  ],
])('%s is found, and its options are the file’s', async (name, text) => {
  const files = { [name]: text, 'package.json': '{ "type": "module" }' };
  const { cwd, loaded } = await load(files, { code: { ttl: 5 } });
  expect(loaded.file).toBe(join(cwd, name));
  expect(loaded.options).toEqual({ namespace: 'files', ttl: 1000, l1: { maxEntries: 7 } });
  expect(loaded.entries.find(({ option }) => option === 'ttl')).toEqual({ option: 'ttl', value: 1000, source: name });
});

test('a module may give a function, which may be asynchronous', async () => {
  const { loaded } = await load({ 'tierwise.config.js': 'module.exports = async () => ({ namespace: "later" });' });
  expect(loaded.options.namespace).toBe('later');
});

test('the environment goes before the file', async () => {
  const { loaded } = await load(
    { 'tierwise.config.json': '{ "namespace": "file" }' },
    {},
    { TIERWISE_NAMESPACE: 'variable' },
  );
  expect(loaded.options.namespace).toBe('variable');
});

test('a file of another name is read if it is named, by the option or by TIERWISE_CONFIG', async () => {
  const files = { 'other.toml': 'namespace = "other"', 'tierwise.config.json': '{ "namespace": "usual" }' };
  expect((await load(files, { file: 'other.toml' })).loaded.options.namespace).toBe('other');
  expect((await load(files, {}, { TIERWISE_CONFIG: 'other.toml' })).loaded.options.namespace).toBe('other');
  expect((await load(files, { file: 'tierwise.config.json' }, { TIERWISE_CONFIG: 'other.toml' })).loaded.file).toMatch(
    /json$/,
  );
  expect((await load(files, { file: false, code: { namespace: 'code' } })).loaded.file).toBeUndefined();
});

test('none is needed', async () => {
  expect((await load({}, { code: { namespace: 'code' } })).loaded.file).toBeUndefined();
});

test.each<[string, Record<string, string>, LoadConfigOptions, string]>([
  [
    'two beside each other',
    { 'tierwise.config.json': '{}', 'tierwise.config.toml': '' },
    {},
    'stand beside each other',
  ],
  ['one that is named and not there', {}, { file: 'none.json' }, 'none.json does not exist'],
  ['one of another kind', { 'a.yaml': 'a: 1' }, { file: 'a.yaml' }, 'must end in'],
  ['no object', { 'tierwise.config.json': '[1]' }, {}, 'must give an object'],
  [
    'no default export',
    { 'tierwise.config.js': 'export const a = 1;', 'package.json': '{ "type": "module" }' },
    {},
    'must give an object',
  ],
  ['a module that throws', { 'tierwise.config.js': 'throw new Error("no such database")' }, {}, 'no such database'],
  [
    'a function that rejects',
    { 'tierwise.config.js': 'module.exports = async () => { throw new Error("later") }' },
    {},
    'later',
  ],
])('%s', async (_, files, options, message) => {
  expect(await refusal(files, options)).toContain(message);
});

test('what a module throws has no passwords of URLs in it', async () => {
  const text = 'throw new Error("no answer from https://ada:hunter2@vault.example/keys")';
  const message = await refusal({ 'tierwise.config.js': text });
  expect(message).toContain('https://***@vault.example/keys');
});

test.each<[string, string, number]>([
  ['tierwise.config.json', '{\n  "l2": { "redis": {\n    "password": "hunter2",, } }\n}', 3],
  ['tierwise.config.toml', 'namespace = "a"\npassword = "hunter2" = 5\n', 2],
])('what is no %s says where, and not what: there may be a secret', async (name, text, line) => {
  const message = await refusal({ [name]: text });
  expect(message).toContain(`from line ${line} on`);
  expect(message).not.toContain('hunter2');
});
