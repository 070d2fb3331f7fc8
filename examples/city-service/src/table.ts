/** A table in box-drawing characters. The first column is aligned to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const rule = (left: string, middle: string, right: string) =>
    left + widths.map((width) => '─'.repeat(width + 2)).join(middle) + right;
  const lines = rows.map(
    (row) =>
      `│${row
        .map((cell, column) => {
          const width = widths[column] ?? 0;
          return ` ${column === 0 ? cell.padEnd(width) : cell.padStart(width)} `;
        })
        .join('│')}│`,
  );
  const [head = '', ...body] = lines;
  return [rule('┌', '┬', '┐'), head, rule('├', '┼', '┤'), ...body, rule('└', '┴', '┘')].join('\n');
}
