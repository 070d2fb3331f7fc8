/** Where a command writes, line by line. */
export interface Output {
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
}
export async function run(_args: readonly string[], _output: Output): Promise<number> {
  return 0;
}
