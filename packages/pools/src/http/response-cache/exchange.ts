import type { Dispatcher } from 'undici';

const EXCHANGE = Symbol('tierwise.exchange');

/** A caller's request, as the interceptors around undici's cache know it: the outer one leaves word for the inner one. */
export interface Exchange {
  /** Whether the caller has been answered: what is sent from then on is sent behind its back. */
  answered: boolean;
}

type Options = Dispatcher.DispatchOptions & { readonly [EXCHANGE]?: Exchange };

export function withExchange(options: Dispatcher.DispatchOptions, exchange: Exchange): Dispatcher.DispatchOptions {
  const marked: Options = { ...options, [EXCHANGE]: exchange };
  return marked;
}

export function exchangeOf(options: Dispatcher.DispatchOptions): Exchange | undefined {
  return (options as Options)[EXCHANGE];
}
