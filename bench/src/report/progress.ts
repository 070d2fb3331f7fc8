/** After this long without news, a log that is no terminal is told that it still runs (milliseconds). */
const PATIENCE_MS = 20_000;

/** Shows what is being done: on a terminal in one line, which goes when it is done; elsewhere now and then. */
export function progress(title: string, out: NodeJS.WriteStream = process.stderr) {
  let news = '';
  const clock = setInterval(() => {
    if (!out.isTTY) out.write(`… ${title}: ${news}\n`);
  }, PATIENCE_MS);
  return {
    note: (text: string) => {
      news = text;
      if (out.isTTY) out.write(`\r\x1b[K${`… ${title}: ${news}`.slice(0, out.columns - 1)}`);
    },
    done: () => {
      clearInterval(clock);
      if (out.isTTY) out.write('\r\x1b[K');
    },
  };
}
