import { type Dispatcher, FormData, Request, type RequestInfo, type RequestInit, fetch as undiciFetch } from 'undici';

/** The global `fetch` by its type, and that of undici as well: takes the `Request` and the `FormData` of either. */
export type Fetch = typeof globalThis.fetch & typeof undiciFetch;

/** `fetch` through `dispatcher`. */
export function fetchThrough(dispatcher: Dispatcher): Fetch {
  const through = (input: RequestInfo | globalThis.Request, init?: RequestInit | globalThis.RequestInit) => {
    const request = isForeignRequest(input) ? ours(input) : (input as RequestInfo);
    return undiciFetch(request, { ...oursOf(init), dispatcher });
  };
  return through as unknown as Fetch;
}

/** undici would take the global one, which is of Node's own undici, for a URL. */
function isForeignRequest(input: RequestInfo | globalThis.Request): input is globalThis.Request {
  return input instanceof globalThis.Request && !((input as object) instanceof Request);
}

function ours(request: globalThis.Request): Request {
  return new Request(request.url, request as unknown as RequestInit);
}

function oursOf(init: RequestInit | globalThis.RequestInit = {}): RequestInit {
  const { body } = init;
  // And the global form for the text `[object FormData]`.
  if (!(body instanceof globalThis.FormData) || (body as object) instanceof FormData) return init as RequestInit;
  const form = new FormData();
  for (const [name, value] of body) form.append(name, value);
  return { ...(init as RequestInit), body: form };
}
