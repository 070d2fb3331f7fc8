import { ConfigError } from './problems.js';

/**
 * Imports a package that is there only if somebody wants it. The name is no literal, so that neither compilers nor bundlers expect it.
 *
 * @throws {@link ConfigError} saying what asks for it.
 */
export async function importOptional<T>(name: string, why: string, option: string): Promise<T> {
  try {
    return await import(name);
  } catch (error) {
    // Another error is the package's own, or of something that it needs.
    const isMissing =
      (error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND' &&
      String(error).includes(`'${name.split('/', 2).join('/')}`);
    const how = isMissing ? 'is not installed' : `cannot be loaded: ${error instanceof Error ? error.message : error}`;
    throw new ConfigError([
      {
        code: 'package',
        option,
        source: undefined,
        suggestion: undefined,
        message: `${why}, and the package ${name} ${how}`,
      },
    ]);
  }
}
