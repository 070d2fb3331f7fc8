/** The process of one contestant: opens it, measures as often as it is told, closes it, and ends. */
import type { Order, Report } from './contestant-process.js';
import type { Stand } from './scenario.js';
import { SCENARIOS } from './scenarios/index.js';

let stand: Stand | undefined;

process.on('message', async (order: Order) => {
  try {
    answer(await obey(order));
  } catch (error) {
    answer({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
  if (order.do === 'close') process.disconnect();
});
// Whoever started this process is gone: nobody wants its figures.
process.on('disconnect', () => process.exit());

async function obey(order: Order): Promise<Report> {
  switch (order.do) {
    case 'open': {
      const scenario = SCENARIOS.find(({ id }) => id === order.scenario);
      const contestant = scenario?.contestants.find(({ name }) => name === order.contestant);
      if (contestant === undefined) throw new Error(`there is no ${order.contestant} in ${order.scenario}`);
      stand = await contestant.open(order.context);
      // What the set-up has left behind. Not before each measurement: while nothing is under way, a collection of everything has V8 throw
      // away what it has compiled for objects of which there is none right now, which no busy process ever sees.
      globalThis.gc?.();
      return {};
    }
    case 'measure':
      if (stand === undefined) throw new Error('not open');
      return { figures: await stand.measure(order.budgetMs) };
    case 'close':
      await stand?.close();
      return {};
  }
}

function answer(report: Report): void {
  process.send?.(report);
}
